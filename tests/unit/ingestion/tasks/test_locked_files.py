"""A file that can't be read any more, through a real folder source: what is shown of it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.connectors.folder.connector import FolderConfig, FolderConnector
from ingestion.connectors.port import Cursor, Known, Page, Sink
from tests.unprivileged import unprivileged


class Unprivileged:
    """A folder source that is read without root's rights."""

    def __init__(self, folder: Path) -> None:
        self._folder = FolderConnector(FolderConfig(path=folder, default_acl=("group:hr",)), 1_000_000)

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        with unprivileged():
            pages = list(self._folder.changes(cursor, known))
        return iter(pages)

    def fetch(self, external_id: str, into: Sink) -> None:
        with unprivileged():
            self._folder.fetch(external_id, into)


@pytest.fixture
def folder(pipeline: Any, tmp_path: Path) -> Path:
    """The folder that is the pipeline's source."""
    made = tmp_path / "documents"
    made.mkdir()
    source = Unprivileged(made)
    pipeline.source.changes, pipeline.source.fetch = source.changes, source.fetch
    return made


def readers(pipeline: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(chunk.text, chunk.acl) for chunk in pipeline.index.chunks.values()]


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_what_was_indexed_stays_findable_until_the_file_can_be_read(pipeline: Any, folder: Path) -> None:
    write(folder / "a.txt", "first words")
    assert pipeline.sync().indexed == 1
    write(folder / "a.txt", "other words, longer", 0o000)
    run = pipeline.sync()
    assert (run.failed, readers(pipeline)) == (1, [("first words", ("group:hr",))])
    [failure] = pipeline.parts.catalog.failures.list()
    assert (failure.error_class, failure.retryable) == ("SourceUnavailable", True)
    assert pipeline.document("a.txt").acl.terms() == ("group:hr",)
    (folder / "a.txt").chmod(0o644)
    assert pipeline.sync().indexed == 1
    assert readers(pipeline) == [("other words, longer", ("group:hr",))]
    assert pipeline.parts.catalog.failures.list() == []


def test_its_new_permissions_count_at_once(pipeline: Any, folder: Path) -> None:
    write(folder / "a.txt", "first words")
    pipeline.sync()
    write(folder / "a.txt", "other words, longer", 0o000)
    write(folder / "a.txt.meta.yaml", "acl: ['user:ida']\n")
    pipeline.sync()
    assert readers(pipeline) == [("first words", ("user:ida",))]


def test_one_whose_readers_are_not_known_is_hidden(pipeline: Any, folder: Path) -> None:
    write(folder / "a.md", "first words")
    pipeline.sync()
    write(folder / "a.md", "---\nacl: ['user:ida']\n---\nother words", 0o000)
    pipeline.sync()
    assert readers(pipeline) == [("first words", ())]
    assert pipeline.parts.catalog.failures.list()[0].retryable is False
    (folder / "a.md").chmod(0o644)
    pipeline.sync()
    assert [acl for _, acl in readers(pipeline)] == [("user:ida",)]


def test_a_new_file_that_cannot_be_read_is_a_failure_until_it_can(pipeline: Any, folder: Path) -> None:
    write(folder / "a.txt", "first words", 0o000)
    assert (pipeline.sync().failed, pipeline.sync().failed) == (1, 1)
    (folder / "a.txt").chmod(0o644)
    assert pipeline.sync().indexed == 1
