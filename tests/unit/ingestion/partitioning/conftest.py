from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.settings import Settings
from ingestion.partitioning.build import build_partitioner
from ingestion.partitioning.port import Partitioner


@pytest.fixture(scope="session")
def partitioner() -> Iterator[Partitioner]:
    """A real pool of one child, with the limits of a default installation."""
    built = build_partitioner(Settings())
    yield built
    built.close()
