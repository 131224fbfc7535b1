"""How often the arms of a canary fail, by the day, and which canaries were stopped."""

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Begin with nothing."""
    op.create_table(
        "canary_days",
        sa.Column("canary", sa.String(length=12), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("arm", sa.String(length=16), nullable=False),
        sa.Column("conversations", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("unsupported", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("canary", "day", "arm"),
    )
    op.create_table(
        "canary_stops",
        sa.Column("canary", sa.String(length=12), primary_key=True),
        sa.Column("stopped_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_table("canary_stops")
    op.drop_table("canary_days")
