"""One embedded stack for all end-to-end tests, run the way a user runs it: through the ``footnote`` command."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.commands import DOCUMENTS, RunningStack, footnote_in


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The stack, up and filled; down again, and checked to be, at the end."""
    home = tmp_path_factory.mktemp("stack")
    footnote = footnote_in(home)
    documents = home / "documents"
    shutil.copytree(DOCUMENTS, documents)
    try:
        url = footnote.json("up")["url"]
        footnote.run("ingest", str(documents))
        yield RunningStack(home, footnote.environment, url, documents)
    finally:
        stopped = footnote.json("down")
    assert stopped == {"stopped": True}
