"""Which parser a document failed with, and which documents a run tried again."""

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of parsers. What failed before it was kept with which one is tried again by the next sync."""
    op.create_table(
        "parsers",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("version"),
    )
    op.add_column("failures", sa.Column("parser", sa.Integer(), nullable=True))
    op.add_column("documents", sa.Column("retried", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("retried", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop all of it."""
    op.drop_column("runs", "retried")
    op.drop_column("documents", "retried")
    op.drop_column("failures", "parser")
    op.drop_table("parsers")
