"""A source, and a Footnote that follows it: real but for the model, the reader of documents and the index."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.records import Run, document_id
from ingestion.tasks.parts import Makers, Parts
from tests.contract.sources.world import World
from tests.unit.ingestion.tasks.fakes import FakeEmbedder, FakeIndex, FakePartitioner, QueuedTasks


class Moving:
    """The system's clock, which can be moved forward: sources keep real time."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class Synced:
    """What a test does with a source and what follows it."""

    def __init__(self, world: World, parts: Parts, tasks: QueuedTasks, index: FakeIndex, clock: Moving) -> None:
        self.world = world
        self.parts = parts
        self._tasks = tasks
        self._index = index
        self._clock = clock
        self.source = parts.catalog.sources.create(
            kind=world.kind, name="source", config=dict(world.config()), interval_s=60
        )

    @classmethod
    @contextmanager
    def following(cls, world: World, data_dir: Path) -> Iterator[Self]:
        """Follow a world, with a catalog of its own."""
        settings = Settings.model_validate({"data_dir": data_dir, "sync": {"retry_base_s": 0.01}})
        tasks, index, clock = QueuedTasks(), FakeIndex(), Moving()
        makers = Makers(
            catalog=lambda given: open_catalog(given, clock),
            index=lambda _: index,  # type: ignore[arg-type,return-value]
            embedder=lambda _: FakeEmbedder(),
            partitioner=lambda _: FakePartitioner(),
            parser_version=lambda _: "fake 1",
        )
        parts = Parts(settings, tasks, makers)
        try:
            yield cls(world, parts, tasks, index, clock)
        finally:
            parts.close()

    def sync(self) -> Run:
        """List the source, and work until nothing is left to do."""
        run, _ = self.parts.catalog.runs.begin(self.source.id, self.parts.settings.sync.lease_s)
        self._tasks.send("footnote.sync", {"run_id": run.id})
        self._tasks.run_delayed(self.parts, self._clock)
        done = self.parts.catalog.runs.get(run.id)
        assert done.state == "finished", (done.state, done.error, done.waiting)
        assert done.seen == done.unchanged + done.indexed + done.failed + done.deleted + done.superseded
        return done

    def check(self) -> None:
        """The index holds what the source has, for whom the source says, and nothing else."""
        truth = self.world.truth(self.source.id)
        held: dict[str, list[tuple[str, frozenset[str]]]] = {}
        for chunk in self._index.chunks.values():
            held.setdefault(chunk.document_id, []).append((chunk.text, frozenset(chunk.acl)))
        by_id = {document_id(self.source.id, name): name for name in truth}
        for key, chunks in held.items():
            terms = {acl for _, acl in chunks}
            assert key in by_id or terms == {frozenset()}, (chunks, sorted(truth))
        for key, name in by_id.items():
            said = truth[name]
            if said.terms is None:
                assert not any(acl for _, acl in held.get(key, [])), (name, held[key])
            else:
                assert key in held, (name, said, [one.message for one in self.parts.catalog.failures.list()])
                assert {acl for _, acl in held[key]} == {said.terms}, (name, said, held[key])
                text = " ".join(_plain(text) for text, _ in held[key])
                assert said.text in text, (name, said, text)


def _plain(text: str) -> str:
    """Text without tags: what reads documents here takes bytes as they are."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
