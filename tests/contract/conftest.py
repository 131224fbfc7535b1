"""Both adapters of the search index, over the real things."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.settings import IndexSettings, OpenSearchSettings
from retrieval.index.port import SearchIndex

pytest.register_assert_rewrite("tests.contract.passages")
from tests.contract.passages import DIMENSIONS, EMBEDDER  # noqa: E402

OpenIndex = Callable[[], SearchIndex]


@pytest.fixture(params=["embedded", "opensearch"])
def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenIndex]:
    """Opens a handle on this test's own index, as another process would: nothing is shared but the index."""
    handles: list[SearchIndex] = []
    make = (
        _embedded(tmp_path) if request.param == "embedded" else _opensearch(request.getfixturevalue("opensearch_url"))
    )

    def open_() -> SearchIndex:
        handles.append(make())
        return handles[-1]

    yield open_
    for handle in handles:
        handle.close()


@pytest.fixture
def index(open_index: OpenIndex) -> SearchIndex:
    """An empty index with a live generation."""
    opened = open_index()
    opened.ensure(EMBEDDER, DIMENSIONS)
    return opened


def _embedded(folder: Path) -> OpenIndex:
    from retrieval.index.lance.index import LanceIndex

    return lambda: LanceIndex(folder / "index")


def _opensearch(url: str) -> OpenIndex:
    from retrieval.index.opensearch.index import OpenSearchIndex

    name = f"contract-{uuid.uuid4().hex[:12]}"
    settings = IndexSettings(kind="opensearch", name=name, opensearch=OpenSearchSettings(url=url))
    return lambda: OpenSearchIndex(settings)
