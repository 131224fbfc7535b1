"""Links that answers give are followed on the host that was configured, and on no other."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.connectors.confluence.api import Api
from ingestion.connectors.http import SourceClient


def api(root: str) -> Api:
    return Api(SourceClient("Confluence"), root=root, cloud=root.endswith("/wiki"), name="Confluence")


@pytest.mark.parametrize(
    ("root", "link", "address"),
    [
        ("https://a.example/wiki", "/rest/api/content?start=5", "https://a.example/wiki/rest/api/content?start=5"),
        ("https://a.example/wiki", "/wiki/api/v2/spaces?cursor=x", "https://a.example/wiki/api/v2/spaces?cursor=x"),
        ("https://a.example/wiki", "https://a.example/wiki/x", "https://a.example/wiki/x"),
        ("https://a.example", "/wikis/x", "https://a.example/wikis/x"),
        ("https://a.example", "https://evil.example/x?y", "https://a.example/x?y"),
        ("https://a.example", "//evil.example/x", "https://a.example/x"),
        ("https://a.example", "@evil.example/x", "https://a.example/@evil.example/x"),
        ("https://a.example", ".evil.example/x", "https://a.example/.evil.example/x"),
    ],
)
def test_links_are_paths(root: str, link: str, address: str) -> None:
    assert api(root).address(link) == address


_API = api("https://a.example")


@given(st.text(alphabet="/@:.?#\\a e%", min_size=1))
def test_no_link_leads_to_another_host(link: str) -> None:
    try:
        found = urlsplit(_API.address(link))
    except ValueError:
        return  # not an address at all
    assert (found.scheme, found.netloc) == ("https", "a.example")
