"""Cursors in a table of their own, saved with every page; what a connector notes of a document stands with it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for them. Sources are listed from the start once: cursors of before named every file."""
    op.add_column("documents", sa.Column("note", sa.JSON(), nullable=True))
    op.create_table(
        "cursors",
        sa.Column("source_id", sa.String(length=32), sa.ForeignKey("sources.id"), primary_key=True),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("page", sa.JSON(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
    )
    op.drop_column("sources", "cursor")


def downgrade() -> None:
    """Let sources be listed from the start again."""
    op.add_column("sources", sa.Column("cursor", sa.JSON(), nullable=False, server_default="{}"))
    op.drop_table("cursors")
    op.drop_column("documents", "note")
