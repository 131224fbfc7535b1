"""Permissions as Graph writes them: https://learn.microsoft.com/graph/api/resources/permission."""

from __future__ import annotations

from typing import Any

from tests.servers.graph.tenant import HOST, Tenant, guid


def for_person(tenant: Tenant, email: str, role: str = "read") -> dict[str, Any]:
    """A permission for a person (https://learn.microsoft.com/graph/api/resources/permission)."""
    identity = {"id": tenant.person(email), "displayName": email.partition("@")[0], "email": email}
    site_user = {"id": "7", "displayName": identity["displayName"], "loginName": f"i:0#.f|membership|{email}"}
    return {
        "id": guid("permission", email),
        "roles": [role],
        "grantedToV2": {"user": identity, "siteUser": site_user},
        "grantedTo": {"user": identity},
    }


def for_group(group_id: str, role: str = "read") -> dict[str, Any]:
    """A permission for an Entra group."""
    return {
        "id": guid("permission", group_id),
        "roles": [role],
        "grantedToV2": {"group": {"id": group_id, "displayName": f"Group {group_id[:8]}"}},
    }


def for_site_group(number: int, title: str, role: str = "read") -> dict[str, Any]:
    """A permission for one of SharePoint's own groups."""
    told = {"id": str(number), "displayName": title, "loginName": title}
    return {"id": guid("permission", title), "roles": [role], "grantedToV2": {"siteGroup": told}}


def for_login(login: str, title: str) -> dict[str, Any]:
    """A permission for who a login name stands for, as "Everyone"."""
    return {
        "id": guid("permission", login),
        "roles": ["read"],
        "grantedToV2": {"siteUser": {"id": "4", "displayName": title, "loginName": login}},
    }


def link(scope: str, identities: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A sharing link."""
    return {
        "id": guid("link", scope),
        "roles": ["read"],
        "shareId": "u!aHR0cHM6",
        "link": {"scope": scope, "type": "view", "webUrl": f"https://{HOST}/:b:/s/x"},
        "grantedToIdentitiesV2": [one["grantedToV2"] for one in identities or ()],
    }
