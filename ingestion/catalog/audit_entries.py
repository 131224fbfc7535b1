"""Entries of the audit log, and the chain that holds them together. They hold no keys, passages or names of documents.

Each entry's hash is over itself and the hash of the one before: whoever changes, removes or puts in between breaks the
chain there. Who may write where it is kept can forge the whole of it, but not so that it fits a hash noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Outcome = Literal["begun", "done", "failed"]

GENESIS = "0" * 64
"""The hash before the first entry."""
_MAX_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something.

    Attributes:
        name: the key's, or without a ``key_id`` what ran on Footnote's own machine.
        user: whom it speaks for.
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
        id: the same in each entry about it.
    """

    action: str
    object_id: str | None = None
    object_name: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def values(self) -> dict[str, Any]:
        """The deed as columns. A caller may have named anything as the object: it is kept short and printable."""
        return {
            "action": self.action,
            "object_id": _shown(self.object_id),
            "object_name": _shown(self.object_name),
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What is written once, and never changed.

    Attributes:
        outcome: ``begun``, and in a later entry of the same deed how it ended; or how it ended alone.
        reason: of what failed: the slug of the error.
    """

    at: datetime
    deed: str
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

    @classmethod
    def of(cls, actor: Actor, deed: Deed, at: datetime, outcome: Outcome, reason: str | None = None) -> AuditEntry:
        """The entry that says how somebody's deed stands."""
        return cls(at=at, deed=deed.id, outcome=outcome, reason=reason, **asdict(actor), **deed.values())

    def line(self) -> dict[str, Any]:
        """The entry as JSON writes it."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "at": self.at.astimezone(UTC).isoformat(timespec="microseconds")}


def digest(previous: str, number: int, line: Mapping[str, Any]) -> str:
    """The hash of an entry: SHA-256 of the hash before it, its number, and its line as JSON with sorted keys."""
    text = json.dumps([previous, number, line], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(text: str | None) -> str | None:
    if text is None:
        return None
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[:_MAX_SHOWN]
