"""Every kind of source, each on the real thing that it reads, and the sync that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.contract.sources.folder_world import FolderWorld
from tests.contract.sources.synced import Synced
from tests.contract.sources.world import World

NewWorld = Callable[[Path], AbstractContextManager[World]]


@contextmanager
def _folder(path: Path) -> Iterator[World]:
    root = path / "documents"
    root.mkdir()
    yield FolderWorld(root)


WORLDS: dict[str, NewWorld] = {"folder": _folder}


@pytest.fixture(params=sorted(WORLDS))
def new_synced(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AbstractContextManager[Synced]]:
    """Makes a new, empty source of a kind, and a Footnote that follows it."""
    made: list[Path] = []

    @contextmanager
    def one() -> Iterator[Synced]:
        path = tmp_path / str(len(made))
        made.append(path)
        path.mkdir()
        with WORLDS[request.param](path) as world, Synced.following(world, path / "footnote") as synced:
            yield synced

    return one


@pytest.fixture
def synced(new_synced: Callable[[], AbstractContextManager[Synced]]) -> Iterator[Synced]:
    """One of them."""
    with new_synced() as one:
        yield one
