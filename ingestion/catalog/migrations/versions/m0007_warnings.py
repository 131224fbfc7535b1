"""Secrets that were found in documents, and files that were withheld because they are secret."""

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. It fills with the next sync, and for documents that are known with their next version."""
    op.create_table(
        "warnings",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("source_id", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"]),
        sa.PrimaryKeyConstraint("document_id"),
    )
    op.create_index("ix_warnings_source_id", "warnings", ["source_id"])
    op.add_column("runs", sa.Column("warned", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop all of it."""
    op.drop_column("runs", "warned")
    op.drop_table("warnings")
