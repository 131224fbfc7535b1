"""How many answers of a canary were slow, what shadows answered, and reports that were published."""

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0026"
down_revision = "0029"
branch_labels = None
depends_on = None
compatible_from = "0029"


def upgrade() -> None:
    """Nothing was slow so far."""
    op.add_column("canary_days", sa.Column("slow", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "canary_shadows",
        sa.Column("answer_id", sa.String(length=32), nullable=False),
        sa.Column("canary", sa.String(length=12), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["conversation_turns.answer_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("answer_id"),
    )
    op.create_table(
        "published",
        sa.Column("id", sa.String(length=32), primary_key=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_published_kind", "published", ["kind", "published_at"])


def downgrade() -> None:
    """Forget it."""
    op.drop_table("published")
    op.drop_table("canary_shadows")
    op.drop_column("canary_days", "slow")
