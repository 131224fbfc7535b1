"""Stacks for the tests of this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# First in this thread: while a thread of a service imports it, it silences a warning of its own, and pytest, which sets
# the filters of the process anew for each test, could make that an error in the middle of the import.
import torch  # noqa: F401

from tests.integration.stacks import Stack


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="fn-") as path:
        yield Path(path)


@pytest.fixture
def stack(home: Path) -> Iterator[Stack]:
    stack = Stack(home)
    try:
        yield stack
    finally:
        stack.close()


@pytest.fixture(params=["embedded", "opensearch"])
def index_settings(request: pytest.FixtureRequest, home: Path) -> dict[str, object]:
    """Settings of an index of one's own, of each kind."""
    if request.param == "embedded":
        return {}
    url = request.getfixturevalue("opensearch_url")
    return {"kind": "opensearch", "name": f"test-{home.name.lower()}", "opensearch": {"url": url}}


@pytest.fixture
def running(stack: Stack) -> Stack:
    stack.start_broker()
    stack.start_worker()
    return stack
