"""Services and settings that several tests share."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from deploy.opensearch.node import Node
from tests.postgresql import serve

# Hypothesis fails an example that takes over 200 ms by default: on a busy machine that says nothing about the code.
hypothesis.settings.register_profile("footnote", deadline=None)
hypothesis.settings.load_profile("footnote")


@pytest.fixture(scope="session")
def opensearch_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A real OpenSearch node without TLS, on a free port. Shared: use an index name of your own."""
    node = Node(tmp_path_factory.mktemp("opensearch"), http_port=0)
    node.start(timeout_s=120)
    yield node
    node.stop()


@pytest.fixture(scope="session")
def opensearch_url(opensearch_node: Node) -> str:
    """Where the shared node answers."""
    return opensearch_node.url


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL server. Shared: make a database of your own, or leave ``postgres`` empty again."""
    with serve() as url:
        yield url
