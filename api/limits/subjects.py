"""Who is limited: a person, a key, an address."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.limit_settings import LimitSettings, Quota
from core.principal import email_id

if TYPE_CHECKING:
    from api.auth.principal import Caller

Kind = Literal["principal", "key", "address"]
_IPV6_SITE = 64


@dataclass(frozen=True, slots=True)
class Subject:
    """One of those whom a request is counted to.

    Attributes:
        id: a digest of who it is: what is counted names nobody.
    """

    kind: Kind
    id: str
    quota: Quota

    @property
    def name(self) -> str:
        """Its name where it is counted."""
        return f"{self.kind}:{self.id}"


def subjects_of(caller: Caller | None, address: str | None, settings: LimitSettings) -> tuple[Subject, ...]:
    """Whom a request is counted to, as far as they are limited.

    Args:
        caller: None where the request's key opens nothing.
    """
    named: list[tuple[Kind, str, Quota]] = []
    if caller is not None and caller.principal.user is not None:
        user = caller.principal.user
        named.append(("principal", email_id(user) or user, settings.principal))
    if caller is not None and caller.key is not None:
        named.append(("key", caller.key.id, settings.key))
    if address is not None:
        named.append(("address", _site(address), settings.address))
    return tuple(Subject(kind, _digest(who), quota) for kind, who, quota in named if quota != Quota())


def with_quota(subjects: Iterable[Subject], *limited: str) -> tuple[Subject, ...]:
    """Those whose quota limits one of these, as ``streams``."""
    return tuple(one for one in subjects if any(getattr(one.quota, name) for name in limited))


def _site(address: str) -> str:
    """An IPv6 address's network, for whoever has one such address has all of its network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> _IPV6_SITE << _IPV6_SITE, _IPV6_SITE)))


def _digest(who: str) -> str:
    return hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()[:32]
