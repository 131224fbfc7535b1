"""A tenant's objects as Graph v1.0 writes them down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from tests.servers.graph.tenant import HOST, Drive, Item, Site, Tenant, guid

PREFERENCES = ("deltashowremovedasdeleted", "deltatraversepermissiongaps", "deltashowsharingchanges")


def site_of(site: Site, base: str) -> dict[str, Any]:
    """https://learn.microsoft.com/graph/api/resources/site."""
    return {
        "id": site.id,
        "name": site.path.rpartition("/")[2],
        "displayName": site.title,
        "webUrl": f"{base}/{site.path}".rstrip("/"),
        "siteCollection": {"hostname": HOST},
    }


def list_of(drive: Drive, expand: bool) -> dict[str, Any]:
    """https://learn.microsoft.com/graph/api/resources/list."""
    told: dict[str, Any] = {
        "id": drive.list_id,
        "name": drive.name,
        "displayName": drive.name,
        "webUrl": f"https://{HOST}/{drive.site.path}/{quote(drive.name)}",
        "list": {"contentTypesEnabled": False, "hidden": False, "template": drive.template},
    }
    return {**told, "drive": drive_of(drive)} if expand and drive.template != "genericList" else told


def drive_of(drive: Drive) -> dict[str, Any]:
    """https://learn.microsoft.com/graph/api/resources/drive."""
    return {
        "id": drive.id,
        "name": drive.name,
        "driveType": "documentLibrary",
        "webUrl": f"https://{HOST}/{drive.site.path}/{quote(drive.name)}",
    }


def item_of(drive: Drive, item: Item, preferred: str | None = None) -> dict[str, Any]:
    """https://learn.microsoft.com/graph/api/resources/driveitem.

    Args:
        preferred: what the request prefers, if it is one to the change feed.
    """
    root = item.parent is None
    parent: dict[str, Any] = {"driveId": drive.id, "driveType": "documentLibrary", "siteId": drive.site.id}
    if not root:
        above = drive.path(drive.items[item.parent or ""])
        parent |= {"id": item.parent, "path": f"/drives/{drive.id}/root:" + (f"/{quote(above)}" if above else "")}
    if item.deleted:
        # Deleted items have little more than their ids: https://learn.microsoft.com/graph/api/resources/deleted.
        facet: dict[str, Any] = {"folder": {"childCount": 0}} if item.is_folder else {"file": {}}
        return {"id": item.id, "parentReference": parent, "deleted": {"state": "deleted"}, **facet}
    author = {"user": {"email": item.author, "displayName": item.author.partition("@")[0].title()}}
    told: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "eTag": f'"{{{item.unique.upper()}}},{item.version}"',
        "webUrl": f"https://{HOST}/{drive.site.path}/{quote(drive.name)}/{quote(drive.path(item))}".rstrip("/"),
        "createdDateTime": "2026-01-05T08:00:00Z",
        "lastModifiedDateTime": item.modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "createdBy": author,
        "lastModifiedBy": author,
        "parentReference": parent,
        "size": len(item.content or b""),
    }
    if root:
        told["root"] = {}
    if item.is_folder:
        told["folder"] = {"childCount": len(drive.children(item))}
    else:
        told["cTag"] = f'"c:{{{item.unique.upper()}}},{item.content_version}"'
        told["file"] = {"mimeType": item.mime, "hashes": {"quickXorHash": guid(item.id, item.content_version)}}
    return told | _shared(drive, item, preferred)


def _shared(drive: Drive, item: Item, preferred: str | None) -> dict[str, Any]:
    """https://learn.microsoft.com/onedrive/developer/rest-api/concepts/scan-guidance, scanning permissions hierarchies:

    with ``hierarchicalsharing`` the facet stands at what has permissions of its own, empty where nothing is shared;
    without, everything that is shared has it, by itself or by a folder above.
    """
    permissions, holder = drive.effective(item)
    scope = next((one["link"]["scope"] for one in permissions if "link" in one), "users")
    facet = {"scope": scope} if permissions and holder.parent is not None else {}
    if preferred is None or "hierarchicalsharing" not in preferred:
        return {"shared": facet} if facet else {}
    return {"shared": facet} if item.permissions is not None else {}


def permissions_of(drive: Drive, item: Item) -> list[dict[str, Any]]:
    """The effective permissions: https://learn.microsoft.com/graph/api/driveitem-list-permissions.

    Libraries don't tell where they inherit from (remarks of https://learn.microsoft.com/graph/api/resources/permission).
    """
    return drive.effective(item)[0]


def page_of(drive: Drive, item: Item, expand: bool) -> dict[str, Any]:
    """https://learn.microsoft.com/graph/api/resources/sitepage."""
    page = dict(item.page or {})
    canvas = page.pop("canvasLayout", None)
    told = {
        "@odata.type": "#microsoft.graph.sitePage",
        "id": item.unique,
        "name": item.name,
        "eTag": f'"{{{item.unique.upper()}}},{item.version}"',
        "webUrl": f"https://{HOST}/{drive.site.path}/SitePages/{quote(item.name)}",
        "lastModifiedDateTime": item.modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "createdBy": {"user": {"displayName": "Ann", "email": item.author}},
        "parentReference": {"siteId": drive.site.id.split(",")[1]},
        **page,
    }
    return {**told, "canvasLayout": canvas} if expand and canvas else told


def people_of(tenant: Tenant, members: Iterable[str]) -> list[dict[str, Any]]:
    """Members of a group, people and groups (https://learn.microsoft.com/graph/api/group-list-transitivemembers)."""
    return [
        {"@odata.type": "#microsoft.graph.group", "id": one}
        if one in tenant.groups
        else {
            "@odata.type": "#microsoft.graph.user",
            "id": tenant.person(one),
            "mail": one.title(),
            "userPrincipalName": one,
        }
        for one in sorted(members)
    ]
