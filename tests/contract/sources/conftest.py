"""Every kind of source, each on the real thing that it reads, and the sync that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.sources.confluence_world import ConfluenceWorld
from tests.contract.sources.folder_world import FolderWorld
from tests.contract.sources.synced import Synced
from tests.contract.sources.world import World

NewWorld = Callable[[Path, pytest.FixtureRequest], AbstractContextManager[World]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a new, empty source is made, and what it can."""

    new: NewWorld
    can: frozenset[str]


@contextmanager
def _folder(path: Path, _: pytest.FixtureRequest) -> Iterator[World]:
    root = path / "documents"
    root.mkdir()
    yield FolderWorld(root)


@contextmanager
def _confluence(cloud: bool) -> Iterator[World]:
    with closing(ConfluenceWorld(cloud=cloud)) as world:
        yield world


KINDS = {
    "folder": Kind(_folder, FolderWorld.can),
    "confluence-cloud": Kind(lambda *_: _confluence(True), ConfluenceWorld.can),
    "confluence-data-center": Kind(lambda *_: _confluence(False), ConfluenceWorld.can),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test runs over the sources that can what it needs."""
    if "new_synced" in metafunc.fixturenames:
        marks = metafunc.definition.iter_markers
        needs = {what for mark in marks("needs") for what in mark.args}
        lacks = {what for mark in marks("lacks") for what in mark.args}
        kinds = [name for name, kind in sorted(KINDS.items()) if needs <= kind.can and not lacks & kind.can]
        metafunc.parametrize("new_synced", kinds, indirect=True)


@pytest.fixture
def new_synced(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AbstractContextManager[Synced]]:
    """Makes a new, empty source of a kind, and a Footnote that follows it."""
    made: list[Path] = []
    kind = KINDS[request.param]

    @contextmanager
    def one() -> Iterator[Synced]:
        path = tmp_path / str(len(made))
        made.append(path)
        path.mkdir()
        with kind.new(path, request) as world, Synced.following(world, path / "footnote") as synced:
            assert world.can == kind.can
            yield synced

    return one


@pytest.fixture
def synced(new_synced: Callable[[], AbstractContextManager[Synced]]) -> Iterator[Synced]:
    """One of them."""
    with new_synced() as one:
        yield one
