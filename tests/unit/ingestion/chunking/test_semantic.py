"""Where the meaning parts, and nowhere else than structure allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.chunk import Vector, Vectors
from core.settings import ChunkingSettings
from ingestion.chunking.build import build_chunker, fingerprint
from ingestion.chunking.port import Chunker
from ingestion.chunking.semantic import SemanticChunker
from ingestion.chunking.structural import StructuralChunker
from ingestion.partitioning.port import Element, ElementKind, Partition

TOPICS = ("cats", "taxes", "bridges")
SMALL = ChunkingSettings(strategy="semantic", min_tokens=30, max_tokens=60, overlap=0.1)


class Words:
    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]

    def count(self, text: str) -> int:
        return len(self.offsets(text))


class Topics:
    """A model whose vectors say which topics' words a text has."""

    name = "topics"
    dimensions = len(TOPICS) + 1
    window_tokens = 16

    def __init__(self) -> None:
        self.tokenizer = Words()
        self.read: list[str] = []

    def warm_up(self) -> None:
        pass

    def embed_query(self, query: str) -> Vector:
        return self.embed_passages([query])[0]

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        assert all(self.tokenizer.count(text) <= self.window_tokens for text in texts)
        self.read += texts
        counted = [[*(text.count(topic) for topic in TOPICS), 0.01] for text in texts]
        vectors = np.array(counted, np.float32).reshape(len(texts), self.dimensions)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def about(topic: str, sentences: int) -> str:
    return " ".join(f"Sentence {number} is about {topic} again." for number in range(sentences))


def partition(*elements: Element) -> Partition:
    return Partition(elements=elements)


def element(text: str, kind: ElementKind = ElementKind.TEXT, level: int | None = None) -> Element:
    return Element(kind=kind, text=text, level=level)


def test_a_long_section_is_cut_where_its_topic_changes() -> None:
    text = " ".join(about(topic, 6) for topic in TOPICS)
    settings = SMALL.model_copy(update={"overlap": 0.0})
    document = SemanticChunker(Topics(), settings).chunk(partition(element(text)))

    assert [document.text[one.start : one.end].strip() for one in document.passages] == [
        about(topic, 6) for topic in TOPICS
    ]


def test_short_sections_embed_nothing() -> None:
    model = Topics()
    found = [one for n in range(8) for one in (element(f"Part {n}", ElementKind.TITLE, 1), element(about("cats", 4)))]
    semantic = SemanticChunker(model, SMALL).chunk(partition(*found))

    assert model.read == []
    assert semantic.passages == StructuralChunker(Words(), SMALL).chunk(partition(*found)).passages


@pytest.mark.parametrize("kind", [ElementKind.TABLE, ElementKind.CODE])
def test_tables_and_code_that_fit_are_not_cut(kind: ElementKind) -> None:
    rows = "\n".join(f"name: {topic} | size: {n}" for n, topic in enumerate(TOPICS * 2))
    found = partition(element(about("cats", 8)), element(rows, kind), element(about("taxes", 8)))
    document = SemanticChunker(Topics(), SMALL).chunk(found)

    assert any(rows in document.text[one.start : one.end] for one in document.passages)


def test_a_list_that_fits_is_not_cut() -> None:
    items = [element(f"Item {topic} of it", ElementKind.LIST_ITEM) for topic in TOPICS * 3]
    found = partition(element(about("cats", 8)), *items, element(about("taxes", 8)))
    document = SemanticChunker(Topics(), SMALL).chunk(found)

    whole = "\n\n".join(item.text for item in items)
    assert any(whole in document.text[one.start : one.end] for one in document.passages)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(ElementKind), st.text("ab .!?\n。x", min_size=1, max_size=300)),
        max_size=12,
    )
)
def test_passages_cover_everything_within_the_limit(given_: list[tuple[ElementKind, str]]) -> None:
    chunker: Chunker = SemanticChunker(Topics(), SMALL)
    found = partition(*(element(text, kind, 1 if kind is ElementKind.TITLE else None) for kind, text in given_))
    document = chunker.chunk(found)

    covered = bytearray(len(document.text))
    for passage in document.passages:
        assert Words().count(document.text[passage.start : passage.end]) <= SMALL.max_tokens
        covered[passage.start : passage.end] = b"\x01" * (passage.end - passage.start)
    assert all(all(covered[placed.start : placed.end]) for placed in document.elements)
    assert chunker.chunk(found) == document


def test_the_setting_names_the_strategy() -> None:
    assert isinstance(build_chunker(SMALL, Topics()), SemanticChunker)
    assert isinstance(build_chunker(ChunkingSettings(), Topics()), StructuralChunker)
    assert fingerprint(SMALL) != fingerprint(SMALL.model_copy(update={"strategy": "structural"}))
