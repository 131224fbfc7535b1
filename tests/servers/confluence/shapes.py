"""Answers of Confluence's REST APIs, as both dialects write them.

v1: https://developer.atlassian.com/cloud/confluence/rest/v1/intro/ and
https://developer.atlassian.com/server/confluence/rest/v920/intro/; v2:
https://developer.atlassian.com/cloud/confluence/rest/v2/intro/.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, quote_plus

from tests.servers.confluence.site import Content, Group, Site, Space, User

Json = dict[str, Any]
INLINE = 200
"""Users and groups that an expanded restriction holds; more are asked for."""


def moment(at: datetime) -> str:
    """A time as Confluence writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def user(site: Site, one: User) -> Json:
    """A user; Cloud's address is empty where privacy settings hide it, Data Center's is never there.

    https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-users/
    """
    if not site.cloud:
        return {"type": "known", "username": one.name, "userKey": one.key, "displayName": one.name.title()}
    return {
        "type": "known",
        "accountId": one.key,
        "accountType": "atlassian",
        "email": one.email if one.visible else "",
        "publicName": one.name,
        "displayName": one.name.title(),
        "_expandable": {},
        "_links": {},
    }


def group(site: Site, one: Group) -> Json:
    """A group; Data Center's has no id."""
    told = {"type": "group", "name": one.name, "_links": {}}
    return {**told, "id": one.id} if site.cloud else told


def restriction(site: Site, content: Content, start: int, limit: int) -> Json:
    """Whom reading is restricted to; users and groups are paged side by side.

    https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content-restrictions/
    """
    users = [user(site, site.users[key]) for key in sorted(content.users)]
    groups = [group(site, one) for one in site.groups.values() if one.id in content.groups]
    return {
        "operation": "read",
        "restrictions": {
            "user": _window(users, start, limit),
            "group": _window(groups, start, limit),
            "_expandable": {},
        },
        "_expandable": {"content": f"/rest/api/content/{content.id}"},
        "_links": {},
    }


def content(site: Site, one: Content, expand: Sequence[str]) -> Json:
    """Content as v1 has it, with what the request expands; the rest is named in ``_expandable``.

    https://developer.atlassian.com/server/confluence/expansions-in-the-rest-api/
    """
    told: Json = {
        "id": one.id,
        "type": one.type,
        "status": one.status,
        "title": one.title,
        "_expandable": {},
        "_links": {"webui": webui(one), "self": f"/rest/api/content/{one.id}"},
    }
    if "version" in expand:
        told["version"] = {"number": one.version, "when": moment(one.modified), "minorEdit": False, "_expandable": {}}
    if "history" in expand:
        by = {"createdBy": user(site, site.users[one.author])} if one.author else {}
        told["history"] = {"latest": True, "createdDate": moment(one.created), **by, "_expandable": {}}
    if "ancestors" in expand:
        told["ancestors"] = [content(site, above, ()) for above in site.ancestors(one) if above.type == "page"]
    if "space" in expand:
        told["space"] = space(site, site.spaces[one.space])
    if "container" in expand and one.parent and one.type in ("attachment", "comment"):
        told["container"] = content(site, site.content[one.parent], ())
    if "metadata.labels" in expand:
        labels = [{"prefix": "global", "name": label, "id": label, "label": label} for label in one.labels]
        told["metadata"] = {"labels": {**_window(labels, 0, 200), "_links": {}}, "_expandable": {}}
    if "body.storage" in expand:
        told["body"] = {"storage": {"value": one.body, "representation": "storage", "_expandable": {}}}
    if any(wanted.startswith("restrictions.read") for wanted in expand) and not one.withheld:
        told["restrictions"] = {"read": restriction(site, one, 0, INLINE), "_expandable": {"update": ""}, "_links": {}}
    if one.type == "attachment":
        told["extensions"] = {"mediaType": one.media_type, "fileSize": len(one.data), "comment": ""}
        told["_links"]["download"] = download(one)
    return told


def space(site: Site, one: Space) -> Json:
    """A space, in v1 with a number for its id, in v2 with a string."""
    return {"id": one.id, "key": one.key, "name": one.name, "type": "global", "status": "current", "_expandable": {},
            "_links": {"webui": f"/spaces/{one.key}"}}  # fmt: skip


def space_v2(one: Space) -> Json:
    """https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-space/"""
    return {"id": str(one.id), "key": one.key, "name": one.name, "type": "global", "status": "current",
            "_links": {"webui": f"/spaces/{one.key}"}}  # fmt: skip


def permissions_v2(one: Space) -> list[Json]:
    """https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-space-permissions/#api-spaces-id-permissions-get"""
    rows = []
    who = [("user", key) for key in sorted(one.users)] + [("group", name) for name in sorted(one.groups)]
    for number, (kind, name) in enumerate(who):
        for key, target in (("read", "space"), ("create", "page")):
            rows.append({"id": f"{one.id}-{number}-{key}", "principal": {"type": kind, "id": name},
                         "operation": {"key": key, "targetType": target}})  # fmt: skip
    return rows


def permissions_v1(site: Site, one: Space) -> list[Json]:
    """A list without pages, since Data Center 9.1; users by key alone (https://jira.atlassian.com/browse/CONFSERVER-100505)."""
    subjects: list[Json] = [{"type": "user", "userKey": key} for key in sorted(one.users)]
    subjects += [{"type": "group", "name": each.name} for each in site.groups.values() if each.id in one.groups]
    subjects += [{"type": "anonymous", "displayName": "Anonymous"}] if one.anonymous else []
    operations = [{"targetType": "space", "operationKey": "read"}, {"targetType": "page", "operationKey": "create"}]
    return [
        {"operation": operation, "subject": subject, "spaceKey": one.key, "spaceId": one.id}
        for subject in subjects
        for operation in operations
    ]


def page_v2(site: Site, one: Content, *, body: bool = False) -> Json:
    """A page, a blog post or a folder.

    https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/#api-pages-id-get
    """
    told: Json = {
        "id": one.id,
        "status": one.status,
        "title": one.title,
        "spaceId": str(site.spaces[one.space].id),
        "authorId": one.author,
        "createdAt": moment(one.created),
        "version": {"createdAt": moment(one.modified), "number": one.version, "minorEdit": False},
        "_links": {"webui": webui(one)},
    }
    if body:
        told["body"] = {"storage": {"value": one.body, "representation": "storage"}}
    if one.type != "blogpost":
        told |= {"parentId": one.parent, "parentType": site.content[one.parent].type if one.parent else None}
    return told


def attachment_v2(one: Content) -> Json:
    """https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-attachment/#api-attachments-id-get"""
    return {
        "id": one.id,
        "status": one.status,
        "title": one.title,
        "createdAt": moment(one.created),
        "pageId": one.parent,
        "mediaType": one.media_type,
        "fileSize": len(one.data),
        "version": {"createdAt": moment(one.modified), "number": one.version},
        "downloadLink": download(one),
        "_links": {"webui": webui(one), "download": download(one)},
    }


def webui(one: Content) -> str:
    """Where a person opens it, behind the context path."""
    if one.type in ("page", "folder", "blogpost"):
        return f"/spaces/{one.space}/pages/{one.id}/{quote_plus(one.title)}"
    return f"/spaces/{one.space}/pages/{one.parent}?focused={one.id}"


def download(one: Content) -> str:
    """Where its bytes are, behind the context path."""
    return f"/download/attachments/{one.parent}/{quote(one.title)}?version={one.version}&api=v2"


def _window(items: list[Json], start: int, limit: int) -> Json:
    some = items[start : start + limit]
    return {"results": some, "start": start, "limit": limit, "size": len(some)}
