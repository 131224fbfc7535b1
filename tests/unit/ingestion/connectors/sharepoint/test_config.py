"""Settings of SharePoint sources."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidRequest
from ingestion.connectors.registry import read_config
from ingestion.connectors.sharepoint.config import SharePointConfig, site_address

GOOD = {"tenant": "contoso.com", "client_id": "c", "client_secret": "s3cr3t", "sites": ["contoso.sharepoint.com"]}


@pytest.mark.parametrize(
    ("site", "address"),
    [
        ("https://contoso.sharepoint.com/sites/hr/", "contoso.sharepoint.com:/sites/hr"),
        ("contoso.sharepoint.com/sites/hr/sub", "contoso.sharepoint.com:/sites/hr/sub"),
        ("https://contoso.sharepoint.com", "contoso.sharepoint.com"),
        ("contoso.sharepoint.com,0ab1-2c,3d-4e", "contoso.sharepoint.com,0ab1-2c,3d-4e"),
    ],
)
def test_sites_are_told_by_address_or_id(site: str, address: str) -> None:
    assert site_address(site) == address


@pytest.mark.parametrize(
    "site",
    ["hr", "http://contoso.sharepoint.com/x", "contoso.sharepoint.com/a?b", "a.b/../c", "a.b:/c", "", "a.b,c,d/e"],
)
def test_what_is_no_site_is_refused(site: str) -> None:
    with pytest.raises(InvalidRequest):
        read_config("sharepoint", {**GOOD, "sites": [site]})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"client_secret": None}, "give one of"),
        ({"certificate": "pem"}, "give one of"),
        ({"sites": []}, "sites"),
        ({"graph": "http://graph.local"}, "https://"),
        ({"authority": "ftp://login.local"}, "authority"),
        ({"tenant": "../x"}, "tenant"),
        ({"department_column": "a) or (b"}, "department_column"),
        ({"librarys": []}, "Did you mean 'libraries'"),
    ],
)
def test_settings_that_can_not_be_used_are_named(more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said.replace("'", ".")) as caught:
        read_config("sharepoint", {**GOOD, **more})
    assert "s3cr3t" not in str(caught.value)


def test_secrets_are_in_no_repr() -> None:
    read = read_config("sharepoint", GOOD)
    assert isinstance(read, SharePointConfig)
    assert "s3cr3t" not in repr(read)
    assert "s3cr3t" not in read.model_dump_json()
