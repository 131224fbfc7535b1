"""From the permissions of an item, as Graph tells them, to who may read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.principal import AccessList
from ingestion.connectors.port import ConnectorContext
from ingestion.connectors.sharepoint.config import SharePointConfig

_READING = frozenset({"read", "write", "owner", "sp.full control", "sp.owner", "sp.member"})
"""Roles that let somebody read: https://learn.microsoft.com/graph/api/resources/permission#roles-property-values."""
_MEMBER = "i:0#.f|membership|"
"""Claims of a login name: https://learn.microsoft.com/sharepoint/troubleshoot/sites/login-name-claims."""
_EVERYONE = ("c:0(.s|true", "c:0-.f|rolemanager|spo-grid-all-users/")
_GROUP_CLAIM = re.compile(
    r"^c:0[.\w+-]*\|(?:tenant|federateddirectoryclaimprovider)\|([0-9a-f-]{36})(_o)?$", re.IGNORECASE
)
_GUID = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)

ORGANIZATION = "organization"
"""The group of everybody in the tenant."""


def entra_group(group_id: str, owners: bool = False) -> str:
    """The name of an Entra group, or of its owners, for :meth:`ConnectorContext.group`."""
    return f"entra/{group_id.lower()}/owners" if owners else f"entra/{group_id.lower()}"


def site_group(site_id: str, number: str) -> str:
    """The name of one of SharePoint's own groups: its number is unique within a site collection.

    Args:
        site_id: the site's id, ``host,site collection,web``.
    """
    return f"site/{site_id.split(',')[1].lower()}/{number}"


def addresses(*names: object) -> frozenset[str]:
    """Those of the names that are e-mail addresses, in small letters."""
    return frozenset(name.strip().lower() for name in names if isinstance(name, str) and "@" in name)


@dataclass(frozen=True, slots=True)
class Principals:
    """Who a grant is for.

    Attributes:
        users: e-mail addresses, in small letters.
        groups: names of groups, for :meth:`ConnectorContext.group`.
        everyone: everybody in the organisation.
        known: whether it is of a kind that is understood.
    """

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    everyone: bool = False
    known: bool = True


def by_login(login: str) -> Principals:
    """Who a login name of SharePoint stands for."""
    if login.startswith(_EVERYONE):
        return Principals(everyone=True)
    if found := _GROUP_CLAIM.match(login):
        return Principals(groups=frozenset({entra_group(found[1], owners=bool(found[2]))}))
    if login.startswith(_MEMBER) and (users := addresses(login.removeprefix(_MEMBER))):
        return Principals(users=users)
    return Principals(known=False)


@dataclass(slots=True)
class Grants:
    """Reads permissions. What isn't understood grants nothing."""

    config: SharePointConfig
    context: ConnectorContext
    _readers: dict[str, Callable[[Mapping[str, Any], str], Principals]] = field(init=False)

    def __post_init__(self) -> None:
        self._readers = {
            "group": lambda told, _: self._entra_group(told),
            "siteGroup": self._site_group,
            "siteUser": lambda told, _: by_login(str(told.get("loginName") or "")),
            "user": lambda told, _: self._user(told),
            "application": lambda _, __: Principals(),
            "device": lambda _, __: Principals(),
        }

    def readers(self, permissions: Iterable[Mapping[str, Any]], site_id: str) -> AccessList | None:
        """Who may read an item with these permissions; None if none of them could be understood."""
        users: set[str] = set()
        groups: set[str] = set()
        public, understood, unknown = False, False, False
        for permission in permissions:
            for one in self._granted(permission, site_id):
                users |= one.users
                groups |= one.groups
                public |= one.everyone and self.config.all_users == "everyone"
                groups |= {ORGANIZATION} if one.everyone and self.config.all_users == "group" else set()
                understood |= one.known
                unknown |= not one.known
            public |= self._link_is_public(permission)
            groups |= {ORGANIZATION} if self._link_is_for(permission, "organization", "group") else set()
        if unknown and not (understood or public or groups):
            return None
        return AccessList(public, frozenset(users), frozenset(self.context.group(name) for name in groups))

    def _granted(self, permission: Mapping[str, Any], site_id: str) -> list[Principals]:
        if not self._counts(permission):
            return []
        # A link that opens nothing by itself: https://learn.microsoft.com/graph/api/resources/permission.
        if (permission.get("link") or {}).get("scope") == "existingAccess":
            return []
        told = permission.get("grantedToV2") or permission.get("grantedTo")
        sets = [told] if told else []
        sets += permission.get("grantedToIdentitiesV2") or permission.get("grantedToIdentities") or []
        return [self._principals(one, site_id) for one in sets]

    def _principals(self, told: Mapping[str, Any], site_id: str) -> Principals:
        """An identity set names one principal in several ways: the first that is understood counts."""
        for kind, read in self._readers.items():
            if told.get(kind) and (found := read(told[kind], site_id)).known:
                named = [(told.get(other) or {}).get("email") for other in ("user", "siteUser")] if found.users else []
                return Principals(found.users | addresses(*named), found.groups, found.everyone)
        return Principals(known=False)

    def _counts(self, permission: Mapping[str, Any]) -> bool:
        # Nothing tells when a grant has expired, so one that does counts for nothing. DateTime.MinValue: it doesn't.
        if not (permission.get("expirationDateTime") or "0001").startswith("0001"):
            return False
        return not _READING.isdisjoint(role.lower() for role in permission.get("roles") or ())

    def _link_is_public(self, permission: Mapping[str, Any]) -> bool:
        return (
            self._link_is_for(permission, "anonymous", "everyone") and not permission.get("hasPassword")
        ) or self._link_is_for(permission, "organization", "everyone")

    def _link_is_for(self, permission: Mapping[str, Any], scope: str, setting: str) -> bool:
        link = permission.get("link") or {}
        told = {"anonymous": self.config.anonymous_links, "organization": self.config.organization_links}[scope]
        return link.get("scope") == scope and told == setting and self._counts(permission)

    @staticmethod
    def _entra_group(told: Mapping[str, Any]) -> Principals:
        group_id = str(told.get("id") or "")
        if not _GUID.match(group_id):
            return Principals(known=False)
        return Principals(groups=frozenset({entra_group(group_id)}))

    def _site_group(self, told: Mapping[str, Any], site_id: str) -> Principals:
        if told.get("displayName") in self.config.site_groups:
            members = self.config.site_groups[told["displayName"]]
            return Principals(addresses(*members), frozenset(entra_group(one) for one in members if _GUID.match(one)))
        if not told.get("id"):
            return Principals(known=False)
        return Principals(groups=frozenset({site_group(site_id, str(told["id"]))}))

    @staticmethod
    def _user(told: Mapping[str, Any]) -> Principals:
        users = addresses(told.get("email"), told.get("userPrincipalName"))
        return Principals(users) if users else Principals(known=False)
