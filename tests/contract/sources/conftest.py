"""Every kind of source, each on the real thing that it reads, and the sync that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.sources.confluence_world import ConfluenceWorld
from tests.contract.sources.folder_world import FolderWorld
from tests.contract.sources.push_world import PushWorld
from tests.contract.sources.s3_world import S3World
from tests.contract.sources.sharepoint_world import SharePointWorld
from tests.contract.sources.sql_world import SqlWorld
from tests.contract.sources.synced import Synced
from tests.contract.sources.website_world import WebsiteWorld
from tests.contract.sources.world import World
from tests.s3_server import serve as serve_s3
from tests.servers.website import serve as serve_website

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


@contextmanager
def _s3(path: Path, _: pytest.FixtureRequest) -> Iterator[World]:
    with serve_s3(path / "s3" / "data") as url, closing(S3World(url)) as world:
        yield world


@contextmanager
def _sharepoint(*_: object) -> Iterator[World]:
    with closing(SharePointWorld()) as world:
        yield world


@contextmanager
def _website(*_: object) -> Iterator[World]:
    with serve_website() as site:
        yield WebsiteWorld(site)


@contextmanager
def _push(path: Path, _: pytest.FixtureRequest) -> Iterator[World]:
    with closing(PushWorld(path / "footnote")) as world:
        yield world


@contextmanager
def _sql(where: Path | str, grows: bool = True) -> Iterator[World]:
    with closing(SqlWorld(where, grows=grows)) as world:
        yield world


KINDS = {
    "folder": Kind(_folder, FolderWorld.can),
    "confluence-cloud": Kind(lambda *_: _confluence(True), ConfluenceWorld.can),
    "confluence-data-center": Kind(lambda *_: _confluence(False), ConfluenceWorld.can),
    "push": Kind(_push, PushWorld.can),
    "s3": Kind(_s3, S3World.can),
    "sharepoint": Kind(_sharepoint, SharePointWorld.can),
    "sql-sqlite": Kind(lambda path, _: _sql(path), SqlWorld.can),
    "sql-by-content": Kind(lambda path, _: _sql(path, grows=False), SqlWorld.can),
    "sql-postgresql": Kind(lambda _, request: _sql(request.getfixturevalue("postgresql_url")), SqlWorld.can),
    "sql-mariadb": Kind(lambda _, request: _sql(request.getfixturevalue("mariadb_url")), SqlWorld.can),
    "website": Kind(_website, WebsiteWorld.can),
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
