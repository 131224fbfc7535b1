"""OpenSearch that is down at the start, goes away, and comes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.chunk import Chunk, EmbeddedChunk
from core.errors import Conflict, IndexUnavailable
from core.filters import All
from core.settings import IndexSettings, OpenSearchSettings
from deploy.opensearch.node import Node
from retrieval.index.opensearch.index import OpenSearchIndex

VECTOR = np.array([1, 0], np.float32)
Open = Callable[[str], OpenSearchIndex]


@pytest.fixture
def open_index() -> Iterator[Open]:
    opened: list[OpenSearchIndex] = []

    def open_(url: str) -> OpenSearchIndex:
        settings = OpenSearchSettings(url=url, timeout_s=0.5)
        opened.append(OpenSearchIndex(IndexSettings(kind="opensearch", name="down", opensearch=settings)))
        return opened[-1]

    yield open_
    for index in opened:
        index.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def chunk(name: str) -> EmbeddedChunk:
    passage = Chunk(id=name, document_id="d", source_id="s", uri="u", ordinal=0, text="penguins", start=0, end=8)
    return EmbeddedChunk(passage, VECTOR[None])


def test_down_at_the_start(open_index: Open, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    index = open_index(url)
    calls: list[Callable[[], object]] = [
        index.ping,
        lambda: index.ensure("m", 2),
        lambda: index.lexical("q", All(()), 5),
        lambda: index.vector(VECTOR, All(()), 5),
        lambda: index.both("q", VECTOR, All(()), 5),
        lambda: index.fetch(["a"], All(())),
        lambda: index.upsert([chunk("a")]),
        lambda: index.delete_documents({"d": 1}),
        index.counts,
        index.refresh,
    ]
    for call in calls:
        with pytest.raises(IndexUnavailable, match=r"OpenSearch does not answer.*footnote opensearch start") as raised:
            call()
        assert raised.value.where == url
        assert raised.value.retryable


def test_one_that_accepts_and_never_answers(open_index: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = open_index(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(IndexUnavailable, match=r"did not answer within 0\.5 s"):
            index.lexical("q", All(()), 5)


def test_one_that_hangs_up(open_index: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def hang_up() -> None:
            for _ in range(3):
                connection, _ = rude.accept()
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        index = open_index(f"http://127.0.0.1:{rude.getsockname()[1]}")
        with pytest.raises(IndexUnavailable, match="does not answer"):
            index.lexical("q", All(()), 5)
        thread.join(10)
        assert not thread.is_alive()  # all three attempts were made


def test_it_goes_away_and_comes_back_with_everything(open_index: Open, tmp_path: Path, free_port: int) -> None:
    node = Node(tmp_path, http_port=free_port)
    node.start(timeout_s=120)
    try:
        settings = OpenSearchSettings(url=node.url)
        index = OpenSearchIndex(IndexSettings(kind="opensearch", name="down", opensearch=settings))
        index.ensure("m", 2)
        index.upsert([chunk("a")])
        # Another handle on the same home finds the running node, refuses its port to others, and can stop it.
        assert Node(tmp_path, http_port=free_port).running
        with pytest.raises(Conflict, match=f"Port {free_port}"):
            Node(tmp_path / "other", http_port=free_port).start()
        Node(tmp_path, http_port=free_port).stop()
        assert not node.running
        with pytest.raises(IndexUnavailable):
            index.upsert([chunk("b")])
        node.start(timeout_s=120)
        index.upsert([chunk("b")])
        index.refresh()
        assert {found.chunk_id for found in index.lexical("penguin", All(()), 5)} == {"a", "b"}
        index.close()
    finally:
        node.stop()
