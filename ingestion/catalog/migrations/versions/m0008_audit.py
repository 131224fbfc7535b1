"""What administrators did, and which keys the configuration brought in."""

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of audit events. The keys so far were all made by somebody."""
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=True),
        sa.Column("key_id", sa.String(length=32), nullable=True),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("user", sa.String(length=300), nullable=True),
        sa.Column("client", sa.String(length=100), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("object_id", sa.Text(), nullable=True),
        sa.Column("object_name", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("api_keys", sa.Column("from_configuration", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop both. A key that the configuration brought in must not outlive the rule that it counts only while named."""
    op.execute(sa.text("DELETE FROM api_keys WHERE from_configuration"))
    op.drop_column("api_keys", "from_configuration")
    op.drop_table("audit_events")
