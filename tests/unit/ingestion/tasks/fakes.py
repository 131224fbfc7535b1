"""Stand-ins at the ports: a source, a reader, a model and an index in memory, and queues that run on request."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from core.chunk import Chunk, EmbeddedChunk, Vector, Vectors
from core.errors import BrokerUnavailable, IndexUnavailable, NotFound, UnreadableDocument
from core.filters import AnyOf, Filter
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.broker import TaskQueue
from ingestion.connectors.port import Change, Cursor, Known, Page, Sink, Upsert
from ingestion.partitioning.content import Content
from ingestion.partitioning.port import Element, ElementKind, Partition
from ingestion.tasks import (
    comparing,
    deleting,
    embedding,
    hand_off,
    index_news,
    listing,
    memberships,
    parsing,
    recovering,
)
from ingestion.tasks.parts import Parts
from retrieval.index.fences import mark, marks_of, permissions_version, version_of
from retrieval.index.port import DocumentUpdate, Generation, IndexedDocument
from tests.word_tokenizer import WordTokenizer


class SteppedClock:
    def __init__(self) -> None:
        self._now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


PAGE = 100
"""Changes on a page of a :class:`FakeSource`."""


class FakeSource:
    """A source whose documents are a dictionary."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.acls: dict[str, AccessList] = {}
        self.extra: list[Change] = []
        self.complete = True
        self.error: Exception | None = None
        self.fetched: list[str] = []

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        if self.error:
            raise self.error
        changes = list(self._changes())
        for start in range(0, len(changes), PAGE):
            yield Page(changes=changes[start : start + PAGE], cursor=cursor)
        yield Page(changes=(), cursor={"seen": len(self.documents)}, complete=self.complete)

    def _changes(self) -> Iterator[Change]:
        for name, text in self.documents.items():
            acl = self.acls.get(name, AccessList.everyone())
            yield Upsert(
                external_id=name,
                uri=f"file:///{name}",
                revision=f"{text}|{acl.terms()}",
                content_revision=text,
                size=len(text),
                acl=acl,
            )
        yield from self.extra

    def fetch(self, external_id: str, into: Sink) -> str | None:
        self.fetched.append(external_id)
        if external_id not in self.documents:
            raise NotFound(f"{external_id} is gone.")
        into.write(self.documents[external_id].encode())
        return None

    def close(self) -> None:
        pass


def whole(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content
    content.seek(0)
    return content.read()


class FakePartitioner:
    """Every paragraph is an element; a document that says ``broken`` can't be read."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def partition(self, content: Content, *, name: str, media_type: str | None = None) -> Partition:
        if self.error:
            raise self.error
        text = whole(content).decode()
        if "broken" in text:
            raise UnreadableDocument(f"{name} is corrupt.")
        elements = tuple(Element(kind=ElementKind.TEXT, text=part) for part in text.split("\n\n") if part.strip())
        own = Metadata(document_type="text")
        return Partition(elements=elements, metadata=own, media_type="text/plain", parser="fake 1")

    def close(self) -> None:
        pass


class FakeEmbedder:
    name = "fake"
    dimensions = 2
    window_tokens = 200

    def __init__(self) -> None:
        self.tokenizer = WordTokenizer()
        self.batches: list[int] = []
        self.error: Exception | None = None
        self.meanwhile: Callable[[], object] | None = None

    def warm_up(self) -> None:
        pass

    def embed_query(self, query: str) -> Vector:
        return np.array([1, 0], dtype=np.float32)

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        if self.error:
            raise self.error
        if any("poison" in text for text in texts):
            raise RuntimeError("poison")
        self.batches.append(len(texts))
        if self.meanwhile:
            self.meanwhile, change = None, self.meanwhile
            change()
        return np.tile(np.array([1, 0], dtype=np.float32), (len(texts), 1))


class FakeIndex:
    """Chunks by id. It fences as the real ones do, which a contract test holds it to."""

    def __init__(self) -> None:
        self.chunks: dict[str, Chunk] = {}
        self.windows: dict[str, Vectors] = {}
        self.told: dict[str, int] = {}
        """By chunk, the version that its permissions are of."""
        self.fences: dict[str, int] = {}
        self.meanwhile: Callable[[], object] | None = None
        """Done at the next upsert: after whatever its caller has looked at, before anything is written."""
        self.dies = False
        """Whether the caller of the next upsert dies once its chunks are written."""
        self.error: Exception | None = None
        self.down = True
        """Whether an error means that it answers nothing at all, or only refuses writes."""
        self.marked = ""
        self.lost = False
        """Whether it has no generation: somebody has to make one first."""
        self.refused: set[str] = set()
        """Documents whose permissions can't be written."""
        self.refreshed = 0
        self.at_refresh: Callable[[], object] | None = None

    def ensure(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        self._check()
        self.lost = False
        return Generation("g1", embedder, dimensions, live=True, model=model)

    def generations(self) -> list[Generation]:
        if self.down:
            self._check()
        return [] if self.lost else [Generation("g1", FakeEmbedder.name, FakeEmbedder.dimensions, live=True)]

    def for_generation(self, name: str) -> FakeIndex:
        return self

    def upsert(self, chunks: Sequence[EmbeddedChunk], as_of: Mapping[str, int] | None = None) -> dict[str, int]:
        self._check()
        if self.meanwhile:
            self.meanwhile, change = None, self.meanwhile
            change()
        refused = self._raise(marks_of((one.chunk for one in chunks), as_of or {}))
        for embedded in chunks:
            assert embedded.windows.shape[1] == 2
            chunk = embedded.chunk
            if chunk.document_id not in refused:
                self.chunks[chunk.id] = chunk
                self.windows[chunk.id] = embedded.windows
                self.told[chunk.id] = permissions_version(chunk, as_of or {})
        if self.dies:
            self.dies = False
            raise SystemExit
        return {key: version_of(fence) for key, fence in refused.items()}

    def delete_stale(self, versions: Mapping[str, int]) -> int:
        self._check()
        self._raise({key: mark(version, content=True) for key, version in versions.items()})
        return self._delete(lambda chunk: chunk.version < versions.get(chunk.document_id, 0))

    def delete_documents(self, versions: Mapping[str, int]) -> int:
        self._check()
        self._raise({key: mark(version, content=False) for key, version in versions.items()})
        return self._delete(lambda chunk: chunk.version <= versions.get(chunk.document_id, -1))

    def update_documents(self, updates: Sequence[DocumentUpdate]) -> int:
        self._check()
        changed = 0
        for update in updates:
            if update.document_id in self.refused:
                raise UnreadableDocument("It can't be stored.")
            self._raise({update.document_id: mark(update.up_to, content=False)})
            for chunk in list(self.chunks.values()):
                if chunk.document_id == update.document_id and self._told(chunk) <= update.up_to:
                    version = update.up_to if update.restamp else chunk.version
                    metadata, uri = update.metadata or chunk.metadata, update.uri or chunk.uri
                    new = replace(chunk, acl=tuple(update.acl), metadata=metadata, uri=uri, version=version)
                    self.chunks[chunk.id] = new
                    self.told[chunk.id] = update.up_to
                    changed += 1
        return changed

    def _told(self, chunk: Chunk) -> int:
        return max(chunk.version, self.told.get(chunk.id, 0))

    def _raise(self, marks: Mapping[str, int]) -> dict[str, int]:
        """Raise documents' marks; the fences of those that are higher."""
        higher = {key: self.fences[key] for key, own in marks.items() if self.fences.get(key, 0) > own}
        self.fences |= {key: own for key, own in marks.items() if key not in higher}
        return higher

    def count_documents(self, filter: Filter) -> int:
        self._check()
        assert isinstance(filter, AnyOf)
        assert filter.field == "document_id"
        return len({chunk.document_id for chunk in self.chunks.values()} & filter.values)

    def fetch(self, chunk_ids: Sequence[str], filter: Filter) -> list[Chunk]:
        if self.down:
            self._check()
        return [self.chunks[key] for key in chunk_ids if key in self.chunks]

    def vectors(self, chunk_ids: Sequence[str], filter: Filter) -> dict[str, Vectors]:
        self._check()
        assert isinstance(filter, AnyOf)
        assert filter.field == "document_id"
        found = (self.chunks[key] for key in chunk_ids if key in self.chunks)
        return {chunk.id: self.windows[chunk.id] for chunk in found if chunk.document_id in filter.values}

    def documents(self, after: str, limit: int) -> list[IndexedDocument]:
        self._check_there()
        chunks = [chunk for chunk in self.chunks.values() if chunk.document_id > after]
        found = []
        for key in sorted({chunk.document_id for chunk in chunks})[:limit]:
            mine = [chunk for chunk in chunks if chunk.document_id == key]
            acls = {frozenset(chunk.acl) for chunk in mine}
            versions = Counter(chunk.version for chunk in mine)
            latest = max(map(self._told, mine))
            found.append(IndexedDocument(key, dict(versions), acls.pop() if len(acls) == 1 else None, latest))
        return found

    def mark(self) -> str:
        self._check_there()
        return self.marked

    def set_mark(self, mark: str) -> None:
        self._check()
        self.marked = mark

    def refresh(self) -> None:
        self._check_there()
        if self.at_refresh:
            self.at_refresh()
        self.refreshed += 1

    def close(self) -> None:
        pass

    def texts(self) -> list[str]:
        return sorted(chunk.text for chunk in self.chunks.values())

    def _delete(self, which: Callable[[Chunk], bool]) -> int:
        self._check()
        gone = [key for key, chunk in self.chunks.items() if which(chunk)]
        for key in gone:
            del self.chunks[key]
        return len(gone)

    def _check_there(self) -> None:
        self._check()
        if self.lost:
            raise IndexUnavailable("The index has no generation yet: ensure() makes the first.")

    def _check(self) -> None:
        if self.error:
            raise self.error


class QueuedTasks(TaskQueue):
    """Queues in memory; ``run`` works through them as workers would."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[str, dict[str, Any]]] = deque()
        self.delayed: list[tuple[str, dict[str, Any], float]] = []
        self.down = False
        self.forgotten = False

    def send(self, task: str, arguments: Mapping[str, Any] | None = None, *, delay_s: float = 0) -> None:
        if self.down:
            raise BrokerUnavailable("The task queue doesn't answer.")
        if delay_s:
            self.delayed.append((task, dict(arguments or {}), delay_s))
        else:
            self.waiting.append((task, dict(arguments or {})))

    def has_lost_everything(self) -> bool:
        return self.forgotten

    def run(self, parts: Parts) -> None:
        while self.waiting:
            task, arguments = self.waiting.popleft()
            TASKS[task](parts, **arguments)

    def run_delayed(self, parts: Parts, clock: SteppedClock) -> None:
        """Let time pass until nothing is delayed any more."""
        self.run(parts)
        while self.delayed:
            task, arguments, delay_s = self.delayed.pop(0)
            clock.advance(delay_s)
            self.waiting.append((task, arguments))
            self.run(parts)


TASKS: dict[str, Callable[..., object]] = {
    "footnote.sync": listing.sync,
    "footnote.sync_due": recovering.sync_due,
    "footnote.dispatch": hand_off.dispatch,
    "footnote.settle": hand_off.settle,
    "footnote.permissions": index_news.permissions,
    "footnote.parse": parsing.parse,
    "footnote.embed": embedding.embed,
    "footnote.purge": deleting.purge,
    "footnote.compare": comparing.compare_index,
    "footnote.memberships": memberships.sync_memberships,
    "footnote.recover": recovering.recover,
}
