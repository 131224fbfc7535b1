"""Builds of the index beside the live one, and how far they are."""

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "rebuilds",
        sa.Column("generation", sa.String(length=150), nullable=False),
        sa.Column("previous", sa.String(length=150), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("swap", sa.Boolean(), nullable=False),
        sa.Column("position", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("step", "total", "done", "fixed", "tries")),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("round_began", UtcDateTime(), nullable=False),
        sa.Column("watched", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.String(length=200), nullable=True),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("generation"),
    )


def downgrade() -> None:
    """Drop it; generations that were being built stay incomplete, and have to be dropped."""
    op.drop_table("rebuilds")
