"""From Graph's permissions to access lists."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SystemClock
from core.principal import AccessList
from ingestion.connectors.port import ConnectorContext
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.sharepoint.config import SharePointConfig
from ingestion.connectors.sharepoint.permissions import Grants, by_login

SITE = "contoso.sharepoint.com,5A9F29A7-957f-4089-9a6a-79c3494b7f12,0ce51744-3f0d-4c0c-8e5b-1b2c3d4e5f60"
GROUP = "02bd9fd6-8f93-4758-87c3-1fb73740a315"


def readers(*permissions: dict[str, Any], **settings: Any) -> AccessList | None:
    told = {"tenant": "contoso.com", "client_id": "c", "client_secret": "s", "sites": ["contoso.sharepoint.com"]}
    context = ConnectorContext(
        source_id="src",
        max_file_bytes=1,
        default_acl=AccessList.everyone(),
        clock=SystemClock(),
        protected=ProtectedPaths(),
    )
    return Grants(SharePointConfig.model_validate({**told, **settings}), context).readers(permissions, SITE)


def grant(to: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "1", "roles": ["read"], "grantedToV2": to, **more}


def link(scope: str | None, **more: Any) -> dict[str, Any]:
    return {"id": "2", "roles": ["read"], "link": {"scope": scope, "type": "view"}, **more}


def terms(found: AccessList | None) -> tuple[str, ...]:
    assert found is not None
    return found.terms()


ANN = {"user": {"id": "1", "displayName": "Ann", "email": "Ann@Example.com"}}


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (grant(ANN), ("user:ann@example.com",)),
        (grant({"siteUser": {"loginName": "i:0#.f|membership|Ann@example.com"}}), ("user:ann@example.com",)),
        (
            grant({**ANN, "siteUser": {"loginName": "i:0#.f|membership|ann.upn@example.com"}}),
            ("user:ann.upn@example.com", "user:ann@example.com"),
        ),
        (grant({"group": {"id": GROUP.upper(), "displayName": "HR"}}), (f"group:src/entra/{GROUP}",)),
        (grant({"siteUser": {"loginName": f"c:0t.c|tenant|{GROUP}"}}), (f"group:src/entra/{GROUP}",)),
        (
            grant({"siteUser": {"loginName": f"c:0o.c|federateddirectoryclaimprovider|{GROUP}_o"}}),
            (f"group:src/entra/{GROUP}/owners",),
        ),
        (
            grant({"siteGroup": {"id": "5", "displayName": "HR Members"}}),
            ("group:src/site/5a9f29a7-957f-4089-9a6a-79c3494b7f12/5",),
        ),
        ({"id": "1", "roles": ["read"], "grantedTo": ANN}, ("user:ann@example.com",)),
        (link("users", grantedToIdentitiesV2=[ANN]), ("user:ann@example.com",)),
        (link("existingAccess", grantedToIdentitiesV2=[ANN]), ()),
        (link("anonymous"), ()),
        (link("organization"), ()),
        (grant({"application": {"id": "a", "displayName": "App"}}), ()),
        (grant(ANN, roles=[]), ()),
        (grant(ANN, roles=["something new"]), ()),
        (grant(ANN, expirationDateTime="2030-01-01T00:00:00Z"), ()),
        (grant(ANN, expirationDateTime="0001-01-01T00:00:00Z"), ("user:ann@example.com",)),
        ({"id": "1", "roles": ["write"], "invitation": {"email": "jd@example.com"}}, ()),
    ],
)
def test_a_permission_lets_these_read(permission: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert terms(readers(permission)) == expected


def test_links_count_as_the_settings_say() -> None:
    assert terms(readers(link("anonymous"), anonymous_links="everyone")) == ("public",)
    assert terms(readers(link("anonymous", hasPassword=True), anonymous_links="everyone")) == ()
    assert (
        terms(readers(link("anonymous", expirationDateTime="2030-01-01T00:00:00Z"), anonymous_links="everyone")) == ()
    )
    assert terms(readers(link("organization"), organization_links="group")) == ("group:src/organization",)
    assert terms(readers(link("organization"), organization_links="everyone")) == ("public",)
    assert terms(readers(link("anonymous"), organization_links="everyone")) == ()


@pytest.mark.parametrize("login", ["c:0(.s|true", "c:0-.f|rolemanager|spo-grid-all-users/7c2f"])
def test_everyone_is_the_organisation_or_everybody(login: str) -> None:
    everyone = grant({"siteUser": {"loginName": login}, "user": {"displayName": "Everyone"}})
    assert terms(readers(everyone)) == ("group:src/organization",)
    assert terms(readers(everyone, all_users="everyone")) == ("public",)


def test_what_is_not_understood_grants_nothing_and_alone_it_hides() -> None:
    unknown = grant({"siteUser": {"loginName": "c:0!.s|windows"}})
    assert readers(unknown) is None
    assert readers(grant({"user": {"displayName": "Nobody knows"}})) is None
    assert readers(grant({"group": {"id": "not a guid"}})) is None
    assert terms(readers(unknown, grant(ANN))) == ("user:ann@example.com",)
    assert terms(readers()) == ()


names = st.sampled_from(["user", "group", "siteUser", "siteGroup", "application", "robot"])
identities = st.dictionaries(
    names,
    st.fixed_dictionaries(
        {}, optional={"id": st.text(), "email": st.text(), "loginName": st.text(), "displayName": st.text()}
    ),
)
permissions = st.lists(
    st.fixed_dictionaries(
        {"roles": st.lists(st.sampled_from(["read", "other"]))},
        optional={
            "grantedToV2": identities,
            "grantedToIdentitiesV2": st.lists(identities),
            "link": st.fixed_dictionaries({"scope": st.sampled_from(["anonymous", "organization", "users", None])}),
        },
    )
)


@given(permissions)
def test_no_permission_makes_a_document_public_unless_a_setting_does(told: list[dict[str, Any]]) -> None:
    found = readers(*told)
    assert found is None or not found.public
    assert found is None or all("@" in user and user == user.lower() for user in found.users)


@given(st.text())
def test_any_login_name_can_be_read(login: str) -> None:
    found = by_login(login)
    assert found.known or not (found.users or found.groups or found.everyone)
