"""Keys get roles, scopes and an end; sign-ins of the page get sessions."""

import json

import sqlalchemy as sa
from alembic import op

from ingestion.catalog.tables import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_COLUMNS = ("roles", "may_act", "routes", "sources", "expires_at", "made_by", "replaces")


def upgrade() -> None:
    """Existing keys go on as they were: administrators' could act for somebody, and may still."""
    none, reader = json.dumps([]), json.dumps(["reader"])
    for column in (
        sa.Column("roles", sa.JSON(), nullable=False, server_default=reader),
        sa.Column("may_act", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("routes", sa.JSON(), nullable=False, server_default=none),
        sa.Column("sources", sa.JSON(), nullable=False, server_default=none),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("made_by", sa.String(length=32), nullable=True),
        sa.Column("replaces", sa.String(length=32), nullable=True),
    ):
        op.add_column("api_keys", column)
    keys = sa.table("api_keys", sa.column("admin", sa.Boolean), sa.column("roles", sa.JSON), sa.column("may_act"))
    op.execute(keys.update().where(keys.c.admin.is_(sa.true())).values(roles=["admin"], may_act=sa.true()))
    op.drop_column("api_keys", "admin")
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user", sa.String(length=300), nullable=True),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("renew_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def downgrade() -> None:
    """Keys that were limited would open more without their limits: they are deleted. Who signed in signs in again."""
    op.drop_table("sessions")
    op.add_column("api_keys", sa.Column("admin", sa.Boolean(), nullable=False, server_default=sa.false()))
    keys = sa.table(
        "api_keys",
        sa.column("admin", sa.Boolean),
        sa.column("may_act", sa.Boolean),
        *(sa.column(name, sa.String) for name in ("roles", "routes", "sources")),
        sa.column("expires_at"),
    )
    as_text = {name: sa.cast(keys.c[name], sa.Text) for name in ("roles", "routes", "sources")}
    administers = sa.and_(as_text["roles"] == json.dumps(["admin"]), keys.c.may_act.is_(sa.true()))
    reads = sa.and_(as_text["roles"] == json.dumps(["reader"]), keys.c.may_act.is_(sa.false()))
    unlimited = sa.and_(as_text["routes"] == "[]", as_text["sources"] == "[]", keys.c.expires_at.is_(None))
    op.execute(keys.delete().where(sa.not_(sa.and_(unlimited, sa.or_(administers, reads)))))
    op.execute(keys.update().where(administers).values(admin=sa.true()))
    for name in _COLUMNS:
        op.drop_column("api_keys", name)
