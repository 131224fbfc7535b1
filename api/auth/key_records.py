"""What is known of a key, and the table that it is kept in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from api.auth.scopes import UNLIMITED, Scope
from core.errors import InvalidRequest, NotAuthenticated
from core.principal import is_of_a_source
from core.roles import Role
from ingestion.catalog.tables import Base

_MAX_NAME = 200


class ApiKeyRow(Base):
    """An API key; of the key itself only a digest is kept.

    ``from_configuration``: the row stands for ``api.admin_key``, so that it can be revoked like any other, and counts
    only where the configuration names it.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    prefix: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user: Mapped[str | None] = mapped_column(String(300))
    groups: Mapped[list[str]]
    roles: Mapped[list[str]]
    may_act: Mapped[bool]
    routes: Mapped[list[str]]
    sources: Mapped[list[str]]
    from_configuration: Mapped[bool]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    made_by: Mapped[str | None] = mapped_column(String(32))
    replaces: Mapped[str | None] = mapped_column(String(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a key opens.

    Attributes:
        user: whom it reads as; None: nobody in particular.
        roles: what it may do.
        may_act: it may speak for others, who are named with each request. While it does, it has their rights alone.
        scope: the routes and sources that it is limited to.
        expires_at: from when on it opens nothing; None: it has no end.
    """

    user: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[Role, ...] = (Role.READER,)
    may_act: bool = False
    scope: Scope = UNLIMITED
    expires_at: datetime | None = None

    def check(self) -> None:
        """Return when a key can be made of it.

        Raises:
            InvalidRequest: a name is empty or too long, a group is a source's, or there is no role.
        """
        check_name(*([] if self.user is None else [self.user]), *self.groups)
        for group in filter(is_of_a_source, self.groups):
            raise InvalidRequest(
                f"{group!r} is a source's group, and its source alone says who is in it: leave it out."
            )
        if not self.roles:
            raise InvalidRequest(f"A key needs a role, one or more of: {', '.join(Role)}.")

    def columns(self) -> dict[str, Any]:
        """The grant as columns."""
        return {
            "user": self.user,
            "groups": sorted(set(self.groups)),
            "roles": sorted(set(self.roles)),
            "may_act": self.may_act,
            "routes": list(self.scope.routes),
            "sources": list(self.scope.sources),
            "expires_at": self.expires_at,
        }


READER = Grant()
"""A key that reads what is public."""
ADMINISTRATOR = Grant(roles=(Role.ADMIN,))
OPERATOR = Grant(roles=(Role.ADMIN,), may_act=True)
"""The keys of whoever runs Footnote: ``admin.key`` and ``api.admin_key``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key, without the key itself.

    Attributes:
        prefix: its readable beginning, to recognise it by.
        made_by: the id of the key that made it.
        replaces: the id of the key that it was made to replace.
        from_configuration: it came in through ``api.admin_key``, and counts only where the configuration names it.
        in_configuration: the configuration of this process names it.
    """

    id: str
    name: str
    prefix: str
    grant: Grant
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    made_by: str | None = None
    replaces: str | None = None
    from_configuration: bool = False
    in_configuration: bool = False

    @classmethod
    def of(cls, row: ApiKeyRow, standing: frozenset[str]) -> KeyRecord:
        """A row's record, where the configuration names keys with the digests ``standing``."""
        return cls(
            id=row.id,
            name=row.name,
            prefix=row.prefix,
            grant=Grant(
                user=row.user,
                groups=tuple(row.groups),
                roles=tuple(map(Role, row.roles)),
                may_act=row.may_act,
                scope=Scope(tuple(row.routes), tuple(row.sources)),
                expires_at=row.expires_at,
            ),
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
            made_by=row.made_by,
            replaces=row.replaces,
            from_configuration=row.from_configuration,
            in_configuration=row.digest in standing,
        )

    @property
    def admin(self) -> bool:
        """Whether it is an administrator's."""
        return Role.ADMIN in self.grant.roles

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.grant.expires_at is not None and self.grant.expires_at <= now

    def good(self, now: datetime) -> bool:
        """Whether it opens anything here."""
        named = self.in_configuration or not self.from_configuration
        return self.revoked_at is None and named and not self.expired(now)


class RefusedKey(NotAuthenticated):
    """A key that opens nothing. The message doesn't say why.

    Attributes:
        key_id: for the log: it is known.
        reason: for the log: ``unknown``, ``revoked`` or ``expired``.
    """

    def __init__(self, key_id: str | None = None, reason: str = "unknown") -> None:
        super().__init__("This API key is unknown, expired or revoked. Ask your administrator for a new one.")
        self.key_id = key_id
        self.reason = reason


def check_name(*values: str) -> None:
    """Return when a key's name, user or groups can be used.

    Raises:
        InvalidRequest: one is empty or too long.
    """
    if any(not value.strip() or len(value) > _MAX_NAME for value in values):
        raise InvalidRequest(f"A key's name, user and groups must each have 1 to {_MAX_NAME} characters.")


def roles_of(*, admin: bool, roles: Sequence[Role] = ()) -> tuple[Role, ...]:
    """The roles of a key that is asked for: a reader's, where nothing is said."""
    return (*roles, *([Role.ADMIN] if admin else [])) or (Role.READER,)
