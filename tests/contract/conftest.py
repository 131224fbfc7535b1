"""Both adapters of the search index, over the real things."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.settings import IndexSettings, OpenSearchSettings
from retrieval.index.port import SearchIndex

pytest.register_assert_rewrite("tests.contract.passages")
from tests.contract.passages import ready  # noqa: E402

OpenIndex = Callable[[], SearchIndex]
NewIndex = Callable[[], OpenIndex]


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def new_index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewIndex]:
    """Makes a place for an index, and opens handles on it as other processes would: nothing is shared but the index."""
    handles: list[SearchIndex] = []
    url = request.getfixturevalue("opensearch_url") if request.param == "opensearch" else None

    def new() -> OpenIndex:
        make = _opensearch(url) if url else _embedded(tmp_path_factory.mktemp("index"))

        def open_() -> SearchIndex:
            handles.append(make())
            return handles[-1]

        return open_

    yield new
    for handle in handles:
        handle.close()


@pytest.fixture
def open_index(new_index: NewIndex) -> OpenIndex:
    """Opens a handle on this test's own index."""
    return new_index()


@pytest.fixture
def index(open_index: OpenIndex) -> SearchIndex:
    """An empty index of this test's own, with a live generation."""
    return ready(open_index())


@pytest.fixture(scope="module")
def shared_index(new_index: NewIndex) -> SearchIndex:
    """One index for a module's tests that only read: making one costs OpenSearch a second."""
    return ready(new_index()())


def _embedded(folder: Path) -> OpenIndex:
    from retrieval.index.lance.index import LanceIndex

    return lambda: LanceIndex(folder / "index")


def _opensearch(url: str) -> OpenIndex:
    from retrieval.index.opensearch.index import OpenSearchIndex

    name = f"contract-{uuid.uuid4().hex[:12]}"
    settings = IndexSettings(kind="opensearch", name=name, opensearch=OpenSearchSettings(url=url))
    return lambda: OpenSearchIndex(settings)
