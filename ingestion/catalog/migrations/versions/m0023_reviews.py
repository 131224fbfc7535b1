"""Which answers people are to review, and what they say of them."""

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Begin without any."""
    op.create_index("ix_conversation_turns_asked_at", "conversation_turns", ["asked_at"])
    op.create_table(
        "review_samples",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("seed", sa.String(length=100), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("drawn_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "review_pairs",
        sa.Column("answer_id", sa.String(length=32), nullable=False),
        sa.Column("sample", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["conversation_turns.answer_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sample"], ["review_samples.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("answer_id"),
    )
    op.create_index("ix_review_pairs_sample", "review_pairs", ["sample"])
    op.create_table(
        "reviews",
        sa.Column("answer_id", sa.String(length=32), nullable=False),
        sa.Column("reviewer", sa.String(length=310), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("said_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["review_pairs.answer_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("answer_id", "reviewer"),
    )


def downgrade() -> None:
    """Forget them."""
    for table in ("reviews", "review_pairs", "review_samples"):
        op.drop_table(table)
    op.drop_index("ix_conversation_turns_asked_at", "conversation_turns")
