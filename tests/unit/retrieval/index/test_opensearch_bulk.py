"""Bulk writes against a server that refuses some of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from core.chunk import Chunk, EmbeddedChunk
from core.errors import ConfigurationError, IndexUnavailable, StorageUnavailable
from core.filters import All
from core.settings import IndexSettings, OpenSearchSettings
from retrieval.index.opensearch.index import OpenSearchIndex

Reply = tuple[int, dict[str, Any]]
Answer = Callable[[list[str]], Reply]

WRITTEN = {"status": 201, "_seq_no": 1, "_primary_term": 1}
OVERLOAD = {"type": "rejected_execution_exception", "reason": "rejected execution"}


class Server(ThreadingHTTPServer):
    """Answers bulk requests as the test says, and remembers the ids of the chunks in each."""

    answer: Answer

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[list[str]] = []
        self.sizes: list[int] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        lines = [json.loads(line) for line in body.splitlines()]
        actions = [about for line in lines[::2] for about in line.items()]
        ids = [about["_id"] for action, about in actions if action == "index" and "if_seq_no" in about]
        if actions and not ids and "/_bulk" in self.path:  # places are reserved, or fences raised
            self._reply(200, {"errors": False, "items": [{action: WRITTEN} for action, _ in actions]})
            return
        self.server.requests.append(ids)
        self.server.sizes.append(len(body))
        self.server.paths.append(self.path)
        self._reply(*self.server.answer(ids))

    def do_GET(self) -> None:
        """What generation is written to."""
        self._reply(200, {"x-g0": {"mappings": {"_meta": {"embedder": "e", "dimensions": 4}}}})

    def _reply(self, status: int, content: dict[str, Any]) -> None:
        payload = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def index(server: Server, slept: list[float]) -> Iterator[OpenSearchIndex]:
    settings = OpenSearchSettings(url=server.url, bulk_bytes=2_000, bulk_concurrency=2)
    opened = OpenSearchIndex(IndexSettings(kind="opensearch", name="x", opensearch=settings), sleep=slept.append)
    yield opened
    opened.close()


def chunk(name: str) -> EmbeddedChunk:
    passage = Chunk(id=name, document_id="d", source_id="s", uri="u", ordinal=0, text="words", start=0, end=5)
    return EmbeddedChunk(passage, np.ones((1, 4), np.float32) / 2)


def stored(ids: list[str]) -> Reply:
    return 200, {"errors": False, "items": [{"index": WRITTEN} for _ in ids]}


def refusing(outcomes: dict[str, dict[str, Any]]) -> Callable[[list[str]], Reply]:
    return lambda ids: (200, {"errors": True, "items": [{"index": outcomes.get(i, WRITTEN)} for i in ids]})


def test_requests_stay_within_their_size_and_name_an_alias(server: Server, index: OpenSearchIndex) -> None:
    server.answer = stored
    index.upsert([chunk(f"c{n}") for n in range(20)])
    assert sorted(i for ids in server.requests for i in ids) == sorted(f"c{n}" for n in range(20))
    assert len(server.requests) > 1
    assert max(server.sizes) <= 2_000
    assert all(path.startswith("/x-write/_bulk?") and "require_alias=true" in path for path in server.paths)


def test_a_chunk_larger_than_a_request_goes_alone(server: Server, index: OpenSearchIndex) -> None:
    server.answer = stored
    big = Chunk(id="big", document_id="d", source_id="s", uri="u", ordinal=0, text="w" * 5_000, start=0, end=5_000)
    index.upsert([chunk("a"), EmbeddedChunk(big, np.ones((1, 4), np.float32) / 2), chunk("b")])
    assert sorted(server.requests) == [["a"], ["b"], ["big"]]


def test_nothing_is_sent_for_nothing(server: Server, index: OpenSearchIndex) -> None:
    index.upsert([])
    assert server.requests == []


@pytest.mark.parametrize("status", [429, 503])
def test_only_refused_items_are_sent_again(
    server: Server, index: OpenSearchIndex, slept: list[float], status: int
) -> None:
    def answer(ids: list[str]) -> Reply:
        if len(server.requests) > 1:
            return stored(ids)
        return refusing({"b": {"status": status, "error": OVERLOAD}})(ids)

    server.answer = answer
    index.upsert([chunk("a"), chunk("b"), chunk("c")])
    assert server.requests == [["a", "b", "c"], ["b"]]
    assert len(slept) == 1


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_refused_request_is_sent_again_whole(server: Server, index: OpenSearchIndex, status: int) -> None:
    server.answer = lambda ids: stored(ids) if len(server.requests) > 2 else (status, {"error": OVERLOAD})
    index.upsert([chunk("a"), chunk("b")])
    assert server.requests == [["a", "b"]] * 3


def test_patience_ends_and_waits_grow(server: Server, index: OpenSearchIndex, slept: list[float]) -> None:
    server.answer = refusing({"b": {"status": 429, "error": OVERLOAD}})
    with pytest.raises(IndexUnavailable, match="1 of 2 chunks"):
        index.upsert([chunk("a"), chunk("b")])
    assert server.requests == [["a", "b"], *[["b"]] * 6]
    assert all(0 < wait <= 0.25 + 0.5 * 2**n for n, wait in enumerate(slept))


def test_an_item_refused_for_good_is_not_sent_again(server: Server, index: OpenSearchIndex) -> None:
    mismatch = {"type": "mapper_parsing_exception", "reason": "Vector dimension mismatch"}
    server.answer = refusing({"a": {"status": 400, "error": mismatch}})
    with pytest.raises(ConfigurationError, match="Vector dimension mismatch"):
        index.upsert([chunk("a")])
    assert len(server.requests) == 1


def test_a_full_disk_is_said_at_once(server: Server, index: OpenSearchIndex) -> None:
    block = {
        "type": "cluster_block_exception",
        "reason": "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has "
        "read-only-allow-delete block];",
    }
    server.answer = refusing({"a": {"status": 429, "error": block}})
    with pytest.raises(StorageUnavailable, match="disk is nearly full"):
        index.upsert([chunk("a")])
    server.answer = lambda ids: (429, {"error": {"root_cause": [block], **block}})
    with pytest.raises(StorageUnavailable, match="disk is nearly full"):
        index.upsert([chunk("a")])
    assert len(server.requests) == 2


def test_one_leg_may_fail(server: Server, index: OpenSearchIndex) -> None:
    hit = {"_index": "x-g0", "_id": "a", "_score": 1.0, "fields": {"document_id": ["d"]}}
    failure = {"status": 500, "error": {"type": "circuit_breaking_exception", "reason": "Data too large"}}
    server.answer = lambda ids: (200, {"responses": [{"status": 200, "hits": {"hits": [hit]}}, failure]})
    found = index.both("words", np.ones(4, np.float32) / 2, All(()), 5)
    assert [candidate.chunk_id for candidate in found.lexical or []] == ["a"]
    assert found.vector is None
    assert "Data too large" in found.errors["vector"]
    server.answer = lambda ids: (200, {"responses": [failure, failure]})
    with pytest.raises(IndexUnavailable, match="Data too large"):
        index.both("words", np.ones(4, np.float32) / 2, All(()), 5)


def test_what_is_not_opensearch_is_said(server: Server, index: OpenSearchIndex) -> None:
    server.answer = lambda ids: (404, {"detail": "Not Found"})
    with pytest.raises(ConfigurationError, match="no such index"):
        index.lexical("words", All(()), 5)
