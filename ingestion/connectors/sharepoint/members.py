"""Who is in the groups that access lists may name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from core.errors import SourceRefuses
from ingestion.connectors.port import ConnectorContext, Membership
from ingestion.connectors.sharepoint.graph import Graph
from ingestion.connectors.sharepoint.libraries import Site
from ingestion.connectors.sharepoint.permissions import (
    ORGANIZATION,
    Principals,
    addresses,
    by_login,
    entra_group,
    site_group,
)

_PEOPLE = "$select=id,mail,userPrincipalName&$top=999"
_BATCH = 200


class Members:
    """Asks for members of Entra groups, of SharePoint's own groups, and of the whole organisation.

    Those of the organisation and of Entra come first: SharePoint's groups may hold them.
    """

    def __init__(self, graph: Graph, context: ConnectorContext, source: str) -> None:
        self._graph = graph
        self._context = context
        self._source = source
        self._known: dict[str, frozenset[str]] = {}

    def organization(self) -> Membership:
        """Everybody in the tenant but its guests (https://learn.microsoft.com/graph/api/user-list)."""
        users = self._users(self._graph.collection(f"/users?$filter=userType eq 'Member'&{_PEOPLE}"))
        return self._membership(ORGANIZATION, users)

    def entra_groups(self) -> Iterator[Membership]:
        """Every group of the tenant: any of them may be given a document.

        Members of groups within a group are among its own
        (https://learn.microsoft.com/graph/api/group-list-transitivemembers).
        """
        group_ids = [one["id"] for one in self._graph.collection("/groups?$select=id&$top=999")]
        for start in range(0, len(group_ids), _BATCH):
            some = group_ids[start : start + _BATCH]
            for owners in (False, True):
                told = "owners" if owners else "transitiveMembers"
                answers = self._graph.batch([f"/groups/{one}/{told}?{_PEOPLE}" for one in some])
                for group_id, answer in zip(some, answers, strict=True):
                    name = entra_group(group_id, owners)
                    if answer.good:
                        yield self._membership(name, self._users(self._rest_of(answer.body)))
                    elif answer.status == 404:  # noqa: PLR2004 - deleted since it was listed
                        yield self._membership(name, frozenset())
                    else:
                        raise SourceRefuses(
                            f"{self._source} doesn't say who is in the group {group_id} ({answer.status} "
                            f"{answer.code}). Grant the application GroupMember.Read.All and User.Read.All of "
                            "Microsoft Graph with an admin's consent."
                        )

    def site_groups(self, site: Site, rest: Graph) -> Iterator[Membership]:
        """SharePoint's own groups of a site. Graph v1.0 doesn't tell them; SharePoint's REST API does, to applications
        with a certificate (https://learn.microsoft.com/sharepoint/dev/solution-guidance/security-apponly-azuread).

        Its ``sitegroups`` and their ``users``:
        https://learn.microsoft.com/previous-versions/office/developer/sharepoint-rest-reference/dn531432(v=office.15).
        """
        json_only = {"accept": "application/json;odata=nometadata"}
        for group in rest.collection("/_api/web/sitegroups?$select=Id,Title", json_only):
            url = f"/_api/web/sitegroups/getbyid({group['Id']})/users?$select=LoginName,Email,UserPrincipalName"
            users: set[str] = set()
            for person in rest.collection(url, json_only):
                users |= self._people(person)
            yield self._membership(site_group(site.id, str(group["Id"])), frozenset(users))

    def _people(self, person: Mapping[str, Any]) -> frozenset[str]:
        """Who a member of a site group is: a person, an Entra group, everybody."""
        found: Principals = by_login(str(person.get("LoginName") or ""))
        users = set(found.users)
        if found.users:
            users |= addresses(person.get("Email"), person.get("UserPrincipalName"))
        if found.everyone:
            users |= self._remembered(ORGANIZATION)
        for name in found.groups:
            users |= self._remembered(name)
        return frozenset(users)

    def _remembered(self, name: str) -> frozenset[str]:
        return self._known.get(name, frozenset())

    def _membership(self, name: str, users: frozenset[str]) -> Membership:
        self._known[name] = users
        return Membership(self._context.group(name), users)

    def _rest_of(self, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        yield from body["value"]
        if link := self._graph.relative(body.get("@odata.nextLink")):
            yield from self._graph.collection(link)

    @staticmethod
    def _users(members: Iterable[Mapping[str, Any]]) -> frozenset[str]:
        users: set[str] = set()
        for one in members:
            if one.get("@odata.type", "#microsoft.graph.user") == "#microsoft.graph.user":
                users |= addresses(one.get("mail"), one.get("userPrincipalName"))
        return frozenset(users)


def resource_of(site: Site) -> str:
    """What tokens of a site's own API are for."""
    url = urlsplit(site.url)
    return f"{url.scheme}://{url.netloc}"
