"""Services and settings that several tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from deploy.opensearch.node import Node
from tests import mariadb, postgresql

TESTS = Path(__file__).parent

pytest.register_assert_rewrite("tests.integration.cloud_server")

# Hypothesis fails an example that takes over 200 ms by default: on a busy machine that says nothing about the code.
hypothesis.settings.register_profile("footnote", deadline=None)
hypothesis.settings.load_profile("footnote")

# Ten nodes of OpenSearch start in the course of the suite, and none lives long enough to gain by the optimising
# compiler: without it a start takes 5.6 s of CPU time instead of 10.4.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

if "PYTEST_XDIST_WORKER" in os.environ:
    # One of several processes, which have the cores between them: so do the workers and services that it starts.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """With ``-n``: a process takes a file at a time, or all end-to-end tests, which share a running stack."""
    from xdist.scheduler import LoadScopeScheduling  # only there with -n

    class ByStack(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            return "tests/e2e" if file.startswith("tests/e2e/") else file

    # What waits for services comes first, many short files last: both processes end at about the same time.
    config.option.loadscopereorder = False
    return ByStack(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Levels from the slowest file to the quickest; within a file and a level as they are."""
    order = {level: place for place, level in enumerate(("e2e", "integration", "contract", "unit"))}
    items.sort(key=lambda item: order[item.path.relative_to(TESTS).parts[0]])


@pytest.fixture(scope="session")
def attack_cases() -> int:
    """How many cases a generator of attacks makes; their seeds are 0 to this number."""
    return int(os.environ.get("ATTACK_CASES", "300"))


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
    with postgresql.serve() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """A real MariaDB server. Shared: make a database of your own."""
    with mariadb.serve() as url:
        yield url
