"""The addresses of Graph v1.0 that the connector asks, and SharePoint's own for its groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.servers.graph import shapes
from tests.servers.graph.feed import delta
from tests.servers.graph.tenant import HOST, Drive, Item, Site
from tests.servers.graph.wire import Answer, Asked, refusal

if TYPE_CHECKING:
    from tests.servers.graph.server import GraphServer

Route = Callable[..., Answer]
_ROUTES: list[tuple[re.Pattern[str], Route]] = []
_DIRECTORY = ("/groups", "/users")


def route(pattern: str) -> Callable[[Route], Route]:
    """Have a function answer what is asked at such addresses."""

    def add(function: Route) -> Route:
        _ROUTES.append((re.compile(pattern), function))
        return function

    return add


def graph(server: GraphServer, asked: Asked) -> Answer:
    """Answer what is asked of Graph. The token is good; whether it has rights is seen to here."""
    path = asked.path.removeprefix("/v1.0")
    token = server.entra.opened(asked.headers.get("authorization"), server.base)
    if token is None or not token.consented:
        # https://learn.microsoft.com/graph/resolve-auth-errors
        code = "Authorization_RequestDenied" if path.startswith(_DIRECTORY) else "accessDenied"
        return refusal(403, code, "Insufficient privileges to complete the operation.")
    for pattern, function in _ROUTES:
        if found := pattern.fullmatch(path):
            return function(server, asked, *found.groups())
    return refusal(400, "BadRequest", f"Resource not found for the segment in {path}.")


def paged(server: GraphServer, asked: Asked, values: Sequence[Any]) -> Answer:
    """A page of a collection: https://learn.microsoft.com/graph/paging."""
    start = int(asked.query.get("$skiptoken", "0"))
    size = min(int(asked.query.get("$top", server.page_size)), server.page_size)
    body: dict[str, Any] = {"value": selected(asked, values[start : start + size])}
    if start + size < len(values):
        query = {**asked.query, "$skiptoken": str(start + size)}
        body["@odata.nextLink"] = f"{server.base}{asked.path}?{urlencode(query)}"
    return Answer(200, body)


def selected(asked: Asked, values: Sequence[Any]) -> list[Any]:
    """What ``$select`` leaves: https://learn.microsoft.com/graph/query-parameters."""
    names = asked.query.get("$select")
    if not names:
        return list(values)
    kept = {*names.split(","), *re.findall(r"\w+", asked.query.get("$expand", ""))}
    return [{key: value for key, value in one.items() if key in kept or key.startswith("@")} for one in values]


def _site(server: GraphServer, name: str) -> Site | None:
    sites = [site for site in server.tenant.sites.values() if not site.gone]
    return next((site for site in sites if name in (site.id, site.id.split(",")[1])), None)


@route(rf"/sites/({re.escape(HOST)}(?::/[^:]*)?)")
def site_by_path(server: GraphServer, asked: Asked, address: str) -> Answer:
    """https://learn.microsoft.com/graph/api/site-getbypath."""
    site = server.tenant.sites.get(address.removeprefix(HOST).removeprefix(":/"))
    if site is None or site.gone:
        return refusal(404, "itemNotFound", "Requested site could not be found.")
    return Answer(200, selected(asked, [shapes.site_of(site, server.base)])[0])


@route(r"/sites/([^/:]+,[^/:]+)")
def site_by_id(server: GraphServer, asked: Asked, site_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/site-get."""
    site = _site(server, site_id)
    if site is None:
        return refusal(404, "itemNotFound", "Requested site could not be found.")
    return Answer(200, selected(asked, [shapes.site_of(site, server.base)])[0])


@route(r"/sites/([^/]+)/lists")
def lists(server: GraphServer, asked: Asked, site_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/list-list."""
    site = _site(server, site_id)
    if site is None:
        return refusal(404, "itemNotFound")
    expand = "drive" in asked.query.get("$expand", "")
    return paged(server, asked, [shapes.list_of(drive, expand) for drive in site.drives.values() if not drive.gone])


@route(r"/sites/([^/]+)/drives")
def drives(server: GraphServer, asked: Asked, site_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/drive-list: document libraries; the library of pages isn't one."""
    site = _site(server, site_id)
    if site is None:
        return refusal(404, "itemNotFound")
    found = [drive for drive in site.drives.values() if drive.template == "documentLibrary" and not drive.gone]
    return paged(server, asked, [shapes.drive_of(drive) for drive in found])


@route(r"/sites/([^/]+)/pages/(?:microsoft\.)?graph\.sitePage")
def pages(server: GraphServer, asked: Asked, site_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/sitepage-list."""
    site = _site(server, site_id)
    if site is None:
        return refusal(404, "itemNotFound")
    items = [one for one in site.pages.items.values() if one.page is not None and not one.deleted]
    return paged(server, asked, [shapes.page_of(site.pages, one, False) for one in sorted(items, key=lambda o: o.name)])


@route(r"/sites/([^/]+)/pages/([^/]+)/(?:microsoft\.)?graph\.sitePage")
def page(server: GraphServer, asked: Asked, site_id: str, page_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/sitepage-get."""
    site = _site(server, site_id)
    items = site.pages.items.values() if site is not None else ()
    found = next((one for one in items if one.unique == page_id and not one.deleted and one.page is not None), None)
    if site is None or found is None:
        return refusal(404, "itemNotFound")
    return Answer(200, shapes.page_of(site.pages, found, "canvasLayout" in asked.query.get("$expand", "")))


def _item(server: GraphServer, drive_id: str, item_id: str) -> tuple[Drive, Item] | None:
    drive = server.tenant.drive(drive_id)
    if drive is None:
        return None
    item = drive.root if item_id == "root" else drive.items.get(item_id)
    return None if item is None or item.deleted else (drive, item)


def _missing() -> Answer:
    return refusal(404, "itemNotFound", "The resource could not be found.")


@route(r"/drives/([^/]+)/(?:items/)?root/delta(?:\(\))?")
def feed(server: GraphServer, asked: Asked, drive_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/driveitem-delta."""
    drive = server.tenant.drive(drive_id)
    return _missing() if drive is None else delta(server, asked, drive)


@route(r"/drives/([^/]+)/(?:items/)?([^/]+)")
def item(server: GraphServer, asked: Asked, drive_id: str, item_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/driveitem-get."""
    found = _item(server, drive_id, item_id)
    return _missing() if found is None else Answer(200, selected(asked, [shapes.item_of(*found)])[0])


@route(r"/drives/([^/]+)/(?:items/)?([^/]+)/children")
def children(server: GraphServer, asked: Asked, drive_id: str, item_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/driveitem-list-children."""
    found = _item(server, drive_id, item_id)
    if found is None:
        return _missing()
    drive, folder = found
    return paged(server, asked, [shapes.item_of(drive, one) for one in drive.children(folder)])


@route(r"/drives/([^/]+)/(?:items/)?([^/]+)/permissions")
def permissions(server: GraphServer, asked: Asked, drive_id: str, item_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/driveitem-list-permissions."""
    found = _item(server, drive_id, item_id)
    if found is None:
        return _missing()
    if found[1].withheld or found[0].effective(found[1])[1].withheld:
        return refusal(403, "accessDenied", "Access denied.")
    return paged(server, asked, shapes.permissions_of(*found))


@route(r"/drives/([^/]+)/items/([^/]+)/listItem")
def list_item(server: GraphServer, asked: Asked, drive_id: str, item_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/listitem-get, with ``$expand=fields($select=...)``."""
    found = _item(server, drive_id, item_id)
    if found is None:
        return _missing()
    names = re.search(r"fields\(\$?select=([^)]*)\)", asked.query.get("$expand", ""))
    wanted = names[1].split(",") if names else list(found[1].fields)
    fields = {key: value for key, value in found[1].fields.items() if key in wanted}
    return Answer(200, {"id": str(found[1].number), "fields": fields})


@route(r"/drives/([^/]+)/items/([^/]+)/content")
def content(server: GraphServer, asked: Asked, drive_id: str, item_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/driveitem-get-content: 302 to an address that needs no token."""
    found = _item(server, drive_id, item_id)
    if found is None or found[1].is_folder:
        return _missing()
    return Answer(302, None, {"Location": f"{server.host}/download/{drive_id}/{item_id}?tempauth=of-a-moment"})


def download(server: GraphServer, asked: Asked) -> Answer:
    """The bytes. Who sends a token along is refused: it isn't for this host."""
    _, _, drive_id, item_id = asked.path.split("/")
    found = _item(server, drive_id, item_id)
    if "authorization" in asked.headers or asked.query.get("tempauth") != "of-a-moment":
        return refusal(401, "unauthenticated")
    return _missing() if found is None else Answer(200, found[1].content or b"")


@route(r"/groups")
def groups(server: GraphServer, asked: Asked) -> Answer:
    """https://learn.microsoft.com/graph/api/group-list."""
    return paged(server, asked, [{"id": one, "displayName": one[:8]} for one in sorted(server.tenant.groups)])


@route(r"/groups/([^/]+)/transitiveMembers")
def transitive_members(server: GraphServer, asked: Asked, group_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/group-list-transitivemembers: a flat list of all that is nested."""
    if group_id not in server.tenant.groups:
        return refusal(404, "Request_ResourceNotFound")
    nested = {one for one in server.tenant.groups[group_id] if one in server.tenant.groups}
    return paged(server, asked, shapes.people_of(server.tenant, server.tenant.members(group_id) | nested))


@route(r"/groups/([^/]+)/owners")
def owners(server: GraphServer, asked: Asked, group_id: str) -> Answer:
    """https://learn.microsoft.com/graph/api/group-list-owners."""
    if group_id not in server.tenant.groups:
        return refusal(404, "Request_ResourceNotFound")
    return paged(server, asked, shapes.people_of(server.tenant, server.tenant.owners.get(group_id, set())))


@route(r"/users")
def users(server: GraphServer, asked: Asked) -> Answer:
    """https://learn.microsoft.com/graph/api/user-list, with ``$filter=userType eq 'Member'``."""
    people = [
        one for one in server.tenant.people if "#ext#" not in one or "Member" not in asked.query.get("$filter", "")
    ]
    return paged(server, asked, shapes.people_of(server.tenant, people))


def sharepoint_rest(server: GraphServer, asked: Asked) -> Answer:
    """SharePoint's own API, for its groups. Application tokens by secret are refused:
    https://learn.microsoft.com/sharepoint/dev/solution-guidance/security-apponly-azuread."""
    token = server.entra.opened(asked.headers.get("authorization"), server.base)
    if token is None or not token.by_certificate:
        return Answer(401, {"error_description": "Unsupported app only token."})
    path, _, rest = asked.path.removeprefix("/").partition("/_api/web/sitegroups")
    site = server.tenant.sites.get(path)
    if site is None or site.gone:
        return Answer(404, None)
    if not rest:
        return Answer(200, {"value": [{"Id": key, "Title": title} for key, (title, _) in site.groups.items()]})
    found = re.fullmatch(r"/getbyid\((\d+)\)/users", rest)
    if found is None or int(found[1]) not in site.groups:
        return Answer(404, None)
    logins = site.groups[int(found[1])][1]
    return Answer(200, {"value": [{"LoginName": one, "Email": "", "UserPrincipalName": None} for one in logins]})
