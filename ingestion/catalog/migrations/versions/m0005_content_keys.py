"""Which documents say the same, so that they share their vectors."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the key. Documents get theirs when they are next parsed; until then they share nothing."""
    op.add_column("documents", sa.Column("content_key", sa.String(length=64), nullable=True))
    op.create_index("ix_documents_content_key_state", "documents", ["content_key", "state"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_documents_content_key_state", table_name="documents")
    op.drop_column("documents", "content_key")
