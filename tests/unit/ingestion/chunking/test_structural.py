from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.settings import ChunkingSettings
from ingestion.chunking.structural import chunk
from ingestion.partitioning.port import Element, ElementKind, Partition


class Words:
    """Counts words and marks of punctuation, as BERT's tokenizers do before they cut words up."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]

    def count(self, text: str) -> int:
        return len(self.offsets(text))


SMALL = ChunkingSettings(min_tokens=20, max_tokens=40, overlap=0.1)
USUAL = ChunkingSettings()


def element(
    text: str, kind: ElementKind = ElementKind.TEXT, level: int | None = None, page: int | None = None
) -> Element:
    return Element(kind=kind, text=text, level=level, page=page)


def heading(text: str, level: int = 1) -> Element:
    return element(text, ElementKind.TITLE, level)


def sentences(count: int, words: int = 9) -> str:
    return " ".join(f"Sentence {n} " + "word " * (words - 3) + "ends." for n in range(count))


def partition(*elements: Element) -> Partition:
    return Partition(elements=elements)


characters = st.sampled_from("ab Z.!?,;\n\t-1é。“”x|" + "\u00a0\U0001f600")
texts = st.one_of(
    st.text(characters, min_size=1, max_size=400),
    st.integers(1, 60).map(sentences),
    st.text("ab", min_size=1, max_size=3000),
    st.text(min_size=1, max_size=80),
)


@st.composite
def elements(draw: st.DrawFn) -> Element:
    kind = draw(st.sampled_from(ElementKind))
    level = draw(st.integers(1, 6)) if kind is ElementKind.TITLE else None
    return element(draw(texts), kind, level, draw(st.none() | st.integers(1, 9)))


@settings(max_examples=300, deadline=None)
@given(st.lists(elements(), max_size=25), st.sampled_from([SMALL, ChunkingSettings(min_tokens=1, max_tokens=3)]))
def test_passages_cover_everything_in_order_and_within_the_limit(
    found: list[Element], wanted: ChunkingSettings
) -> None:
    document = chunk(Partition(elements=tuple(found)), Words(), wanted)

    assert document.text == "\n\n".join(one.text for one in found)
    assert [document.text[placed.start : placed.end] for placed in document.elements] == [one.text for one in found]
    assert [passage.ordinal for passage in document.passages] == list(range(len(document.passages)))
    for before, after in pairwise(document.passages):
        assert before.start < after.start
        assert before.end < after.end
    covered = bytearray(len(document.text))
    for passage in document.passages:
        assert passage.start < passage.end
        assert passage.tokens <= wanted.max_tokens
        assert Words().count(document.text[passage.start : passage.end]) <= wanted.max_tokens
        covered[passage.start : passage.end] = b"\x01" * (passage.end - passage.start)
    for placed in document.elements:
        assert all(covered[placed.start : placed.end])
    assert chunk(Partition(elements=tuple(found)), Words(), wanted) == document


def test_a_long_document_has_passages_of_the_wanted_size_with_a_tenth_of_overlap() -> None:
    body = [one for n in range(30) for one in (heading(f"Part {n}", 2), element(sentences(n % 7 * 5 + 3)))]
    document = chunk(partition(heading("Handbook"), *body), Words(), USUAL)

    assert len(document.passages) > 3
    assert all(500 <= passage.tokens <= 1000 for passage in document.passages)
    overlaps = [Words().count(document.text[after.start : before.end]) for before, after in pairwise(document.passages)]
    assert all(50 < overlap <= 100 for overlap in overlaps)
    for passage in document.passages[1:]:
        assert document.text[: passage.start].endswith(("\n\n", ". "))


def test_a_short_document_is_one_passage() -> None:
    document = chunk(partition(heading("A"), element("One."), heading("B"), element("Two.")), Words(), USUAL)

    assert len(document.passages) == 1
    assert (document.passages[0].start, document.passages[0].end) == (0, len(document.text))


def test_the_heading_path_is_that_of_the_first_new_element() -> None:
    document = chunk(
        partition(
            heading("Leave"),
            heading("Parental", 2),
            element(sentences(3)),
            heading("Sick", 2),
            element(sentences(3)),
            heading("Travel"),
            element(sentences(3)),
        ),
        Words(),
        ChunkingSettings(min_tokens=20, max_tokens=40, overlap=0.2),
    )

    assert [passage.heading_path for passage in document.passages] == [
        ("Leave",),
        ("Leave", "Sick"),
        ("Travel",),
    ]


def test_a_heading_is_not_parted_from_what_it_heads() -> None:
    document = chunk(partition(element(sentences(3)), heading("Rules", 2), element(sentences(3))), Words(), SMALL)

    for passage in document.passages:
        assert not document.text[passage.start : passage.end].endswith("Rules")


@pytest.mark.parametrize("kind", [ElementKind.TABLE, ElementKind.CODE])
def test_tables_and_code_that_fit_are_not_cut(kind: ElementKind) -> None:
    rows = "\n".join(f"name: n{n} | size: {n}" for n in range(5))
    document = chunk(partition(element(sentences(3)), element(rows, kind), element(sentences(3))), Words(), SMALL)

    assert any(rows in document.text[passage.start : passage.end] for passage in document.passages)


def test_a_list_that_fits_is_not_cut() -> None:
    items = [element(f"Item number {n} of it", ElementKind.LIST_ITEM) for n in range(7)]
    document = chunk(partition(element(sentences(3)), *items, element(sentences(3))), Words(), SMALL)

    whole = "\n\n".join(item.text for item in items)
    assert any(whole in document.text[passage.start : passage.end] for passage in document.passages)


def test_a_table_that_does_not_fit_is_cut_between_rows() -> None:
    rows = [f"name: n{n} | size: {n}" for n in range(50)]
    document = chunk(partition(element("\n".join(rows), ElementKind.TABLE)), Words(), SMALL)

    for passage in document.passages:
        assert set(document.text[passage.start : passage.end].strip().split("\n")) <= set(rows)


def test_the_page_is_the_one_the_passage_begins_on() -> None:
    pages = [element(sentences(3), page=number) for number in (1, 2, 3)]
    document = chunk(partition(*pages), Words(), ChunkingSettings(min_tokens=20, max_tokens=40, overlap=0))

    assert [passage.page for passage in document.passages] == [1, 2, 3]


def test_nothing_gives_nothing() -> None:
    assert chunk(partition(), Words(), USUAL).passages == ()


@pytest.mark.parametrize(
    "text",
    [
        sentences(4_000),
        "x" * 1_000_000,
        "word " * 30_000,
        "a.b " * 30_000,
        "\n".join("|" * 50 for _ in range(2_000)),
    ],
    ids=["sentences", "one word", "no sentence", "abbreviations", "marks"],
)
def test_long_texts_take_linear_work(text: str) -> None:
    quarter, whole = partition(element(text[: len(text) // 4])), partition(element(text))

    # Counted, not timed, which holds on a busy machine too. Quadratic would be sixteen times, linear is four.
    assert calls(lambda: chunk(whole, Words(), USUAL)) < 5 * calls(lambda: chunk(quarter, Words(), USUAL)) + 1000


def calls(run: Callable[[], object]) -> int:
    """How many functions a piece of work calls."""
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count
