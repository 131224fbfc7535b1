"""The audit log: entries that are only added, each hashed over the one before."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.audit_entries import GENESIS, AuditEntry, digest
from ingestion.catalog.tables import UtcDateTime

revision = "0020"
down_revision = "0021"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REFUSAL = "the audit log is append-only"
_GONE = "(SELECT coalesce(max(last_id), 0) FROM audit_checkpoints)"


def upgrade() -> None:
    """Chain what is there, as it stands, and have the database refuse changes from now on."""
    op.create_table(
        "audit_checkpoints",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.String(length=64), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for name, length in (("deed", 32), ("hash", 64)):
        op.add_column("audit_events", sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
    _chain()
    for columns in (["deed", "id"], ["at"], ["user", "id"]):
        op.create_index(f"ix_audit_events_{'_'.join(columns)}", "audit_events", columns)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("audit_events", "id", type_=sa.BigInteger(), server_default=None)
        _guard_postgresql()
    else:
        _guard_sqlite()


def _chain() -> None:
    connection = op.get_bind()
    kinds: dict[str, Any] = {"id": sa.BigInteger(), "at": UtcDateTime(), "detail": sa.JSON()}
    names = ["id", *AuditEntry.__dataclass_fields__, "hash"]
    events = sa.table("audit_events", *(sa.column(name, kinds.get(name, sa.Text())) for name in names))
    previous, number = GENESIS, 0
    while True:
        some = sa.select(events).where(events.c.id > number).order_by(events.c.id).limit(1000)
        rows = connection.execute(some).mappings().all()
        if not rows:
            return
        for row in rows:
            number = row["id"]
            values = {**{name: row[name] for name in AuditEntry.__dataclass_fields__}, "deed": f"{number:032x}"}
            previous = digest(previous, number, AuditEntry(**values).line())
            chained = sa.update(events).where(events.c.id == number)
            connection.execute(chained.values(deed=values["deed"], hash=previous))


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_events' THEN IF old.id <= {_GONE} THEN RETURN old; END IF; "
        f"END IF; RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    for table in ("audit_events", "audit_checkpoints"):
        op.execute(
            f"CREATE TRIGGER keep_{table} BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()"
        )
        op.execute(
            f"CREATE TRIGGER keep_all_{table} BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        )


def _guard_sqlite() -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    for table in ("audit_events", "audit_checkpoints"):
        op.execute(f"CREATE TRIGGER keep_{table}_update BEFORE UPDATE ON {table} {refuse}")
        gone = f"WHEN old.id > {_GONE} " if table == "audit_events" else ""
        op.execute(f"CREATE TRIGGER keep_{table}_delete BEFORE DELETE ON {table} {gone}{refuse}")


def downgrade() -> None:
    """Unchain them; the entries stay."""
    if op.get_bind().dialect.name == "postgresql":
        for table in ("audit_events", "audit_checkpoints"):
            op.execute(f"DROP TRIGGER keep_{table} ON {table}")
            op.execute(f"DROP TRIGGER keep_all_{table} ON {table}")
        op.execute("DROP FUNCTION refuse_audit_change()")
    else:
        for table in ("audit_events", "audit_checkpoints"):
            op.execute(f"DROP TRIGGER keep_{table}_update")
            op.execute(f"DROP TRIGGER keep_{table}_delete")
    for columns in (["deed", "id"], ["at"], ["user", "id"]):
        op.drop_index(f"ix_audit_events_{'_'.join(columns)}", "audit_events")
    op.drop_column("audit_events", "hash")
    op.drop_column("audit_events", "deed")
    op.drop_table("audit_checkpoints")
