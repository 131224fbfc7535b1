"""The knowledge base in use as a source: what is read of it, and what never is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.chunk import Chunk
from core.errors import ConfigurationError
from core.metadata import Metadata
from core.principal import AccessList
from core.settings import Settings
from eval.retrieval.live import Names
from eval.training import sections, sources
from eval.training.preparing import prepare
from eval.training.recipe import BeirSource, Gate, JudgedSource, Mining, Recipe, Teacher
from eval.training.sections import live_sections
from ingestion.chunking.model import PlacedElement
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import ElementKind
from retrieval.embedding.windows import embed_chunks
from retrieval.index.build import build_index
from retrieval.index.port import SearchIndex

BODY = "Whoever needs a pump orders it from the stores, and signs the list that hangs beside the door of the cellar. "


def parsed(heading: str) -> bytes:
    text = f"{heading}\n\n{BODY * 2}"
    elements = (
        PlacedElement(kind=ElementKind.TITLE, start=0, end=len(heading), page=None, level=1),
        PlacedElement(kind=ElementKind.TEXT, start=len(heading) + 2, end=len(text), page=None, level=None),
    )
    return ParsedDocument(
        title="",
        metadata=Metadata(),
        media_type="text/plain",
        text=text,
        elements=elements,
        passages=(),
        parser="",
        warnings=(),
    ).to_bytes()


def record(id: str, acl: AccessList, chunks: int = 1) -> Any:
    return SimpleNamespace(id=id, title=f"Title {id}", acl=acl, chunks=chunks, content_hash=f"hash-{id}")


def test_only_what_everybody_may_read_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        record("open", AccessList.everyone()),
        record("closed", AccessList(groups=frozenset({"hr"}))),
        record("failed", AccessList.everyone(), chunks=0),
        record("last", AccessList.everyone()),
    ]
    blobs = {f"documents/{one.id}/{one.content_hash}/parsed.json": parsed(f"About {one.id}") for one in records}
    catalog = SimpleNamespace(
        sources=SimpleNamespace(list=lambda: [SimpleNamespace(id="source")]),
        documents=SimpleNamespace(list=lambda source, limit, offset: records[offset : offset + 2]),
        close=lambda: None,
    )
    monkeypatch.setattr(sections, "open_catalog", lambda settings: catalog)
    monkeypatch.setattr(sections, "open_blobs", lambda settings: SimpleNamespace(get=blobs.__getitem__))
    found = live_sections(Settings(), None)
    assert [(one.document, one.title, one.heading) for one in found] == [
        ("open", "Title open", "About open"),
        ("last", "Title last", "About last"),
    ]
    assert found[0].text == (BODY * 2).strip()
    assert [one.document for one in live_sections(Settings(), 1)] == ["open"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def live(settings: Settings, words: Any) -> Iterator[SearchIndex]:
    """The served index: the eighth document is not for everybody, the ninth says what the fifth does."""
    index = build_index(settings)
    index.ensure(words.name, words.dimensions)
    topics = ("leave pay", "travel hotel", "password key", "invoice budget", "pump valve", "badge door", "lunch hour")
    texts = [*(f"All about {topic}, and what to do." for topic in topics), "All about leave pay of the board."]
    texts.append(texts[4])
    chunks = [
        Chunk(
            id=f"c{number}",
            document_id=f"d{number}",
            source_id="s",
            uri=f"d{number}",
            ordinal=0,
            text=text,
            start=0,
            end=len(text),
            acl=("public",) if number != len(topics) else ("group:board",),
        )
        for number, text in enumerate(texts)
    ]
    index.upsert(embed_chunks(words, chunks))
    index.refresh()
    yield index
    index.close()


def recipe(tmp_path: Path) -> Recipe:
    asked = tmp_path / "asked.jsonl"
    asked.write_text(
        '{"question": "all about leave pay", "relevant": ["d0"]}\n{"question": "pump", "relevant": ["d8"]}\n'
    )
    return Recipe(
        sources={"asked": JudgedSource(kind="judged", path=asked)},
        mining=Mining(depth=6),
        teacher=Teacher(),
        gate=Gate(sets={f"s{n}": BeirSource(kind="beir", path=tmp_path) for n in range(4)}),
    )


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "open_catalog", lambda settings: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(sources, "names_of", lambda catalog: Names({f"d{n}": f"kb/d{n}" for n in range(9)}))


def test_judged_questions_are_mined_from_the_index_in_use(
    live: SearchIndex, named: None, settings: Settings, tmp_path: Path
) -> None:
    told: list[str] = []
    for _ in range(2):  # the second time from what was kept
        found = prepare(
            recipe(tmp_path),
            settings,
            [],
            work=tmp_path / "work",
            cache=tmp_path / "cache",
            progress=lambda what, done, total: told.append(what),
            stale=False,
        )
        assert [group.relevant for group in found.groups] == [{"d0": 1}, {"d8": 1}]
        for group in found.groups:
            assert len(group.positives) == 1  # of two that say the same, the one that was named
            assert len(set(group.passages)) == len(group.passages)
            assert "d7" not in group.documents
    assert len(told) == 2
    assert live.counts().documents == 9
    assert not (tmp_path / "cache").exists()


def test_a_knowledge_base_without_an_index_is_named(
    words: Any, named: None, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="has no index yet"):
        prepare(
            recipe(tmp_path),
            settings,
            [],
            work=tmp_path / "work",
            cache=tmp_path / "cache",
            progress=lambda what, done, total: None,
            stale=False,
        )
