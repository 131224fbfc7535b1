"""What readers may find moves an epoch: triggers note each change with the access terms that it concerns."""

# ruff: noqa: S608 - each part of these statements is written here

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_INTO = "INSERT INTO visibility_moves (term, moves, moved_at)"
_SEEN = "acl", "index_due", "indexed_version", "indexed_at"


def upgrade() -> None:
    """Begin at nought: no answer was remembered yet. A new row isn't in the index, so that inserting moves nothing."""
    op.create_table(
        "visibility_moves",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("moves", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_visibility_moves_term", "visibility_moves", ["term"])
    if op.get_bind().dialect.name == "postgresql":
        _create_triggers()
    else:
        _create_row_triggers()


def _create_triggers() -> None:
    """On PostgreSQL: one row a term and statement. Rows are only added, so that no transaction waits for another."""
    differs = " OR ".join(f"gone.{name}::text IS DISTINCT FROM come.{name}::text" for name in _SEEN)
    terms = "SELECT json_array_elements_text({}.acl) AS term"
    both = f"{terms.format('gone')} UNION {terms.format('come')}"
    changed = (
        f"removed AS gone JOIN added AS come ON come.id = gone.id CROSS JOIN LATERAL ({both}) AS listed "
        f"WHERE {differs} OR (gone.state = 'deleting') <> (come.state = 'deleting')"
    )
    deleted = f"removed AS gone CROSS JOIN LATERAL ({terms.format('gone')}) AS listed"
    events = {
        "UPDATE": ("NEW TABLE AS added OLD TABLE AS removed", changed),
        "DELETE": ("OLD TABLE AS removed", deleted),
    }
    for event, (tables, what) in events.items():
        name = f"move_visibility_{event.lower()}"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_INTO} "
            f"SELECT DISTINCT listed.term, 1, extract(epoch FROM clock_timestamp())::float8 FROM {what}; "
            "RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON documents REFERENCING {tables} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def _create_row_triggers() -> None:
    """On SQLite, where one transaction writes at a time: one row a term, for good."""
    now = "(julianday('now') - 2440587.5) * 86400.0"
    old, new = (f"SELECT value FROM json_each({side}.acl)" for side in ("old", "new"))
    differs = " OR ".join(f"old.{name} IS NOT new.{name}" for name in _SEEN)
    condition = f"WHEN {differs} OR (old.state = 'deleting') <> (new.state = 'deleting')"
    for event, when, terms in (("UPDATE", condition, f"{old} UNION {new}"), ("DELETE", "", old)):
        op.execute(
            f"CREATE TRIGGER move_visibility_{event.lower()} AFTER {event} ON documents {when} BEGIN "
            f"{_INTO} SELECT DISTINCT value, 0, 0 FROM ({terms}) WHERE value NOT IN "
            "(SELECT term FROM visibility_moves); "
            f"UPDATE visibility_moves SET moves = moves + 1, moved_at = {now} WHERE term IN ({terms}); END"
        )


def downgrade() -> None:
    """Forget it."""
    for event in ("update", "delete"):
        name = f"move_visibility_{event}"
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP TRIGGER {name} ON documents")
            op.execute(f"DROP FUNCTION {name}()")
        else:
            op.execute(f"DROP TRIGGER {name}")
    op.drop_table("visibility_moves")
