"""A Confluence of many items: an unchanged one costs its pages of the listing, and nothing is downloaded."""

from __future__ import annotations

import math
import time
from collections import Counter

import pytest

from ingestion.connectors.port import Upsert
from tests.integration.confluence_sources import Notes, allowed, connector, external_id, listed, memberships
from tests.scale import sized
from tests.servers.confluence.server import serving
from tests.servers.confluence.site import Site, generated

ITEMS = sized(20_000, 3_000)
PAGE = 200


def listing_pages(site: Site) -> int:
    """The pages of its listings: 200 items each, 250 in v2; kinds that are asked for together are paged together."""
    kinds = Counter((one.space, one.type) for one in site.content.values())
    if site.cloud:
        together = [(("page",), 250), (("blogpost",), 250), (("page", "blogpost"), PAGE), (("attachment",), PAGE)]
    else:
        together = [(("page",), PAGE), (("blogpost",), PAGE), (("attachment",), PAGE)]
    sums = [(sum(kinds[space, kind] for kind in some), size) for space in site.spaces for some, size in together]
    return sum(math.ceil(number / size) for number, size in sums)


@pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "data-center"])
def test_an_unchanged_source_costs_its_pages_and_five_requests(cloud: bool) -> None:
    site = generated(1, ITEMS, cloud=cloud)
    assert len(site.content) == ITEMS
    with serving(site) as confluence:
        first = listed(confluence)
        assert len(first) == ITEMS
        confluence.asked.clear()
        began = time.monotonic()
        again = listed(confluence)
        took = time.monotonic() - began
        asked = list(confluence.asked)
    print(f"{len(asked)} requests for {listing_pages(site)} pages, {took:.1f} s")
    assert again == first
    assert all(isinstance(change, Upsert) for change in again.values())
    assert len(asked) <= listing_pages(site) + 5
    assert not [path for path in asked if "download" in path or "/api/v2/pages/" in path or "descendant" in path]


def test_readers_of_a_large_site_are_the_sites_own() -> None:
    site = generated(2, 1500, cloud=True)
    with serving(site) as confluence:
        told, groups = listed(confluence), memberships(confluence)
    joint = [name for name in groups if name.startswith("src/all of ")]
    assert joint, "the site has restricted pages in restricted ones"
    for content in site.content.values():
        change = told[external_id(site, content.id)]
        assert allowed(site, change, groups) == site.readers(content)


def test_a_pages_changes_are_spread_over_pages_of_some_hundred() -> None:
    site = generated(3, 2500, cloud=False, spaces=1)
    with serving(site) as confluence:
        opened = connector(confluence)
        sizes = [len(page.changes) for page in opened.changes({}, Notes())]
        opened.close()
    assert sum(sizes) == 2500
    assert max(sizes) <= 500
