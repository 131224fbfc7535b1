"""Fakes at the ports, and the real rest: catalog, blobs and keys live in a temporary folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from api.audit_log import AuditLog
from api.auth.keys import KeyStore
from api.canary.canary import Canary
from api.canary.shadow import Shadow
from api.limits.limits import Limits
from api.live.answers import LiveAnswers
from api.live.port import Mirror
from api.place_locator import PlaceLocator
from api.usage import UsageLog
from api.wiring import Services, build_identities
from core.chunk import Chunk
from core.clock import SystemClock
from core.errors import BrokerUnavailable, FootnoteError, InvalidRequest
from core.lanes import Lanes
from core.lazy import Lazy
from core.metadata import Metadata
from core.principal import PUBLIC, AccessList
from core.settings import Settings
from generation.events import AnswerEvent, Citation, Done, Meta, SourceRef, Sources, StageEvent, Token
from ingestion.blobs import BlobStore, open_blobs, original_key, parsed_key
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.tables import DocumentRow
from ingestion.chunking.model import Passage, PlacedElement
from ingestion.connectors.port import Unreadable
from ingestion.page_images.renderer import PageRenderer
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import ElementKind
from ingestion.source_checking import FoundItem
from retrieval.explaining import Explanation, PassageWay, Verdict
from retrieval.hit import Ranks, Scores, SearchHit, SearchResponse
from retrieval.index.port import Generation, IndexCounts, IndexedDocument, IndexRoom
from tests.unit.eval.word_embedder import WordEmbedder

ADMIN_KEY = "an-administrator's-key-for-tests"
MONITORING_KEY = "a-monitoring-key-for-tests"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class FakeIndex:
    """Answers pings, until ``down`` is set."""

    def __init__(self) -> None:
        self.down: FootnoteError | None = None

    def ping(self) -> None:
        if self.down:
            raise self.down

    def counts(self) -> IndexCounts:
        self.ping()
        return IndexCounts(documents=2, chunks=7, windows=9)

    def room(self) -> IndexRoom:
        self.ping()
        return IndexRoom(total=1000, free=250)

    def generations(self) -> list[Generation]:
        return [Generation("g1", "fake", 3, True)]

    def documents(self, after: str, limit: int) -> list[IndexedDocument]:
        self.ping()
        return [IndexedDocument(f"{after}1", {2: 3}, frozenset({"group:hr"}), 2)][:limit]


class FakeRetriever:
    """Finds one passage, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.warmed = 0
        self.loaded: threading.Event | None = None
        self.failure: Exception | None = None
        self.held: dict[str, list[tuple[str, int]]] = {}

    def search(self, query: str, principal: Any, **options: Any) -> SearchResponse:
        self.asked = {"query": query, "principal": principal, **options}
        if options.get("pipeline") == "magic":
            raise InvalidRequest("There is no pipeline 'magic'. Pipelines are: lexical, vector, hybrid.")
        hit = SearchHit(a_chunk(), 0.03, Ranks(1, None, None), Scores(7.5, None, 0.03, None))
        return SearchResponse([hit], 1, {"total": 1.5}, ("reranker: off",), "g1", "hybrid", ("No such word.",))

    def facets(self, principal: Any, wanted: Mapping[str, Any], most: int) -> dict[str, list[tuple[str, int]]]:
        self.asked = {"principal": principal, "wanted": wanted, "most": most}
        return {field: self.held.get(field, [])[:most] for field in wanted}

    def explain(self, query: str, principal: Any, document_id: str, **options: Any) -> Explanation:
        response = self.search(query, principal, **options)
        ranks = {"lexical": 1, "vector": 40, "fused": 3}
        way = PassageWay("c1", 0, 2, ranks, Scores(7.5, 0.2), place=3, twin_of=None, given=True)
        return Explanation(Verdict.GIVEN, ("public",), (), (way,), True, response)

    def warm_up(self) -> None:
        if self.loaded is not None:
            self.loaded.wait(10)
        if self.failure is not None:
            raise self.failure
        self.warmed += 1

    def close(self) -> None:
        pass


class FakeAnswerer:
    """Yields the events it is given; an exception among them is raised, an asyncio event waited for."""

    def __init__(self, script: Sequence[AnswerEvent | Exception | asyncio.Event] = ()) -> None:
        self.script = script
        self.question: Any = None
        self.closed_early = False
        self.waiting = asyncio.Event()
        self.closed = asyncio.Event()
        self.calls = 0

    def warm_up(self) -> None:
        pass

    async def answer(self, question: Any) -> AsyncGenerator[AnswerEvent]:
        self.question = question
        self.calls += 1
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    self.waiting.set()
                    await step.wait()
                elif isinstance(step, Meta):
                    yield replace(step, answer_id=question.answer_id, conversation_id=question.conversation_id)
                else:
                    yield step
        except (asyncio.CancelledError, GeneratorExit):
            self.closed_early = True
            raise
        finally:
            self.closed.set()

    async def close(self) -> None:
        pass


class FakeIngestion:
    """The catalog's sources, with syncs that are only noted, and a queue that can be down."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.down = False
        self.deleted: list[str] = []
        self.checked: list[Any] = []
        self.check_fails: FootnoteError | None = None

    def create_source(self, kind: str, name: str, config: Mapping[str, Any], interval_s: int | None = None) -> Any:
        if kind not in {"folder", "push"}:
            raise InvalidRequest(f"Unknown source kind {kind!r}. Kinds are: folder.")
        return self.catalog.sources.create(kind=kind, name=name, config=config, interval_s=interval_s or 14400)

    def check_source(self, kind: str | None, config: Any, *, source_id: str | None = None, items: int = 5) -> Any:
        if source_id is not None:
            self.catalog.sources.get(source_id)
        if self.check_fails is not None:
            raise self.check_fails
        self.checked.append((kind, config, source_id, items))
        return [FoundItem("file:///docs/a.md", "A", ("public",), None)][:items]

    def rotate_secrets(self) -> int:
        return 0

    def update_source(self, source_id: str, **changes: Any) -> Any:
        return self.catalog.sources.update(source_id, **changes)

    def delete_source(self, source_id: str) -> None:
        self.catalog.sources.get(source_id)
        self.deleted.append(source_id)

    def sync(self, source_id: str, *, full: bool = False, confirmed: bool = False) -> Any:
        if self.down:
            raise BrokerUnavailable("The task queue doesn't answer: start it.")
        source = self.catalog.sources.get(source_id)
        return self.catalog.runs.begin(source.id, 900, full=full, confirmed=confirmed)[0]

    def plan(self, source_id: str, *, full: bool = False) -> Any:
        return self.catalog.runs.begin_plan(self.catalog.sources.get(source_id).id, 900, full=full)

    def cancel(self, source_id: str) -> Any:
        return self.catalog.stopping.cancel(source_id)

    def pause_source(self, source_id: str) -> Any:
        self.catalog.stopping.pause(source_id)
        return self.catalog.sources.get(source_id)

    def resume_source(self, source_id: str) -> Any:
        self.catalog.stopping.resume(source_id)
        return self.catalog.sources.get(source_id)

    def retry_failures(self, source_id: str | None = None) -> int:
        return 3

    def retry_failure(self, document: str) -> int:
        self.catalog.failures.find(document)
        return 1

    def close(self) -> None:
        pass


@dataclass
class Stack:
    """The parts that a test looks into."""

    settings: Settings
    index: FakeIndex = field(default_factory=FakeIndex)
    retriever: FakeRetriever = field(default_factory=FakeRetriever)
    answerer: FakeAnswerer = field(default_factory=FakeAnswerer)
    candidate: FakeAnswerer = field(default_factory=FakeAnswerer)
    embedder: Any = field(default_factory=WordEmbedder)
    broker_error: FootnoteError | None = None
    build_index: Callable[[], Any] | None = None
    mirror: Mirror | None = None
    limits: Limits = field(default_factory=lambda: Limits(None))

    def __post_init__(self) -> None:
        self.catalog = open_catalog(self.settings)
        self.blobs: BlobStore = open_blobs(self.settings)
        self.usage = UsageLog(self.settings.usage, lambda: self.catalog)
        self.canary = Canary(self.settings, lambda: self.catalog)
        self.audit = AuditLog(self.settings.audit, lambda: self.catalog)
        self.keys = KeyStore(self.catalog.engine, SystemClock(), [ADMIN_KEY])
        self.ingestion = FakeIngestion(self.catalog)
        self.page_images = PageRenderer()

    def ping_broker(self) -> None:
        if self.broker_error:
            raise self.broker_error

    def services(self) -> Services:
        def part(name: str, value: Any) -> Lazy[Any]:
            return Lazy(name, value if callable(value) else lambda: value, retry_after_s=0)

        index = part("search index", self.build_index or self.index)
        catalog, blobs = part("catalog", self.catalog), part("document store", self.blobs)

        def retriever() -> Any:
            index.get()
            return self.retriever

        lanes = Lanes.of(self.settings)
        candidate = part("candidate answerer", self.candidate)
        self.shadow = Shadow(
            self.settings, canary=self.canary, candidate=candidate, lanes=lanes, usage=self.usage, catalog=catalog
        )
        return Services(
            settings=self.settings,
            lanes=lanes,
            live=LiveAnswers(self.settings.conversations, lanes.answers, self.mirror),
            limits=self.limits,
            audit=self.audit,
            usage=self.usage,
            index=index,
            embedder=part("embedder", self.embedder),
            retriever=part("retriever", retriever),
            answerer=part("answerer", self.answerer),
            canary=self.canary,
            candidate=candidate,
            shadow=self.shadow,
            catalog=catalog,
            keys=part("key store", self.keys),
            identities=part("sign-in", lambda: build_identities(self.settings, self.catalog)),
            blobs=blobs,
            places=PlaceLocator(catalog, blobs),
            page_images=part("renderer of pages", self.page_images),
            ingestion=part("ingestion", self.ingestion),
            ping_broker=self.ping_broker,
            queue_depths=lambda: {"parse": 3, "embed": 0},
        )

    def fail_document(self, source_id: str, name: str, reason: str) -> None:
        """Record that a document of a source can't be read, as a listing does."""
        run, _ = self.catalog.runs.begin(source_id, 900)
        self.catalog.intake.apply(run.id, source_id, [Unreadable(name, f"file:///{name}", reason)], parser=1)

    def add_document(
        self,
        id: str,
        acl: AccessList,
        *,
        text: str = "Heading\n\nFirst words.",
        original: bytes = b"<p>x</p>",
        **row: Any,
    ) -> None:
        """Put a document into the catalog and the blobs, as ingestion leaves it."""
        if not self.catalog.sources.list():
            self.catalog.sources.create(kind="folder", name="Docs", config={"path": "/docs"}, interval_s=3600)
        values: dict[str, Any] = {
            "id": id,
            "source_id": self.catalog.sources.list()[0].id,
            "external_id": f"policies/{id}.html",
            "uri": f"file:///docs/policies/{id}.html",
            "title": f"Title of {id}",
            "media_type": "text/html",
            "size": len(original),
            "state": "indexed",
            "version": 1,
            "revision": "r",
            "content_revision": "c",
            "content_hash": "h" * 64,
            "parsed_hash": None,
            "facts": {},
            "source_facts": {},
            "own_facts": {},
            "acl": list(acl.terms()),
            "chunks": 1,
            "parsed_chunks": 1,
            "attempts": 0,
            "created_at": NOW,
            "updated_at": NOW,
            "indexed_at": NOW,
            **row,
        }
        with self.catalog.database.write() as connection:
            connection.execute(insert(DocumentRow).values(**values))
        if values["content_hash"]:
            self.blobs.put(original_key(id, values["content_hash"]), original)
            self.blobs.put(parsed_key(id, values["content_hash"]), a_parsed_document(text).to_bytes())


def a_parsed_document(text: str) -> ParsedDocument:
    """A heading, a paragraph, and one passage that is all of it."""
    split = text.index("\n\n")
    return ParsedDocument(
        title="A title",
        metadata=Metadata(title="A title"),
        media_type="text/html",
        text=text,
        elements=(
            PlacedElement(kind=ElementKind.TITLE, start=0, end=split, level=1),
            PlacedElement(kind=ElementKind.TEXT, start=split + 2, end=len(text)),
        ),
        passages=(Passage(ordinal=0, start=0, end=len(text), page=None, heading_path=("Heading",), tokens=4),),
        parser="fake",
        warnings=(),
    )


def a_chunk() -> Chunk:
    return Chunk(
        id="c1",
        document_id="d1",
        source_id="s1",
        uri="file:///docs/leave.md",
        ordinal=0,
        text="Everybody has 28 days of leave.",
        start=0,
        end=31,
        page=2,
        heading_path=("Leave", "Days"),
        metadata=Metadata(title="Leave policy", department="HR", tags=("leave",), created=NOW),
        acl=(PUBLIC,),
    )


def an_answer(text: str = "Everybody has 28 days of leave.") -> list[AnswerEvent]:
    """A short, good answer with one citation."""
    return [
        Meta(answer_id="a1", conversation_id="v1", model="fake", index_generation="g0"),
        StageEvent(name="retrieve", state="finished", ms=3.0),
        Sources(sources=(SourceRef.of(1, a_chunk()),), index_generation="g1"),
        Token(text=text),
        Citation(
            number=1,
            answer_start=0,
            answer_end=len(text),
            quote="Everybody has 28 days of leave.",
            quote_start=0,
            quote_end=31,
            document_id="d1",
            ordinal=0,
            page=2,
        ),
        Done(finish_reason="stop", timings_ms={"total": 5.0}, degraded=("reranker: off",), notices=("No such word.",)),
    ]


def with_conversations(settings: Settings, **values: Any) -> Settings:
    """The settings with other ones of conversations."""
    return settings.model_copy(update={"conversations": settings.conversations.model_copy(update=values)})


def make_settings(folder: Path, **api: Any) -> Settings:
    return Settings.model_validate({"data_dir": folder, "api": api})
