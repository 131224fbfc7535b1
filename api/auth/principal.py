"""From a request's headers to whom it speaks for."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers

from api.auth.keys import KeyRecord
from core.errors import InvalidRequest, NotAuthenticated, NotAuthorised
from core.principal import ANONYMOUS, Principal

USER_HEADER = "X-Footnote-User"
GROUPS_HEADER = "X-Footnote-Groups"
_MAX_ID = 200
_MAX_GROUPS = 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request speaks for, and whether its key may administer Footnote."""

    principal: Principal
    admin: bool = False

    def require_admin(self) -> None:
        """Let administrators through.

        Raises:
            NotAuthorised: the key is not an administrator's.
        """
        if not self.admin:
            raise NotAuthorised("This needs an administrator's key. Make one with: footnote keys create --admin NAME.")


def bearer_key(headers: Headers) -> str | None:
    """The key that the request carries, None if it carries none.

    Raises:
        NotAuthenticated: the header is there, but is not ``Bearer <key>``.
    """
    value = headers.get("authorization")
    if value is None:
        return None
    scheme, _, key = value.partition(" ")
    if scheme.casefold() != "bearer" or not key.strip():
        raise NotAuthenticated("The Authorization header must be: Bearer <API key>.")
    return key.strip()


def caller_of(headers: Headers, key: KeyRecord | None, *, anonymous: bool) -> Caller:
    """Whom a request with this (verified) key speaks for.

    An administrator's key may speak for somebody else: an application in front of Footnote knows its users, and
    passes them on in two headers. It then reads what they may read, and never more.

    Raises:
        NotAuthenticated: there is no key, and readers without one aren't served.
        NotAuthorised: the headers are there, and the key is not an administrator's.
        InvalidRequest: a user or group in them can't be one.
    """
    acting = USER_HEADER in headers or GROUPS_HEADER in headers
    if key is None:
        if acting:
            raise NotAuthenticated(f"{USER_HEADER} and {GROUPS_HEADER} need an administrator's key.")
        if not anonymous:
            raise NotAuthenticated("Send an API key: Authorization: Bearer <key>. Your administrator can make you one.")
        return Caller(ANONYMOUS)
    if not acting:
        return Caller(Principal(key.user, frozenset(key.groups)), key.admin)
    if not key.admin:
        raise NotAuthorised(f"Only an administrator's key may send {USER_HEADER} or {GROUPS_HEADER}.")
    return Caller(_acting_for(headers), key.admin)


def _acting_for(headers: Headers) -> Principal:
    users = [_text(value) for value in headers.getlist(USER_HEADER)]
    if len(users) > 1:
        raise InvalidRequest(f"{USER_HEADER} can be sent once, not {len(users)} times.")
    user = users[0] if users else None
    listed = [name for value in headers.getlist(GROUPS_HEADER) for name in _text(value).split(",")]
    groups = frozenset(name.strip() for name in listed if name.strip())
    if len(groups) > _MAX_GROUPS:
        raise InvalidRequest(f"{GROUPS_HEADER} names {len(groups)} groups; at most {_MAX_GROUPS} can be sent.")
    return Principal(user or None, groups)


def _text(value: str) -> str:
    """A header as UTF-8, which is what people's names are in; Starlette decodes it as Latin-1."""
    try:
        text = value.encode("latin-1").decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{USER_HEADER} and {GROUPS_HEADER} must be UTF-8.") from error
    if len(text) > _MAX_ID * _MAX_GROUPS:
        raise InvalidRequest(f"{USER_HEADER} or {GROUPS_HEADER} is too long.")
    return text
