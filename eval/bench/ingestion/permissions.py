"""How long new permissions take to reach the index: ``footnote bench permissions --documents 5000``.

A source of documents of one chunk each is entered into a catalog and an index of its own, with random vectors: no model
is loaded, and loading one would fail. Then one listing says that all of them have other readers. The time ends when a
search by the new readers finds all of them, and one by the old readers none.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import click
import numpy as np
from sqlalchemy import update

from core.chunk import Chunk, EmbeddedChunk
from core.errors import FootnoteError
from core.filters import AnyOf
from core.metadata import Metadata
from core.principal import AccessList
from core.settings import Settings
from eval.bench.report import machine_line
from eval.progress import Progress, bars, tracked, unseen
from ingestion.broker import TaskQueue
from ingestion.catalog.build import database_of, open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.records import document_id
from ingestion.catalog.tables import DOCUMENTS
from ingestion.connectors.port import Connector, Cursor, Known, Page, Sink, SourceConfig, Upsert
from ingestion.tasks.listing import sync
from ingestion.tasks.parts import Makers, Parts
from retrieval.index.build import build_index
from retrieval.index.port import SearchIndex

PAGE = 500
GROUPS = 100
"""The new readers: documents share access lists, as those of a folder do."""
DIMENSIONS = 384
WORDS = 120
_BEFORE = AccessList(groups=frozenset({"before"}))


class _Listed:
    """A source that names all its documents, with these readers."""

    config_model = SourceConfig

    def __init__(self, documents: int, revision: str, progress: Progress) -> None:
        self._documents = documents
        self._revision = revision
        self._progress = progress

    @classmethod
    def open(cls, config: Any, context: Any) -> _Listed:
        """Unused: it is made by the benchmark alone."""
        raise NotImplementedError

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:  # noqa: ARG002 - it lists everything anew
        """All documents, page by page."""
        what = f"{self._revision}: listed, by {PAGE}"
        for first in tracked(range(0, self._documents, PAGE), what, self._progress):
            last = min(first + PAGE, self._documents)
            yield Page(
                changes=[self._document(number) for number in range(first, last)], complete=last == self._documents
            )

    def _document(self, number: int) -> Upsert:
        acl = _BEFORE if self._revision == "before" else AccessList(groups=frozenset({f"after{number % GROUPS}"}))
        return Upsert(
            external_id=f"{number}.txt",
            uri=f"https://example.com/{number}",
            revision=self._revision,
            content_revision="1",
            size=800,
            acl=acl,
            metadata=Metadata(title=f"Document {number}"),
        )

    def fetch(self, external_id: str, into: Sink) -> str | None:
        """Nothing is read anew: only permissions change."""
        raise NotImplementedError

    def close(self) -> None:
        """Holds nothing."""


class _NoTasks(TaskQueue):
    """Nothing is to be read or embedded, so no task may be sent."""

    def __init__(self) -> None:
        """Without a broker."""

    def send(self, task: str, arguments: Mapping[str, Any] | None = None, *, delay_s: float = 0) -> None:  # noqa: ARG002
        raise RuntimeError(f"New permissions alone have sent {task}.")


@click.command(epilog="Example:  footnote bench permissions --documents 20000 --index opensearch")
@click.option("--documents", type=click.IntRange(1), default=5000, show_default=True, help="Of one chunk each.")
@click.option("--index", "kind", type=click.Choice(["embedded", "opensearch"]), default="embedded", show_default=True)
@click.option("--opensearch", "url", default="http://127.0.0.1:9200", show_default=True, help="For --index opensearch.")
def permissions(documents: int, kind: Literal["embedded", "opensearch"], url: str) -> None:
    """Change the readers of all documents of a source in one listing; print how long the index takes to know."""
    click.echo(machine_line())
    with tempfile.TemporaryDirectory(prefix="fn-bench-") as folder:
        index = {"kind": kind, "name": f"bench-{Path(folder).name[9:].lower()}", "opensearch": {"url": url}}
        settings = Settings.model_validate({"data_dir": folder, "index": index})
        bare = build_index(settings)
        generation = bare.ensure("bench", DIMENSIONS).name
        try:
            with bars() as progress:
                seconds = measure(settings, bare, documents, progress)
        finally:
            _remove(bare, generation)
    rate = documents / seconds
    click.echo(f"{kind}: {documents:,} documents in {seconds:.1f} s, {60 * rate:,.0f} a minute")
    click.echo(machine_line())


def measure(settings: Settings, index: SearchIndex, documents: int, progress: Progress = unseen) -> float:
    """Seconds from the begin of the listing until all documents are found by their new readers, and by no old one."""
    catalog = open_catalog(settings)
    source_id = catalog.sources.create(kind="bench", name="bench", config={}, interval_s=3600).id
    _enter(settings, catalog, source_id, _Listed(documents, "before", progress))
    for first in tracked(range(0, documents, PAGE), f"before: indexed, by {PAGE}", progress):
        index.upsert(_chunks(source_id, range(first, min(first + PAGE, documents))))
    index.refresh()
    listed = _Listed(documents, "after", progress)
    parts = Parts(settings, _NoTasks(), Makers(connector=lambda *_: cast(Connector, listed)))
    run, _ = catalog.runs.begin(source_id, 600)
    begun = time.perf_counter()
    sync(parts, run.id)
    seconds = time.perf_counter() - begun
    ended = catalog.runs.get(run.id)
    old = index.count_documents(AnyOf("acl", frozenset(_BEFORE.terms())))
    new = sum(index.count_documents(AnyOf("acl", frozenset({f"group:after{number}"}))) for number in range(GROUPS))
    parts.close()
    catalog.close()
    if ended.finished_at is None or ended.indexed != documents or old or abs(new - documents) > documents // 50:
        raise FootnoteError(f"Not all permissions have arrived: {old} documents have old ones, {new} new ones. {ended}")
    return seconds


def _enter(settings: Settings, catalog: Catalog, source_id: str, listed: _Listed) -> None:
    """The catalog as if all documents had been read and indexed."""
    run, _ = catalog.runs.begin(source_id, 600)
    catalog.runs.claim(run.id, "bench", 600)
    parser = catalog.parsers.number("bench")
    for page in listed.changes({}, catalog.known(source_id)):
        changes = [one for one in page.changes if isinstance(one, Upsert)]
        catalog.intake.apply(run.id, source_id, changes, parser=parser)
    database = database_of(settings)
    done = {"state": "indexed", "outcome": "indexed", "indexed_version": 1, "chunks": 1, "parsed_hash": "bench"}
    with database.write() as connection:
        connection.execute(update(DOCUMENTS).values(**done))
    database.close()
    catalog.runs.end_listing(run.id, "bench", None)
    catalog.runs.finish_done(source_id, {run.id})


def _chunks(source_id: str, numbers: range) -> list[EmbeddedChunk]:
    random = np.random.default_rng(numbers.start)
    vectors = random.standard_normal((len(numbers), 1, DIMENSIONS), np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    found = []
    for number, windows in zip(numbers, vectors, strict=True):
        key = document_id(source_id, f"{number}.txt")
        text = " ".join(f"word{one}" for one in random.zipf(1.3, WORDS) % 50_000)
        chunk = Chunk(
            id=f"{key}-0",
            document_id=key,
            source_id=source_id,
            uri=f"https://example.com/{number}",
            ordinal=0,
            text=text,
            start=0,
            end=len(text),
            metadata=Metadata(title=f"Document {number}"),
            acl=_BEFORE.terms(),
        )
        found.append(EmbeddedChunk(chunk, windows))
    return found


def _remove(index: SearchIndex, name: str) -> None:
    """Leave nothing in a shared node: a generation that is live isn't dropped, so an empty one takes its place."""
    index.swap(index.begin("bench", DIMENSIONS).name)
    index.drop(name)
    index.close()
