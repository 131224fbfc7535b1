"""The audit trail: what administrators did, kept with the catalog. It holds no keys, questions or passages."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.tables import AUDIT, AuditRow

Outcome = Literal["begun", "done", "failed"]

_MAX_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something.

    Attributes:
        name: the key's, or without a ``key_id`` what ran on Footnote's own machine.
        user: whom the key names.
        client: the address that the request came from.
        request_id: the request's, as in the log.
    """

    name: str
    key_id: str | None = None
    user: str | None = None
    client: str | None = None
    request_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Deed:
    """What is done, and to what; filled in while it is done.

    Attributes:
        action: as ``key.create``.
        detail: more about it, as which rights a key was given; no secrets.
    """

    action: str
    object_id: str | None = None
    object_name: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """The deed as columns. A caller may have named anything as the object: it is kept short and printable."""
        return {
            "action": self.action,
            "object_id": _shown(self.object_id),
            "object_name": _shown(self.object_name),
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One line of the trail.

    Attributes:
        outcome: ``begun`` until the end is known; it stays so where the process was killed in between.
        reason: of what failed: the slug of the error.
    """

    id: int
    at: datetime
    action: str
    outcome: Outcome
    reason: str | None
    key_id: str | None
    name: str
    user: str | None
    client: str | None
    request_id: str | None
    object_id: str | None
    object_name: str | None
    detail: Mapping[str, Any]


class AuditStore:
    """Writes and reads the trail. Methods raise :class:`core.errors.StorageUnavailable` when the catalog is down."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, actor: Actor, deed: Deed) -> int:
        """Write down what is about to be done; returns the number of its line."""
        with self._database.write() as connection:
            return add_event(connection, actor, deed, self._clock.now(), "begun")

    def finish(self, number: int, deed: Deed, outcome: Outcome, reason: str | None = None) -> None:
        """Write down how it ended."""
        values = {**deed.values(), "outcome": outcome, "reason": reason}
        with self._database.write() as connection:
            connection.execute(update(AUDIT).where(AuditRow.id == number).values(**values))

    def list(self, limit: int = 100, before: int | None = None) -> builtins.list[AuditEvent]:
        """The latest events, newest first; ``before``: only those with a lower number."""
        query = select(AUDIT).order_by(AuditRow.id.desc()).limit(limit)
        if before is not None:
            query = query.where(AuditRow.id < before)
        with self._database.read() as connection:
            return [AuditEvent(**row) for row in connection.execute(query).mappings()]


def add_event(connection: Connection, actor: Actor, deed: Deed, at: datetime, outcome: Outcome) -> int:
    """Add a line within a transaction of somebody else's, so that the trail and the deed are written together."""
    values = {
        "at": at,
        "outcome": outcome,
        "reason": None,
        "key_id": actor.key_id,
        "name": actor.name,
        "user": actor.user,
        "client": actor.client,
        "request_id": actor.request_id,
        **deed.values(),
    }
    added: int = connection.execute(insert(AUDIT).values(**values).returning(AuditRow.id)).scalar_one()
    return added


def _shown(text: str | None) -> str | None:
    if text is None:
        return None
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[:_MAX_SHOWN]
