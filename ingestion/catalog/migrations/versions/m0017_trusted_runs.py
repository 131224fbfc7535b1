"""Runs that are cancelled, planned, full or confirmed; sources that are paused, weigh more, or wait alone; and sums of
chunks and bytes beside those of documents."""

# ruff: noqa: S608 - each part of these statements is written here

from itertools import chain
from typing import Any

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_Columns = dict[str, tuple[Any, bool, Any]]
_NO, _ZERO = sa.false(), sa.text("0")
_OF_SOURCES: _Columns = {
    "paused_at": (UtcDateTime(), True, None),
    "held": (sa.Boolean(), False, _NO),
    "weight": (sa.Integer(), False, sa.text("1")),
    "had": (sa.Integer(), True, None),
    "taken_out": (sa.Integer(), False, _ZERO),
}
_OF_RUNS: _Columns = {
    "bytes": (sa.BigInteger(), False, _ZERO),
    "kind": (sa.String(length=16), False, "sync"),
    "full": (sa.Boolean(), False, _NO),
    "confirmed": (sa.Boolean(), False, _NO),
    "cancelled": (sa.Boolean(), False, _NO),
    "plan": (sa.JSON(), True, None),
    "rate": (sa.Double(), True, None),
    "measured": (sa.Integer(), False, _ZERO),
    "measured_at": (UtcDateTime(), True, None),
}
_OF_TALLIES: _Columns = {name: (sa.BigInteger(), False, _ZERO) for name in ("chunks", "bytes")}
_COLUMNS = {"sources": _OF_SOURCES, "runs": _OF_RUNS, "document_tallies": _OF_TALLIES}
_PARTIAL = {
    "ix_documents_pending_since": ("documents", ["source_id", "updated_at"], "state = 'pending'"),
    "ix_runs_syncs": ("runs", ["source_id", "started_at"], "kind = 'sync'"),
    "ix_runs_succeeded": ("runs", ["source_id", "started_at"], "kind = 'sync' AND state = 'finished'"),
}
_KIND = ("source_id", "run_id", "state", "outcome")
_RETRIED = {"retried": "CASE WHEN retried THEN 1 ELSE 0 END"}
_BEFORE = {"documents": "1", **_RETRIED}
_NOW = {**_BEFORE, "chunks": "chunks", "bytes": "size"}
"""What is summed up of documents, and how it is told of one."""
_EVENTS = {"INSERT": "added", "UPDATE": "added removed", "DELETE": "removed"}


def upgrade() -> None:
    """Add the columns; count all documents once more, and have triggers go on with it."""
    for table, columns in _COLUMNS.items():
        for name, (kind, nullable, default) in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=nullable, server_default=default))
    for name, (table, indexed, where) in _PARTIAL.items():
        condition = sa.text(where)
        op.create_index(name, table, indexed, sqlite_where=condition, postgresql_where=condition)
    _create_pauses("stage", "source_id")
    _count_anew(_NOW)


def _create_pauses(*key: str) -> None:
    """Begin with none: whatever is down still is found out at the next try."""
    op.drop_table("pauses")
    op.create_table(
        "pauses",
        *(sa.Column(name, sa.String(length=32), nullable=False) for name in key),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*key),
    )


def _count_anew(sums: dict[str, str]) -> None:
    """Replace triggers and sums. Nobody changes a document meanwhile: dropping a trigger locks the table."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for event in _EVENTS:
        name = f"tally_documents_{event.lower()}"
        op.execute(f"DROP TRIGGER {name} ON documents" if postgresql else f"DROP TRIGGER {name}")
        if postgresql:
            op.execute(f"DROP FUNCTION {name}()")
    kind = ", ".join(_KIND)
    totals = ", ".join(f"sum({what})" for what in sums.values())
    op.execute("DELETE FROM document_tallies")
    op.execute(
        f"INSERT INTO document_tallies ({kind}, {', '.join(sums)}) SELECT {kind}, {totals} FROM documents "
        f"GROUP BY {kind}"
    )
    if postgresql:
        _create_triggers(sums)
    else:
        _create_row_triggers(sums)


def _create_triggers(sums: dict[str, str]) -> None:
    """On PostgreSQL: one addition a statement, however many documents it changes."""
    kind, names = ", ".join(_KIND), ", ".join(sums)
    signs = {"added": "", "removed": "-"}
    for event, tables in _EVENTS.items():
        name = f"tally_documents_{event.lower()}"
        changes = " UNION ALL ".join(
            f"SELECT {kind}, {', '.join(f'{signs[table]}({what}) AS {column}' for column, what in sums.items())} "
            f"FROM {table}"
            for table in tables.split()
        )
        referenced = " ".join(f"{'NEW' if table == 'added' else 'OLD'} TABLE AS {table}" for table in tables.split())
        differs = " OR ".join(f"sum({column}) <> 0" for column in sums)
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"INSERT INTO document_tallies ({kind}, {names}) "
            f"SELECT {kind}, {', '.join(f'sum({column})' for column in sums)} FROM ({changes}) AS changes "
            f"GROUP BY {kind} HAVING {differs}; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON documents REFERENCING {referenced} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def _create_row_triggers(sums: dict[str, str]) -> None:
    """On SQLite: two additions a document whose kind, or whose sums, change."""
    into = f"INSERT INTO document_tallies ({', '.join(chain(_KIND, sums))})"

    def adding(row: str, sign: str) -> str:
        told = {"documents": "1", "retried": f"{row}.retried", "chunks": f"{row}.chunks", "bytes": f"{row}.size"}
        values = [*(f"{row}.{name}" for name in _KIND), *(sign + told[name] for name in sums)]
        return f"{into} VALUES ({', '.join(values)});"

    watched = [*_KIND, "retried", *(("chunks", "size") if "chunks" in sums else ())]
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in watched)
    added, removed = adding("new", ""), adding("old", "-")
    bodies = {"INSERT": ("", added), "UPDATE": (f"WHEN {changed}", removed + added), "DELETE": ("", removed)}
    for event, (condition, body) in bodies.items():
        name = f"tally_documents_{event.lower()}"
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON documents {condition} BEGIN {body} END")


def downgrade() -> None:
    """Drop all of it; runs that this version doesn't know are failed ones to the one before."""
    _count_anew(_BEFORE)
    _create_pauses("stage")
    op.execute("UPDATE runs SET state = 'failed' WHERE state IN ('cancelled', 'planned')")
    for name, (table, _, _) in _PARTIAL.items():
        op.drop_index(name, table_name=table)
    for table, columns in _COLUMNS.items():
        for name in columns:
            op.drop_column(table, name)
