"""No earlier answer tells of a document that its reader may not read now, whatever happened in which order.

A real catalog and a real Valkey; the index is a dictionary that hears of changes when a step says so, as the tasks do.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, select, text, update

from core.chunk import Chunk
from core.filters import Filter
from core.metadata import Metadata
from core.principal import AccessList, Principal
from core.settings import Settings
from generation.answerer import Answerer
from generation.build import build_memory
from generation.events import AnswerEvent, Citation, Done, Sources, Token
from generation.question import Question
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.tables import DOCUMENTS, DocumentRow
from ingestion.connectors.port import Upsert
from retrieval.hit import Ranks, Scores, SearchHit, SearchResponse
from tests.integration.valkey import serving
from tests.unit.generation.conftest import WordEmbedder

NAMES = ("a", "b", "c")
TERMS = ("public", "user:ada", "user:bob", "group:hr")
READERS = ("ada", "bob", None)
QUESTIONS = ("How many days of paid leave are there?", "How many days of paid leave are there a year?")
_acl = st.sets(st.sampled_from(TERMS)).map(sorted)
_name = st.sampled_from(NAMES)
_change = st.one_of(
    st.tuples(st.just("write"), _name, _acl),
    st.tuples(st.just("permit"), _name, _acl),
    st.tuples(st.just("delete"), _name, st.none()),
    st.tuples(st.just("hear"), _name, st.none()),
    st.tuples(st.just("hear and die"), _name, st.none()),
    st.tuples(st.just("join"), st.sampled_from(READERS), st.none()),
    st.tuples(st.just("leave"), st.sampled_from(READERS), st.none()),
)
_ask = st.tuples(st.just("ask"), st.sampled_from(READERS), st.sampled_from(QUESTIONS))
STEPS = st.lists(st.one_of(_change, _ask, _ask), min_size=6, max_size=30)


class Company:
    """Documents in a catalog, and an index that hears of them later. Searches find all that the index lets them see."""

    embedder = WordEmbedder()
    generation = "g"

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.index: dict[str, tuple[frozenset[str], str]] = {}
        self.in_hr: set[str | None] = set()
        with catalog.database.read() as connection:
            found = connection.execute(select(DocumentRow.external_id, DocumentRow.id))
            self.ids = {row.external_id: row.id for row in found}
        gone = {"state": "deleting", "index_due": False, "acl": [], "indexed_version": None}
        with catalog.database.write() as connection:
            connection.execute(update(DOCUMENTS).values(**gone))

    def check(self, query: str, pipeline: str | None = None) -> None:
        pass

    def search(
        self,
        query: str,
        principal: Principal,
        *,
        filters: Filter | None = None,
        limit: int = 10,
        offset: int = 0,
        pipeline: str | None = None,
    ) -> SearchResponse:
        seen = sorted((name, text) for name, (acl, text) in self.index.items() if not acl.isdisjoint(principal.terms))
        hits = [
            SearchHit(_chunk(self.ids[name], text), 1.0, Ranks(1, 1, None), Scores(1, 1, 1, None))
            for name, text in seen
        ]
        return SearchResponse(tuple(hits), len(hits), {"total": 1.0}, (), "g", "hybrid", ())

    def spelt_nearly(self, word: str, principal: Principal, filters: Filter | None, limit: int) -> Sequence[Chunk]:
        return ()

    def reader(self, user: str | None) -> Principal:
        return Principal(user, frozenset({"hr"} if user in self.in_hr else ()))

    def step(self, what: str, name: Any, acl: Sequence[str] | None, number: int) -> None:
        """One change, as the tasks make it: the catalog and the index in the order that they do."""
        if what == "write":
            self._set(name, state="indexed", acl=list(acl or ()), index_due=False)
            self.index[name] = (frozenset(acl or ()), f"There are {number} days of paid leave in {name}.")
            self._set(name, indexed_version=number)
        elif what == "permit" and name in self.index:
            self._set(name, acl=list(acl or ()), index_due=True)
        elif what == "delete":
            self._set(name, state="deleting", index_due=True)
        elif what in ("hear", "hear and die"):
            self._hear(name, died=what != "hear")
        elif what in ("join", "leave"):
            (self.in_hr.add if what == "join" else self.in_hr.discard)(name)

    def _hear(self, name: str, *, died: bool) -> None:
        row = self._row(name)
        if not row.index_due:
            return
        if row.state == "deleting":
            self.index.pop(name, None)
        elif name in self.index:
            self.index[name] = (frozenset(row.acl), self.index[name][1])
        if not died:
            self._set(name, index_due=False)

    def _set(self, name: str, **values: Any) -> None:
        with self.catalog.database.write() as connection:
            connection.execute(update(DOCUMENTS).where(DocumentRow.external_id == name).values(**values))

    def _row(self, name: str) -> Any:
        with self.catalog.database.read() as connection:
            return connection.execute(select(DOCUMENTS).where(DocumentRow.external_id == name)).one()

    @property
    def settled(self) -> bool:
        """Whether the index has heard everything."""
        return not any(self._row(name).index_due for name in NAMES)


def _chunk(document_id: str, passage: str) -> Chunk:
    return Chunk(
        id=f"{document_id}-{passage}", document_id=document_id, source_id="s", uri="leave.md", ordinal=0, text=passage,
        start=0, end=len(passage), page=None, tokens=10, metadata=Metadata(title="Paid leave"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as (address, _):
        yield address


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def catalog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    values: dict[str, Any] = {"data_dir": tmp_path_factory.mktemp("company")}
    if request.param == "postgresql":
        server = make_url(request.getfixturevalue("postgresql_url"))
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE answer_cache"))
        engine.dispose()
        own = server.set(database="answer_cache")
        values["catalog"] = {"url": own.render_as_string(hide_password=False)}
    catalog = open_catalog(Settings.model_validate(values))
    source = catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)
    run, _ = catalog.runs.begin(source.id, 60)
    facts: dict[str, Any] = {"uri": "a", "revision": "1", "content_revision": "1", "size": 1, "metadata": Metadata()}
    catalog.intake.apply(
        run.id, source.id, [Upsert(external_id=name, acl=AccessList(), **facts) for name in NAMES], parser=1
    )
    yield catalog
    catalog.close()


_numbers = itertools.count(1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_cached_answer_holds_what_its_reader_may_not_read(
    catalog: Catalog, url: str, tmp_path: Path, steps: list[tuple[str, Any, Any]]
) -> None:
    asyncio.run(_play(catalog, url, tmp_path / str(next(_numbers)), steps))


def test_the_sequences_do_meet_the_cache(catalog: Catalog, url: str, tmp_path: Path) -> None:
    ask = ("ask", "ada", QUESTIONS[0])
    steps = [("write", "a", ["user:ada"]), ("write", "b", ["public"]), ask, ask, ("permit", "a", []), ask, ask]
    steps += [("hear", "a", None), ask, ask, ("permit", "b", ["user:bob"]), ("hear and die", "b", None), ask, ask]
    assert asyncio.run(_play(catalog, url, tmp_path, steps)) >= 2


async def _play(catalog: Catalog, url: str, home: Path, steps: Sequence[tuple[str, Any, Any]]) -> int:
    """Go through the steps, and hold each cached answer against the catalog; how many were cached."""
    company = Company(catalog)
    cache = {"enabled": True, "settle_s": 1e-9, "timeout_s": 2, "similarity": 0.8}
    wanted = Settings.model_validate({"data_dir": home, "cache": cache})
    answerer = Answerer(company, None, wanted, memory=build_memory(wanted, catalog.visibility, url))
    plain = Answerer(company, None, wanted)
    cached = 0
    for number, (what, who, more) in enumerate(steps, start=2):
        if what != "ask":
            company.step(what, who, more, number)
            continue
        reader = company.reader(who)
        events = await _asked(answerer, more, reader)
        if not (isinstance(events[-1], Done) and events[-1].cached):
            continue
        cached += 1
        told = {event.document_id for event in events if isinstance(event, Citation)}
        told |= {one.document_id for event in events if isinstance(event, Sources) for one in event.sources}
        for document_id in told:
            catalog.documents.get_readable(document_id, reader.terms)  # raises where it is hidden
        if company.settled:
            assert _content(events) == _content(await _asked(plain, more, reader))
    await answerer.close()
    return cached


async def _asked(answerer: Answerer, text: str, reader: Principal) -> list[AnswerEvent]:
    question = Question(text=text, principal=reader, answer_id="a", conversation_id="c")
    return [event async for event in answerer.answer(question)]


def _content(events: Sequence[AnswerEvent]) -> list[Any]:
    kept: list[Any] = [event for event in events if isinstance(event, Sources | Citation)]
    return [*kept, "".join(event.text for event in events if isinstance(event, Token))]
