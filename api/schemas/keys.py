"""API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, Field, Strict

from api.auth.key_records import KeyRecord
from api.schemas.base import AsWritten, Many, RequestBody, ResponseBody
from core.roles import Role

_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_OVERLAP_S = 90 * 86_400


def _to_come(moment: datetime) -> datetime:
    if moment.year < _LATEST.year:
        return moment.astimezone(UTC)
    raise ValueError(f"name a time before the year {_LATEST.year}, or leave it out for a key without an end")


Moment = Annotated[AwareDatetime, Strict(False), AsWritten, AfterValidator(_to_come)]
AnyRole = Annotated[Role, Strict(False)]
Id = Annotated[str, Field(min_length=1, max_length=200)]


class KeyRequest(RequestBody):
    """A key to make: whom it speaks for, what it may do, and for how long.

    A user who is an administrator gets a key with both: it reads as the user, and the audit trail names them.
    ``admin`` is short for the role. ``may_act``: it may speak for others, with their rights alone.
    ``routes`` and ``sources`` limit it, as ``["search", "sources:read"]`` and ids; left empty, they don't.
    """

    name: Id
    user: Id | None = None
    groups: Annotated[Many[Id], Field(max_length=1000)] = ()
    roles: Annotated[Many[AnyRole], Field(max_length=len(Role))] = ()
    admin: bool = False
    may_act: bool = False
    routes: Annotated[Many[Id], Field(max_length=50)] = ()
    sources: Annotated[Many[Id], Field(max_length=1000)] = ()
    expires_at: Moment | None = None


class RotateRequest(RequestBody):
    """For how many seconds the key that is replaced goes on."""

    overlap_s: Annotated[int, Field(ge=0, le=_LONGEST_OVERLAP_S)] = 86_400


class KeyBody(ResponseBody):
    """A key, without the key itself.

    ``made_by`` and ``replaces`` are ids of keys. ``from_configuration``: it came in through ``api.admin_key``, and
    counts only while ``in_configuration``, that is, while the service's configuration names it.
    """

    id: str
    name: str
    prefix: str
    user: str | None
    groups: tuple[str, ...]
    roles: tuple[Role, ...]
    admin: bool
    may_act: bool
    routes: tuple[str, ...]
    sources: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    made_by: str | None
    replaces: str | None
    from_configuration: bool
    in_configuration: bool

    @classmethod
    def of(cls, key: KeyRecord) -> Self:
        """What is shown of a key."""
        grant: dict[str, Any] = {
            name: getattr(key.grant, name) for name in ("user", "groups", "roles", "may_act", "expires_at")
        }
        scope: dict[str, Any] = {"routes": key.grant.scope.routes, "sources": key.grant.scope.sources}
        own = {name: getattr(key, name) for name in cls.model_fields if name not in {*grant, *scope, "key"}}
        return cls(**own, **grant, **scope)


class KeyCreated(KeyBody):
    """A new key; ``key`` is shown this once and kept nowhere."""

    key: str


class MeBody(ResponseBody):
    """Whom a request speaks for; ``user`` is null for a reader without an identity.

    ``synced_groups`` are those that sources have them in, as ``SOURCE_ID/NAME``. ``csrf``: what the page sends in
    ``X-Footnote-CSRF`` with each request that changes something; null where there is no session.
    """

    user: str | None
    groups: list[str]
    synced_groups: list[str]
    roles: list[Role]
    admin: bool
    csrf: str | None


class KeyList(ResponseBody):
    """Every key, revoked ones included."""

    keys: list[KeyBody]


class ReadableSourceBody(ResponseBody):
    """Where documents come from, for a reader of some of them; its id is a value of the filter ``source``."""

    source_id: str
    name: str
    kind: str


class ReadableSourcesBody(ResponseBody):
    """The sources of what the caller may read. In each, the first 1,000 documents are looked at."""

    sources: list[ReadableSourceBody]
