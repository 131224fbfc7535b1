"""API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas.base import Many, RequestBody, ResponseBody

Id = Annotated[str, Field(min_length=1, max_length=200)]


class KeyRequest(RequestBody):
    """A key to make: whom it speaks for, and whether it may administer.

    With both, it is that user's own, who is an administrator: it reads as the user, and the audit trail names them.
    """

    name: Id
    user: Id | None = None
    groups: Annotated[Many[Id], Field(max_length=1000)] = ()
    admin: bool = False


class KeyBody(ResponseBody):
    """A key, without the key itself.

    ``from_configuration``: it came in through ``api.admin_key``, and counts only while ``in_configuration``, that is,
    while the service's configuration names it.
    """

    id: str
    name: str
    prefix: str
    user: str | None
    groups: tuple[str, ...]
    admin: bool
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    from_configuration: bool
    in_configuration: bool


class KeyCreated(KeyBody):
    """A new key; ``key`` is shown this once and kept nowhere."""

    key: str


class MeBody(ResponseBody):
    """Whom a request speaks for; ``user`` is null for a reader without an identity.

    ``synced_groups`` are those that sources have them in, as ``SOURCE_ID/NAME``.
    """

    user: str | None
    groups: list[str]
    synced_groups: list[str]
    admin: bool


class KeyList(ResponseBody):
    """Every key, revoked ones included."""

    keys: list[KeyBody]
