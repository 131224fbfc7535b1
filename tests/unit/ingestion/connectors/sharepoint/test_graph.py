"""Batches of Graph, with what is throttled or fails in them."""

from __future__ import annotations

from typing import Any, cast

import httpx
import pytest

from core.errors import SourceRefuses, SourceUnavailable
from ingestion.connectors.http import SourceClient
from ingestion.connectors.sharepoint.graph import Graph

BASE = "https://graph.example/v1.0"


class Batches:
    """A client that answers batches by a table of statuses for each address, the last one from then on."""

    def __init__(self, statuses: dict[str, list[int]], headers: dict[str, str] | None = None) -> None:
        self._statuses = statuses
        self._headers = headers or {}
        self.asked: list[list[str]] = []

    def post(self, url: str, *, json: Any) -> httpx.Response:
        assert url == f"{BASE}/$batch"
        self.asked.append([one["url"] for one in json["requests"]])
        told = []
        for one in json["requests"]:
            left = self._statuses.get(one["url"], [200])
            status = left.pop(0) if len(left) > 1 else left[0]
            told.append({"id": one["id"], "status": status, "headers": self._headers, "body": {"url": one["url"]}})
        return httpx.Response(200, json={"responses": told[::-1]})


def graph(client: object) -> tuple[Graph, list[float]]:
    """Graph over a client, and how long it waited each time."""
    waits: list[float] = []
    return Graph("SharePoint of contoso", BASE, cast(SourceClient, client), waits.append), waits


def test_answers_come_in_the_order_asked_twenty_at_a_time() -> None:
    client = Batches({})
    urls = [f"/items/{number}" for number in range(45)]
    answers = graph(client)[0].batch(urls)
    assert [answer.body["url"] for answer in answers] == urls
    assert [len(one) for one in client.asked] == [20, 20, 5]


def test_only_what_is_throttled_is_asked_again_after_what_it_says() -> None:
    client = Batches({"/b": [429, 503, 200]}, {"Retry-After": "7"})
    api, waits = graph(client)
    assert [answer.status for answer in api.batch(["/a", "/b"])] == [200, 200]
    assert client.asked == [["/a", "/b"], ["/b"], ["/b"]]
    assert waits == [7, 7]


def test_what_is_throttled_for_good_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable, match="later"):
        graph(Batches({"/b": [429]}))[0].batch(["/a", "/b"])


def test_an_item_that_always_fails_keeps_no_other_from_being_read() -> None:
    assert [one.status for one in graph(Batches({"/b": [500]}))[0].batch(["/a", "/b"])] == [200, 500]


def test_an_answer_to_other_requests_is_no_answer() -> None:
    class Other(Batches):
        def post(self, url: str, *, json: Any) -> httpx.Response:
            return httpx.Response(200, json={"responses": []})

    with pytest.raises(SourceUnavailable, match="other requests"):
        graph(Other({}))[0].batch(["/a"])


@pytest.mark.parametrize("link", ["https://elsewhere.example/v1.0/x", "https://graph.example/v1.0.evil/x", "/v1.0/x"])
def test_a_link_that_leads_elsewhere_is_not_followed(link: str) -> None:
    with pytest.raises(SourceRefuses):
        graph(Batches({}))[0].relative(link)


def test_a_link_is_kept_without_its_base() -> None:
    assert graph(Batches({}))[0].relative(f"{BASE}/drives/a?token=b") == "/drives/a?token=b"
    assert graph(Batches({}))[0].relative(None) is None
