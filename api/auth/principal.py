"""From a request's headers to whom it speaks for."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import orjson
from starlette.datastructures import Headers

from api.auth.key_records import KeyRecord
from core.errors import InvalidHeader, InvalidRequest, NotAuthenticated, NotAuthorised
from core.principal import ANONYMOUS, Principal, is_of_a_source
from core.roles import Role, has_role

USER_HEADER = "X-Footnote-User"
GROUPS_HEADER = "X-Footnote-Groups"
OPEN_WEBUI_HEADER = "X-OpenWebUI-User-Email"
"""How Open WebUI names its user. It counts from a key that may act for others, and means nothing from another one."""
_MAX_ID = 200
_DOTS = 2
_MAX_GROUPS = 1000
_FORM = 'Send a JSON array, as ["hr", "eng"], or each group in a header line of its own.'
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class SignIn:
    """What an identity provider vouches for.

    Attributes:
        issuer: the provider's URL.
        subject: whom it calls the caller; with the issuer, nobody else is ever called so.
        session: a short name of the page's session, for logs; None for a token of an API call.
        csrf: what requests of the page that change something have to carry; None for a token.
    """

    issuer: str
    subject: str
    session: str | None = None
    csrf: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request speaks for, and what it may do.

    Attributes:
        roles: of the key or the sign-in; of one who acts for somebody, those of a reader alone.
        key: the key that it carries.
        acting: the key speaks for somebody else.
        sign_in: who vouches for it; None where it has a key, or nothing.
    """

    principal: Principal
    roles: frozenset[Role] = frozenset({Role.READER})
    key: KeyRecord | None = None
    acting: bool = False
    sign_in: SignIn | None = None

    @property
    def admin(self) -> bool:
        """Whether it may administer Footnote."""
        return Role.ADMIN in self.roles

    @property
    def known(self) -> bool:
        """Whether it carries a key or is signed in."""
        return self.key is not None or self.sign_in is not None

    @property
    def name(self) -> str:
        """What trails and logs call it: its key's name, else the user's."""
        if self.key is not None:
            return self.key.name
        if self.sign_in is not None:
            return self.principal.user or self.sign_in.subject
        return "anonymous"

    def with_synced(self, groups: frozenset[str]) -> Caller:
        """The same, in the groups that sources have the reader in."""
        return replace(self, principal=replace(self.principal, synced=groups)) if groups else self

    def require(self, role: Role) -> None:
        """Let those through who have a role.

        Raises:
            NotAuthorised: the caller hasn't, or acts for somebody.
        """
        if has_role(self.roles, role):
            return
        if self.acting:
            raise NotAuthorised(
                "Acting for somebody has that person's rights and no more: "
                f"leave {USER_HEADER} and {GROUPS_HEADER} out for whatever else the key may do."
            )
        raise NotAuthorised(
            f"This needs the role {role}. A key has it by: footnote keys create --role {role} NAME; "
            "somebody who signs in, by a rule in identity.issuers."
        )


CSRF_HEADER = "X-Footnote-CSRF"
_SAFE = ("GET", "HEAD", "OPTIONS")


def check_csrf(caller: Caller, method: str, sent: str | None) -> None:
    """Return when a request with a session's cookie comes from the page, and not from one elsewhere.

    A browser sends the cookie along with whatever a page elsewhere has it send; the token only Footnote's page knows.

    Raises:
        NotAuthorised: it changes something, and doesn't carry the token.
    """
    wanted = caller.sign_in.csrf if caller.sign_in else None
    if method not in _SAFE and not (wanted and sent and hmac.compare_digest(wanted.encode(), sent.encode())):
        raise NotAuthorised(f"With a session, {method} needs the header {CSRF_HEADER}, which /v1/me tells the page.")


def is_jwt(key: str) -> bool:
    """Whether a bearer is a provider's token, and no key of Footnote's."""
    return key.startswith("eyJ") and key.count(".") == _DOTS


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

    A key with the right to may speak for somebody else: an application in front of Footnote knows its users, and
    passes them on in two headers. It then may do what a reader may, as that person, and never more: whatever roles it
    has beside are not theirs.

    Raises:
        NotAuthenticated: there is no key, and readers without one aren't served.
        NotAuthorised: the headers are there, and the key may not act for anybody.
        InvalidHeader: a user or group in them can't be one, or could be read in two ways.
    """
    acting = names_somebody(headers)
    if key is None:
        if acting:
            raise NotAuthenticated(f"{USER_HEADER} and {GROUPS_HEADER} need a key that may act for others.")
        if not anonymous:
            raise NotAuthenticated("Send an API key: Authorization: Bearer <key>. Your administrator can make you one.")
        return Caller(ANONYMOUS)
    grant = key.grant
    sources = frozenset(grant.scope.sources) or None
    acting = acting or (grant.may_act and OPEN_WEBUI_HEADER in headers)
    if not acting:
        return Caller(Principal(grant.user, frozenset(grant.groups), sources=sources), frozenset(grant.roles), key)
    if not grant.may_act:
        raise NotAuthorised(
            f"This key may not send {USER_HEADER} or {GROUPS_HEADER}. One that may: footnote keys create --act NAME."
        )
    reading = frozenset({Role.READER} if has_role(grant.roles, Role.READER) else ())
    return Caller(replace(_acting_for(headers), sources=sources), reading, key, acting=True)


def names_somebody(headers: Headers) -> bool:
    """Whether a request asks to act for somebody."""
    return USER_HEADER in headers or GROUPS_HEADER in headers


def _acting_for(headers: Headers) -> Principal:
    header = USER_HEADER if USER_HEADER in headers else OPEN_WEBUI_HEADER
    users = [_text(value) for value in headers.getlist(header)]
    if len(users) > 1:
        raise InvalidHeader(f"{header} can be sent once, not {len(users)} times.")
    user = users[0] if users else ""
    if user:
        _check_name(user, header)
    groups = frozenset(group for value in headers.getlist(GROUPS_HEADER) for group in _groups(_text(value)))
    if len(groups) > _MAX_GROUPS:
        raise InvalidHeader(f"{GROUPS_HEADER} names {len(groups)} groups; at most {_MAX_GROUPS} can be sent.")
    _check_own(groups, GROUPS_HEADER)
    return Principal(user or None, groups)


def principal_named(user: str | None, groups: Iterable[str]) -> Principal:
    """A reader as an application in front names one, by the same rules.

    Raises:
        InvalidRequest: a name can't be one, or is a source's group.
    """
    named = frozenset(groups)
    try:
        for name in filter(None, (user, *named)):
            _check_name(name, "The reader")
        _check_own(named, "The reader")
    except InvalidHeader as error:
        raise InvalidRequest(error.message) from error
    return Principal(user or None, named)


def _groups(line: str) -> list[str]:
    """The groups of one header line: a JSON array of names, or one name without a comma.

    A comma outside JSON is refused. It could part two groups, or belong to the name of one, and proxies join lines
    with it; a wrong guess would let somebody read what isn't theirs.
    """
    if not line:
        return []
    if not line.startswith("["):
        if "," in line:
            raise InvalidHeader(f"{GROUPS_HEADER} has a comma, which could part two groups or belong to one. {_FORM}")
        _check_name(line, GROUPS_HEADER)
        return [line]
    try:
        names = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidHeader(f"{GROUPS_HEADER} begins with [ and is not JSON ({error}). {_FORM}") from error
    if not all(isinstance(name, str) for name in names):
        raise InvalidHeader(f"{GROUPS_HEADER} holds something else than names of groups. {_FORM}")
    for name in names:
        _check_name(name, GROUPS_HEADER)
    return list(names)


def _check_own(groups: frozenset[str], where: str) -> None:
    for group in filter(is_of_a_source, groups):
        raise InvalidHeader(
            f"{where}: {group!r} is a source's group, and its source alone says who is in it: leave it out."
        )


def _check_name(name: str, where: str) -> None:
    if not name.strip() or len(name) > _MAX_ID or _CONTROL.search(name):
        raise InvalidHeader(f"{where}: each name must have 1 to {_MAX_ID} characters, and no control characters.")


def _text(value: str) -> str:
    """A header as UTF-8, which is what people's names are in; Starlette decodes it as Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InvalidHeader(f"{USER_HEADER} and {GROUPS_HEADER} must be UTF-8.") from error
