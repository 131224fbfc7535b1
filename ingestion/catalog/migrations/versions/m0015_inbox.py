"""Documents that were pushed wait in an inbox: the whole content of sources that aren't listed anywhere else."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the inbox, empty."""
    op.create_table(
        "inbox",
        sa.Column("source_id", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=200), nullable=True),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.Column("acl", sa.JSON(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"]),
        sa.PrimaryKeyConstraint("source_id", "external_id"),
    )
    op.create_index("ux_inbox_source_id_sequence", "inbox", ["source_id", "sequence"], unique=True)


def downgrade() -> None:
    """Drop the inbox; what was pushed is in no other place but the index."""
    op.drop_table("inbox")
