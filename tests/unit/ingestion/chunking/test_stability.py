"""An edit moves the cuts near it, and no others."""

from __future__ import annotations

import random
import re

import pytest

from core.settings import ChunkingSettings
from ingestion.chunking.structural import chunk
from ingestion.partitioning.port import Element, ElementKind, Partition


class Words:
    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]

    def count(self, text: str) -> int:
        return len(self.offsets(text))


SETTINGS = ChunkingSettings(min_tokens=50, max_tokens=100)
PARAGRAPHS = 1500


def paragraphs(*, headings: bool) -> list[Element]:
    """Paragraphs of 6 to 48 words: some 400 passages, in sections of every length, or in none."""
    chance = random.Random(5)
    found = []
    for number in range(PARAGRAPHS):
        if headings and chance.random() < 0.2:
            found.append(Element(kind=ElementKind.TITLE, text=f"Section {number}", level=chance.randint(1, 3)))
        words = " ".join(chance.choice(("alpha", "beta", "gamma", "delta")) for _ in range(chance.randint(6, 48)))
        found.append(Element(kind=ElementKind.TEXT, text=f"{words}."))
    return found


def texts(elements: list[Element]) -> list[str]:
    document = chunk(Partition(elements=tuple(elements)), Words(), SETTINGS)
    return [document.text[passage.start : passage.end] for passage in document.passages]


@pytest.mark.parametrize("headings", [True, False], ids=["sections", "no headings"])
@pytest.mark.parametrize("edit", ["reword", "insert", "remove"])
def test_an_edit_changes_under_three_percent_of_a_long_document(edit: str, headings: bool) -> None:
    elements = paragraphs(headings=headings)
    before = texts(elements)
    assert len(before) > 300

    for at in range(100, PARAGRAPHS, 350):
        edited = list(elements)
        if edit == "remove":
            del edited[at]
        elif edit == "insert":
            edited.insert(at, Element(kind=ElementKind.TEXT, text="One more paragraph of a few words. " * 5))
        else:
            edited[at] = Element(kind=edited[at].kind, text="Other words, and more of them than before. " * 4)
        after = texts(edited)
        assert len(set(after) - set(before)) / len(after) < 0.03


def test_a_document_without_end_of_equal_paragraphs_is_cut_all_the_same() -> None:
    same = [Element(kind=ElementKind.TEXT, text="Again the same few words.")] * 400
    document = chunk(Partition(elements=tuple(same)), Words(), SETTINGS)

    assert all(50 <= passage.tokens <= 100 for passage in document.passages)


def test_a_long_table_says_its_columns_in_every_passage() -> None:
    rows = "\n".join(f"Name: n{number} | Allowance: {number} euros" for number in range(80))
    document = chunk(Partition(elements=(Element(kind=ElementKind.TABLE, text=rows),)), Words(), SETTINGS)

    assert len(document.passages) > 3
    for passage in document.passages:
        for line in document.text[passage.start : passage.end].strip().split("\n"):
            assert re.fullmatch(r"Name: n\d+ \| Allowance: \d+ euros", line)
