"""SharePoint: who lets us in, what refusals say, and who is in its groups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from core.errors import SourceRefuses, SourceUnavailable
from ingestion.connectors.port import KnowsGroups
from tests.integration.sharepoint_following import SOURCE, Followed, open_source
from tests.servers.graph.entra import SECRET
from tests.servers.graph.grants import for_group, for_site_group
from tests.servers.graph.server import Fault, GraphServer, serving
from tests.servers.graph.tenant import HOST, Tenant
from tests.servers.graph.wire import Answer, refusal

ANN, BOB, CY, DEE = (f"{name}@example.com" for name in ("ann", "bob", "cy", "dee"))


@pytest.fixture(scope="module")
def certificate() -> tuple[str, bytes]:
    """PEM text of a certificate with its key, and of the certificate alone."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "footnote")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (private + public).decode(), public


@pytest.fixture
def tenant() -> Tenant:
    """A site with one file for a site group, which holds a person, an Entra group with another within, and owners."""
    tenant = Tenant()
    inner = tenant.group("inner", {CY})
    outer = tenant.group("outer", {BOB, inner})
    tenant.owners[outer] = {DEE}
    for one in (ANN, BOB, CY, DEE, "guest#ext#@example.com"):
        tenant.person(one)
    site = tenant.site("sites/team", "Team")
    site.groups[5] = ("Team Members", [f"i:0#.f|membership|{ANN}", f"c:0t.c|tenant|{outer}"])
    site.groups[6] = ("Team Owners", [f"c:0o.c|federateddirectoryclaimprovider|{outer}_o"])
    site.groups[7] = ("Team Visitors", ["c:0-.f|rolemanager|spo-grid-all-users/7c2f3b1e"])
    site.permissions = [for_site_group(5, "Team Members"), for_group(outer)]
    site.library("Documents").put("a.txt", b"words")
    return tenant


@pytest.fixture
def server(tenant: Tenant) -> Iterator[GraphServer]:
    """The server over it."""
    with serving(tenant, page_size=2) as one:
        yield one


def refused(server: GraphServer, **more: object) -> str:
    """What a sync is refused with, seen to hold no secret."""
    with pytest.raises(SourceRefuses) as caught:
        Followed(server, **more).sync()
    assert SECRET not in str(caught.value)
    assert "wrong-secret" not in repr(caught.value)
    return caught.value.message


def test_a_wrong_secret_is_named_with_the_way_out(server: GraphServer) -> None:
    said = refused(server, client_secret="wrong-secret")
    assert "AADSTS7000215" in said
    assert "not its id" in said
    assert "SharePoint of" in said


def test_an_unknown_application_and_an_unknown_tenant_are_named(server: GraphServer) -> None:
    assert "AADSTS700016" in refused(server, client_id="22222222-0000-4000-8000-000000000001")
    assert "'elsewhere.example'" in refused(server, tenant="elsewhere.example")


@pytest.mark.parametrize(("code", "way_out"), [(7000222, "expired"), (7000229, "consent"), (7000112, "disabled")])
def test_what_entra_refuses_says_what_to_do(server: GraphServer, code: int, way_out: str) -> None:
    server.entra.refusal = (code, "It can't be.")
    said = refused(server)
    assert f"AADSTS{code}" in said
    assert way_out in said


def test_a_revoked_consent_names_the_rights_to_grant(server: GraphServer) -> None:
    server.entra.consented = False
    said = refused(server)
    assert "sites/team" in said
    assert "Sites.FullControl.All" in said


def test_a_site_or_library_that_went_is_named_and_nothing_is_deleted(server: GraphServer, tenant: Tenant) -> None:
    followed = Followed(server, libraries=["Documents"])
    followed.sync()
    tenant.sites["sites/team"].drives["Documents"].gone = True
    with pytest.raises(SourceRefuses, match="no library 'Documents'"):
        followed.sync()
    tenant.sites["sites/team"].gone = True
    with pytest.raises(SourceRefuses, match=rf"{HOST}/sites/team isn't there"):
        followed.sync()
    assert len(followed.documents) == 1


def test_a_server_that_never_comes_back_is_unavailable_not_refused(server: GraphServer) -> None:
    server.faults.append(Fault("/sites/", Answer(429, None, {"Retry-After": "0"}), times=100))
    with pytest.raises(SourceUnavailable):
        Followed(server).sync()


def test_a_certificate_opens_graph_and_tells_who_is_in_site_groups(
    server: GraphServer, certificate: tuple[str, bytes], tenant: Tenant
) -> None:
    server.entra.certificates.append(certificate[1])
    connector = open_source(server, client_secret=None, certificate=certificate[0])
    assert isinstance(connector, KnowsGroups)
    told = {one.group: one.users for one in connector.memberships()}
    connector.close()
    site = f"{SOURCE}/site/{tenant.sites['sites/team'].id.split(',')[1]}"
    outer, inner = tenant.group("outer"), tenant.group("inner")
    assert told == {
        f"{SOURCE}/organization": {ANN, BOB, CY, DEE},
        f"{SOURCE}/entra/{outer}": {BOB, CY},
        f"{SOURCE}/entra/{outer}/owners": {DEE},
        f"{SOURCE}/entra/{inner}": {CY},
        f"{SOURCE}/entra/{inner}/owners": frozenset(),
        f"{site}/5": {ANN, BOB, CY},
        f"{site}/6": {DEE},
        f"{site}/7": {ANN, BOB, CY, DEE},
    }


def test_every_group_of_an_access_list_has_members(
    server: GraphServer, certificate: tuple[str, bytes], tenant: Tenant
) -> None:
    server.entra.certificates.append(certificate[1])
    more: dict[str, Any] = {"client_secret": None, "certificate": certificate[0]}
    followed = Followed(server, **more)
    followed.sync()
    connector = open_source(server, **more)
    told = {f"group:{one.group}" for one in connector.memberships()}
    connector.close()
    for _, terms in followed.readers().values():
        assert terms
        assert terms <= told


def test_a_certificate_that_is_not_uploaded_is_refused(server: GraphServer, certificate: tuple[str, bytes]) -> None:
    said = refused(server, client_secret=None, certificate=certificate[0])
    assert "AADSTS700027" in said
    assert "PRIVATE KEY" not in said


def test_something_that_is_no_certificate_is_refused_without_showing_it(server: GraphServer) -> None:
    said = refused(server, client_secret=None, certificate="hunter2 is no certificate")
    assert "hunter2" not in said
    assert "PEM" in said


def test_with_a_secret_site_groups_are_those_that_the_settings_name(server: GraphServer, tenant: Tenant) -> None:
    followed = Followed(server, site_groups={"Team Members": [ANN, tenant.group("inner")]})
    followed.sync()
    (terms,) = [terms for _, terms in followed.readers().values()]
    assert terms == {
        f"user:{ANN}",
        f"group:{SOURCE}/entra/{tenant.group('inner')}",
        f"group:{SOURCE}/entra/{tenant.group('outer')}",
    }
    connector = open_source(server)
    assert not any("/site/" in one.group for one in connector.memberships())
    connector.close()


def test_memberships_that_may_not_be_read_end_with_the_right_that_is_missing(server: GraphServer) -> None:
    server.faults.append(Fault("/transitiveMembers", refusal(403, "Authorization_RequestDenied"), times=9))
    connector = open_source(server)
    with pytest.raises(SourceRefuses, match=r"GroupMember\.Read\.All"):
        list(connector.memberships())
    connector.close()
