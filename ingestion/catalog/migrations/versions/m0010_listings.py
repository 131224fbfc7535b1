"""Listings apart from processing: a source is listed again while documents of an earlier run are on their way."""

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LISTING = "state = 'running' AND NOT listed"
_QUEUED = "state = 'queued'"


def upgrade() -> None:
    """Say which run saw a document, what the index has yet to hear, and how a comparison with the index stands."""
    op.add_column("documents", sa.Column("seen_by", sa.String(length=32), nullable=True))
    op.add_column("documents", sa.Column("index_due", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE documents SET seen_by = run_id")
    op.execute("UPDATE documents SET index_due = (state IN ('updating', 'deleting'))")
    _create_partial("ix_documents_due", "documents", ["source_id", "run_id"], "index_due", unique=False)
    op.add_column("runs", sa.Column("superseded", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("ux_runs_one_running", table_name="runs")
    _create_partial("ux_runs_one_listing", "runs", ["source_id"], _LISTING, unique=True)
    _create_partial("ux_runs_one_queued", "runs", ["source_id"], _QUEUED, unique=True)
    _create_comparison()


def _create_comparison() -> None:
    op.create_table(
        "comparison",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("catalog", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("told_epoch", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("position", sa.String(length=100), nullable=False),
        sa.Column("checked", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("last_found", sa.JSON(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("claimed_by", sa.String(length=200), nullable=True),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_partial(name: str, table: str, columns: list[str], where: str, *, unique: bool) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    """Drop all of it; what was queued or overlaps is ended."""
    op.drop_table("comparison")
    op.drop_index("ux_runs_one_queued", table_name="runs")
    op.drop_index("ux_runs_one_listing", table_name="runs")
    op.execute("UPDATE runs SET finished_at = started_at, state = 'failed' WHERE finished_at IS NULL")
    _create_partial("ux_runs_one_running", "runs", ["source_id"], "finished_at IS NULL", unique=True)
    op.drop_column("runs", "superseded")
    op.drop_index("ix_documents_due", table_name="documents")
    op.drop_column("documents", "index_due")
    op.drop_column("documents", "seen_by")
