"""Nothing periodic costs more as the catalog grows: counts are kept, and what tasks ask for has an index of its own."""

# ruff: noqa: S608 - each part of these statements is written here

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_PARTIAL = {
    "ix_documents_pending": (["source_id", "not_before", "id"], "state = 'pending'"),
    "ix_documents_moving": (["source_id"], "state IN ('queued', 'parsed')"),
    "ix_documents_open": (["run_id", "id"], "outcome IS NULL"),
    "ix_documents_retried": (["run_id"], "retried"),
    "ix_documents_due": (["id"], "index_due"),
    "ix_documents_due_by_source": (["source_id", "id"], "index_due"),
    "ix_documents_due_by_run": (["run_id", "id"], "index_due"),
    "ix_documents_cleared": (["source_id", "id"], "state = 'deleting' AND NOT index_due"),
}
_KIND = "source_id, run_id, state, outcome"
_INTO = f"INSERT INTO document_tallies ({_KIND}, documents, retried)"
_NOW = f"{_INTO} SELECT {_KIND}, count(*), sum(CASE WHEN retried THEN 1 ELSE 0 END) FROM documents GROUP BY {_KIND}"
_ADDED = f"SELECT {_KIND}, 1 AS documents, CASE WHEN retried THEN 1 ELSE 0 END AS retried FROM added"
_REMOVED = f"SELECT {_KIND}, -1, CASE WHEN retried THEN -1 ELSE 0 END FROM removed"
_EVENTS = {
    "INSERT": ("NEW TABLE AS added", _ADDED),
    "UPDATE": ("NEW TABLE AS added OLD TABLE AS removed", f"{_ADDED} UNION ALL {_REMOVED}"),
    "DELETE": ("OLD TABLE AS removed", f"{_REMOVED}"),
}


def upgrade() -> None:
    """Count the documents once, have triggers go on with it, and replace what no statement needs any more."""
    op.drop_index("ix_documents_due", table_name="documents")
    op.drop_index("ix_documents_state_not_before", table_name="documents")
    op.drop_index("ix_documents_run_id_outcome_state", table_name="documents")
    op.drop_index("ix_runs_source_id", table_name="runs")
    for name, (columns, where) in _PARTIAL.items():
        _create_partial(name, "documents", columns, where)
    op.create_index("ix_runs_source_id_started_at", "runs", ["source_id", "started_at"])
    _create_partial("ix_runs_unfinished", "runs", ["source_id", "started_at", "id"], "finished_at IS NULL")
    op.create_table(
        "document_tallies",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("documents", sa.BigInteger(), nullable=False),
        sa.Column("retried", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_document_tallies_source_id_run_id", "document_tallies", ["source_id", "run_id"])
    # Nobody changes a document between the count and the triggers: dropping an index has locked the table.
    op.execute(_NOW)
    if op.get_bind().dialect.name == "postgresql":
        _create_triggers()
    else:
        _create_row_triggers()


def _create_triggers() -> None:
    """On PostgreSQL: one addition a statement, however many documents it changes."""
    for event, (tables, changes) in _EVENTS.items():
        name = f"tally_documents_{event.lower()}"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_INTO} "
            f"SELECT {_KIND}, sum(documents), sum(retried) FROM ({changes}) AS changes (source_id, run_id, state, "
            f"outcome, documents, retried) GROUP BY {_KIND} HAVING sum(documents) <> 0 OR sum(retried) <> 0; "
            "RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON documents REFERENCING {tables} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def _create_row_triggers() -> None:
    """On SQLite: two additions a document whose kind changes."""
    added = f"{_INTO} VALUES (new.source_id, new.run_id, new.state, new.outcome, 1, new.retried);"
    removed = f"{_INTO} VALUES (old.source_id, old.run_id, old.state, old.outcome, -1, -old.retried);"
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in (*_KIND.split(", "), "retried"))
    bodies = {"INSERT": ("", added), "UPDATE": (f"WHEN {changed}", removed + added), "DELETE": ("", removed)}
    for event, (condition, body) in bodies.items():
        name = f"tally_documents_{event.lower()}"
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON documents {condition} BEGIN {body} END")


def _create_partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    """Drop the counts, and make the former indexes again."""
    for event in _EVENTS:
        name = f"tally_documents_{event.lower()}"
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP TRIGGER {name} ON documents")
            op.execute(f"DROP FUNCTION {name}()")
        else:
            op.execute(f"DROP TRIGGER {name}")
    op.drop_table("document_tallies")
    op.drop_index("ix_runs_unfinished", table_name="runs")
    op.drop_index("ix_runs_source_id_started_at", table_name="runs")
    for name in _PARTIAL:
        op.drop_index(name, table_name="documents")
    op.create_index("ix_runs_source_id", "runs", ["source_id"])
    op.create_index("ix_documents_state_not_before", "documents", ["state", "not_before"])
    op.create_index("ix_documents_run_id_outcome_state", "documents", ["run_id", "outcome", "state"])
    _create_partial("ix_documents_due", "documents", ["source_id", "run_id"], "index_due")
