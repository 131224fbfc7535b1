"""Suspects: documents that a dead worker had among others, to be tried alone before one is blamed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say which documents are to be tried alone; none so far."""
    op.add_column("documents", sa.Column("suspect", sa.Boolean(), nullable=False, server_default=sa.false()))
    condition = sa.text("suspect")
    op.create_index("ix_documents_suspect", "documents", ["state"], sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    """Forget them."""
    op.drop_index("ix_documents_suspect", table_name="documents")
    op.drop_column("documents", "suspect")
