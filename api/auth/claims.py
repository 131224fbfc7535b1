"""From a provider's claims to a user, groups and roles. The claims were verified before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import NotAuthenticated, NotAuthorised
from core.identity_settings import IssuerSettings
from core.principal import Principal, is_of_a_source
from core.roles import Role

_LONGEST = 300


class NoSuchPerson(NotAuthenticated):
    """The token is good, but doesn't say who somebody is."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom a provider vouches for.

    Attributes:
        issuer: the provider's URL.
        subject: its name for them.
    """

    issuer: str
    subject: str
    principal: Principal
    roles: frozenset[Role]


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """The value of a claim, by its name or by a path of names with dots; None where there is none."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def identity_of(
    claims: Mapping[str, Any], settings: IssuerSettings, most_groups: int, left_out: Callable[[], list[str]]
) -> Identity:
    """Who the claims speak of.

    Args:
        most_groups: who is in more is refused.
        left_out: fetches the groups that a token hasn't because they are too many.

    Raises:
        NoSuchPerson: there is no user in them.
        NotAuthorised: there are too many groups, or no role.
        Unavailable: the groups that were left out can't be had now.
    """
    user = _user(claims, settings)
    groups = left_out() if lacks_groups(claims, settings.groups_claim) else _names(claims, settings.groups_claim)
    if len(groups) > most_groups:
        raise NotAuthorised(
            f"Your account is in {len(groups)} groups; at most {most_groups} are taken (identity.max_groups). "
            "Have your provider send only those that Footnote needs."
        )
    roles = {*settings.default_roles}
    for rule in settings.roles:
        held = groups if rule.claim == settings.groups_claim else _names(claims, rule.claim)
        if rule.value in held:
            roles.add(rule.role)
    if not roles:
        raise NotAuthorised("Your account may not use Footnote: no rule in identity.issuers gives it a role.")
    named = frozenset(settings.group_prefix + group for group in groups)
    own = frozenset(group for group in named if not is_of_a_source(group))
    return Identity(settings.url, str(claims["sub"]), Principal(user, own), frozenset(roles))


def lacks_groups(claims: Mapping[str, Any], name: str) -> bool:
    """Whether a token says that its groups are elsewhere, as Entra ID does for who is in more than it has room for."""
    elsewhere = claims.get("_claim_names")
    return (isinstance(elsewhere, Mapping) and name in elsewhere) or claims.get("hasgroups") in (True, "true")


def _user(claims: Mapping[str, Any], settings: IssuerSettings) -> str:
    user = claim_at(claims, settings.user_claim)
    if not isinstance(user, str) or not user.strip() or len(user) > _LONGEST or not user.isprintable():
        raise NoSuchPerson(
            f"The token has no claim {settings.user_claim!r} that could name a user (identity.issuers: user_claim)."
        )
    if settings.user_claim == "email" and settings.verified_email and claims.get("email_verified") is not True:
        raise NoSuchPerson(
            "The provider doesn't say that it has checked the account's e-mail address (email_verified). "
            "Have it checked there, or see verified_email in docs/identity.md."
        )
    return user


def _names(claims: Mapping[str, Any], path: str) -> list[str]:
    """The names in a claim: a list of them, one alone, or an object's keys; none where there is no such claim."""
    value = claim_at(claims, path)
    if isinstance(value, str):
        value = [value]
    names = [] if value is None else list(value) if isinstance(value, list | Mapping) else None
    if names is None or not all(isinstance(name, str) for name in names):
        raise NoSuchPerson(f"The token's claim {path!r} is no list of names.")
    return list(dict.fromkeys(name for name in names if name and len(name) <= _LONGEST))
