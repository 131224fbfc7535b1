"""Documents that lie in other documents: attachments and members of archives."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the link to the outer document."""
    op.add_column("documents", sa.Column("parent_id", sa.String(length=32), nullable=True))
    op.create_index("ix_documents_parent_id", "documents", ["parent_id"])


def downgrade() -> None:
    """Drop it. The inner documents stay; the next sync of their source removes them."""
    op.drop_index("ix_documents_parent_id", table_name="documents")
    op.drop_column("documents", "parent_id")
