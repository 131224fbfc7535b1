"""Files that the system doesn't let anybody read: real ones, and what their readers go on finding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.principal import AccessList
from ingestion.connectors.folder.connector import FolderConfig, FolderConnector
from ingestion.connectors.port import Unreadable, Upsert
from tests.listings import Memory, read
from tests.unprivileged import unprivileged

HR = AccessList(groups=frozenset({"hr"}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that can be deleted in the end, whatever was done to it."""
    made = tmp_path / "documents"
    made.mkdir()
    yield made
    for path in made.rglob("*"):
        path.chmod(0o755)


def listed(folder: Path, known: Memory | None = None, **config: Any) -> tuple[dict[str, Any], Memory]:
    connector = FolderConnector(FolderConfig(path=folder, **config), 1_000_000)
    with unprivileged():
        listing = read(connector, known)
    return {change.external_id: change for change in listing.changes}, listing.known


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_readers_of_a_file_that_cannot_be_opened_are_known_all_the_same(folder: Path) -> None:
    write(folder / "plan.pdf", "secret", 0o000)
    write(folder / "plan.pdf.meta.yaml", "acl: ['group:hr']\n")
    write(folder / "open.pdf", "open", 0o000)
    found, cursor = listed(folder)
    assert found["plan.pdf"].acl == HR
    assert found["plan.pdf"].reason == "it can't be read: Permission denied"
    assert found["open.pdf"].acl == AccessList.everyone()
    (folder / "plan.pdf").chmod(0o644)
    found, _ = listed(folder, cursor)
    assert isinstance(found["plan.pdf"], Upsert)
    assert isinstance(found["open.pdf"], Unreadable)


def test_a_disk_that_fails() -> None:
    # The memory of this process is a file that is there and gives an input/output error.
    root = Path(f"/proc/{os.getpid()}")
    config = FolderConfig(path=root, include=["mem"], exclude=["*/**"], default_acl=("group:hr",))
    [found] = read(FolderConnector(config, 1_000_000)).changes
    assert found == Unreadable("mem", f"file://{root}/mem", "it can't be read: Input/output error", HR)


def test_readers_that_may_stand_in_the_file_itself_are_not_known(folder: Path) -> None:
    write(folder / "plan.md", "---\nacl: ['group:hr']\n---\ntext", 0o000)
    found, _ = listed(folder)
    assert found["plan.md"].acl is None


def test_readers_that_stand_in_a_sidecar_that_cannot_be_read_are_not_known(folder: Path) -> None:
    write(folder / "plan.pdf", "secret", 0o000)
    write(folder / "plan.pdf.meta.yaml", "acl: ['group:hr']\n", 0o000)
    found, _ = listed(folder)
    assert found["plan.pdf"].acl is None
    assert "the sidecar plan.pdf.meta.yaml can't be read" in found["plan.pdf"].reason


def test_in_a_folder_that_cannot_be_entered_nothing_is_known(folder: Path) -> None:
    (folder / "inner").mkdir()
    write(folder / "inner" / "plan.pdf", "secret")
    _, cursor = listed(folder)
    (folder / "inner").chmod(0o444)  # may be listed, but nothing in it looked at
    found, _ = listed(folder, cursor)
    assert found["inner/plan.pdf"].acl is None
    (folder / "inner").chmod(0o000)
    found, _ = listed(folder, cursor)
    assert found["inner/plan.pdf"].acl is None
