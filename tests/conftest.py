"""Services that several tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.opensearch.node import Node


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
