"""Fifty kills in syncs of a folder that is edited meanwhile: nothing lost, doubled or stale. Slow: `make kills`."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.chunk import Chunk
from core.filters import All
from ingestion.catalog.records import Run
from retrieval.index.port import SearchIndex
from tests.integration.stacks import Stack, until
from tests.integration.test_chaos import DEADLINE_S, Processes, finish

DOCUMENTS = int(os.environ.get("CHAOS_DOCUMENTS", "2000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "50"))
SEED = 12
EDITS_A_KILL = 20
VICTIMS = ("worker", "worker", "lister", "lister", "valkey", "all")
"""The embedded index lives in whoever writes to it, so killing a worker or the lister kills it in the middle."""
PAUSE_S = 2.0
"""At most so long between the first sign of work and the next kill."""
_READERS = ("public", "user:ann@example.com", "group:sales", "group:board")
_PAGE = 500

Held = dict[str, list[tuple[int, str, tuple[str, ...], str | None]]]
"""By external id, a document's chunks: ordinal, text, readers, title."""


class Editor:
    """Somebody who works in the folder: edits, moves, new permissions, deletions, new files.

    Attributes:
        readers: by path, all who might read a file since :meth:`forget` was called last.
    """

    def __init__(self, folder: Path, random_: random.Random, documents: int) -> None:
        self._folder = folder
        self._random = random_
        self._made = 0
        self.readers: dict[Path, frozenset[str]] = {}
        for _ in range(documents):
            self._add()

    def forget(self) -> None:
        """Everybody has seen the folder as it is now."""
        self.readers = {path: frozenset({reader_of(path)}) for path in self._files()}

    def act(self) -> None:
        """Do one of these to one of the files."""
        chosen = self._random.choice(self._files())
        do = self._random.choice((self._edit, self._edit, self._move, self._share, self._share, self._delete))
        do(chosen)

    def _files(self) -> list[Path]:
        return sorted(self._folder.rglob("*.md"))

    def _add(self) -> None:
        self._made += 1
        path = self._folder / f"{self._made % 20}" / f"{self._made}.md"
        path.parent.mkdir(exist_ok=True)
        self._write(path)

    def _write(self, path: Path) -> None:
        self._shown(path, reader_of(path))
        number = self._random.randrange(10**9)
        _replace(path, f"# Rule {path.stem}\n\nRule {path.stem} is about topic{number}.\n")

    def _edit(self, path: Path) -> None:
        self._write(path)

    def _move(self, path: Path) -> None:
        target = self._folder / f"{self._random.randrange(20)}" / f"moved-{path.name}"
        sidecar = _sidecar(path)
        self._shown(target, reader_of(path))
        if sidecar.exists():  # first, so that nobody sees the document with wider permissions
            _replace(_sidecar(target), sidecar.read_text())
        path.rename(target)
        sidecar.unlink(missing_ok=True)

    def _share(self, path: Path) -> None:
        reader = self._random.choice(_READERS)
        self._shown(path, reader)
        _replace(_sidecar(path), f'acl: ["{reader}"]\n')

    def _delete(self, path: Path) -> None:
        path.unlink()
        _sidecar(path).unlink(missing_ok=True)
        self._add()

    def _shown(self, path: Path, reader: str) -> None:
        self.readers[path] = self.readers.get(path, frozenset()) | {reader}


def reader_of(path: Path) -> str:
    """Who may read a file."""
    sidecar = _sidecar(path)
    return sidecar.read_text().split('"')[1] if sidecar.exists() else "public"


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.meta.yaml")


def _replace(path: Path, text: str) -> None:
    """Write as an editor does: nobody sees half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)


@pytest.fixture
def chaotic(home: Path) -> Iterator[tuple[Stack, Processes]]:
    stack = Stack(home, sync={"embed_chunks": 64, "max_deleted_share": 0.9})
    processes = Processes(stack)
    try:
        processes.supervise()
        yield stack, processes
    finally:
        processes.close()
        stack.close()


def held(stack: Stack, source_id: str) -> Held:
    """All that the index has, whoever may read it, under the names of the catalog; versions left out."""
    stack.index.refresh()
    found: Held = {}
    for chunk in _chunks(stack.index, stack.index.counts().chunks):
        name = stack.ingestion.catalog.documents.get(chunk.document_id).external_id
        found.setdefault(name, []).append((chunk.ordinal, chunk.text, chunk.acl, chunk.metadata.title))
    names = {record.external_id for record in stack.ingestion.catalog.documents.list(source_id, limit=len(found) + 1)}
    assert found.keys() == names
    return {name: sorted(chunks) for name, chunks in found.items()}


def _chunks(index: SearchIndex, count: int) -> list[Chunk]:
    ids = [one.chunk_id for one in index.lexical("rule", All(()), count + 1)]
    assert len(ids) == len(set(ids)) == count
    return [one for first in range(0, count, _PAGE) for one in index.fetch(ids[first : first + _PAGE], All(()))]


@pytest.mark.chaos
def test_fifty_kills_in_syncs_of_an_edited_folder_leave_what_an_ingest_of_its_last_state_makes(
    chaotic: tuple[Stack, Processes],
) -> None:
    stack, processes = chaotic
    chance = random.Random(SEED)
    editor = Editor(stack.folder, chance, DOCUMENTS)
    source = stack.add_source()
    began = time.monotonic()
    run: Run = stack.ingestion.sync(source.id)
    for number in range(KILLS):
        before = stack.ingestion.catalog.documents.totals()
        for _ in range(EDITS_A_KILL):
            editor.act()
        if stack.state(run).finished_at is not None or chance.random() < 1 / 3:
            run = stack.ingestion.sync(source.id)
        _work_goes_on(stack, processes, run, before)
        moment = time.monotonic() + chance.uniform(0, PAUSE_S)
        while time.monotonic() < moment:
            processes.supervise()
            time.sleep(0.05)
        victim = chance.choice(VICTIMS)
        print(round(time.monotonic() - began), number, victim, stack.ingestion.catalog.documents.totals(), flush=True)
        processes.kill(victim)
        processes.supervise()
    finish(stack, processes, run)
    quiet = finish(stack, processes, stack.ingestion.sync(source.id))
    print("the quiet sync:", quiet, round(time.monotonic() - began), "s", flush=True)
    assert stack.ingestion.catalog.failures.list() == []
    mine = held(stack, source.id)
    assert len(mine) == DOCUMENTS
    assert mine == from_scratch(stack)
    print(f"{KILLS} kills, {KILLS * EDITS_A_KILL} edits: {len(mine)} documents equal those of a fresh ingest")


def _work_goes_on(stack: Stack, processes: Processes, run: Run, before: dict[str, int]) -> None:
    """Wait for what was killed to be at work again, so that the next kill meets it there and not in its start."""

    def moved() -> bool:
        processes.supervise()
        return stack.ingestion.catalog.documents.totals() != before or stack.state(run).finished_at is not None

    until(moved, "work to go on", DEADLINE_S)


def from_scratch(edited: Stack) -> Held:
    """What a new stack makes of the folder as it is now."""
    with tempfile.TemporaryDirectory(prefix="fn-") as home:
        fresh = Stack(Path(home), sync={"embed_chunks": 64})
        processes = Processes(fresh)
        try:
            processes.supervise()
            source = fresh.ingestion.create_source("folder", "documents", {"path": str(edited.folder)})
            finish(fresh, processes, fresh.ingestion.sync(source.id))
            return held(fresh, source.id)
        finally:
            processes.close()
            fresh.close()
