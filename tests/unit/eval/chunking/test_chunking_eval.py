"""The measure itself: spans, baselines, search, and the count of hits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.chunk import Vector, Vectors
from eval.chunking.baselines import FixedChunker, RecursiveChunker
from eval.chunking.edits import ids, long_document, report_edits
from eval.chunking.measuring import mcnemar, measure
from eval.chunking.questions import Asked, Collection, covidqa, handbooks
from eval.chunking.searching import PIPELINES, CachedEmbedder
from eval.datasets import DatasetError
from ingestion.chunking.placing import place
from ingestion.partitioning.port import Element, ElementKind, Partition


class Words:
    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]

    def count(self, text: str) -> int:
        return len(self.offsets(text))


class LetterCounts:
    """A model whose vectors count letters."""

    name = "letters"
    dimensions = 26
    window_tokens = 50

    def __init__(self) -> None:
        self.tokenizer = Words()
        self.embedded = 0

    def warm_up(self) -> None:
        pass

    def embed_query(self, query: str) -> Vector:
        return self.embed_passages([query])[0]

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        self.embedded += len(texts)
        counts = [[text.casefold().count(chr(97 + n)) + 0.1 for n in range(26)] for text in texts]
        vectors = np.array(counts, np.float32).reshape(len(texts), 26)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def text_of(*paragraphs: str) -> Partition:
    return Partition(elements=tuple(Element(kind=ElementKind.TEXT, text=one) for one in paragraphs))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text("ab .\nx", min_size=1, max_size=200), max_size=8), st.integers(3, 40))
@pytest.mark.parametrize("make", [FixedChunker, RecursiveChunker])
def test_baselines_leave_nothing_out_and_keep_to_their_size(
    make: Callable[..., FixedChunker | RecursiveChunker], paragraphs: list[str], size: int
) -> None:
    document = make(Words(), size).chunk(text_of(*paragraphs))

    covered = bytearray(len(document.text))
    for passage in document.passages:
        assert passage.start < passage.end
        assert Words().count(document.text[passage.start : passage.end]) <= size
        covered[passage.start : passage.end] = b"\x01" * (passage.end - passage.start)
    assert all(covered)


def test_baselines_overlap() -> None:
    words = " ".join(f"word{number}" for number in range(100))
    fixed = FixedChunker(Words(), 20, overlap=0.1).chunk(text_of(words))
    recursive = RecursiveChunker(Words(), 20, overlap=0.1).chunk(text_of(words))

    for document in (fixed, recursive):
        starts, ends = [one.start for one in document.passages[1:]], [one.end for one in document.passages[:-1]]
        assert all(start < end for start, end in zip(starts, ends, strict=True))


def test_answers_are_found_in_the_joined_text(tmp_path: Path) -> None:
    text = "  Title\n\n \nFirst paragraph here.\n\n\nThe answer\n\nis this one. The end.\n"
    answer = " The answer\n\nis this one."
    rows = [{"_id": "d", "title": "", "text": text}]
    asked = [
        {
            "id": "1",
            "question": "What?",
            "reference_answer": answer,
            "answer_start": text.find(answer[1:]) + 2,
            "document_id": "d",
        }
    ]
    for name, values in (("corpus.jsonl", rows), ("questions.jsonl", asked)):
        (tmp_path / name).write_text("".join(json.dumps(value) + "\n" for value in values))

    collection = covidqa(tmp_path, 98, 0)

    [one] = collection.asked
    assert place(collection.documents["d"].elements)[0][one.start : one.end] == answer.strip()
    (tmp_path / "questions.jsonl").write_text(json.dumps({**asked[0], "reference_answer": "nowhere"}) + "\n")
    with pytest.raises(DatasetError, match="line 1"):
        covidqa(tmp_path, 98, 0)


def test_headings_that_are_asked_are_nowhere_in_the_text(tmp_path: Path) -> None:
    sections = "".join(
        f"## How many days of section{number}\n\n{f'Body of number{number} with words. ' * 12}\n\n"
        for number in range(24)
    )
    (tmp_path / "long.md").write_text(f"# Handbook\n\n{sections}")

    collection = handbooks(tmp_path, 5, 0)

    text = place(collection.documents["long.md"].elements)[0]
    assert len(collection.asked) == 3
    for one in collection.asked:
        number = one.question.removeprefix("How many days of section")
        assert f"section{number}\n" not in text
        assert text[one.start : one.end].startswith(f"Body of number{number} ")


def test_vectors_are_kept(tmp_path: Path) -> None:
    model = LetterCounts()
    first = CachedEmbedder(model, tmp_path / "vectors.db").embed_passages(["one", "two", "one"])
    again = CachedEmbedder(model, tmp_path / "vectors.db").embed_passages(["two", "one"])

    assert model.embedded == 2
    assert np.array_equal(first[[1, 0]], again)


def test_a_question_is_kept_apart_from_a_passage(tmp_path: Path) -> None:
    model = LetterCounts()
    cached = CachedEmbedder(model, tmp_path / "vectors.db")
    cached.embed_passages(["one"])
    first, again = cached.embed_query("one"), cached.embed_query("one")

    assert model.embedded == 2
    assert np.array_equal(first, again)


def test_an_answer_counts_where_one_passage_has_it_whole(tmp_path: Path) -> None:
    filler = " ".join(f"filler{number}" for number in range(60))
    partition = text_of(filler, "The zebra crosses at noon. It waits for nobody.", filler)
    text = place(partition.elements)[0]
    start = text.find("The zebra")
    whole, cut = Asked("zebra noon", "d", start, start + 25), Asked("zebra noon", "d", 0, len(text))
    collection = Collection({"d": partition}, [whole, cut])
    embedder = CachedEmbedder(LetterCounts(), tmp_path / "vectors.db")

    measured = measure("fixed", collection, FixedChunker(Words(), 40), embedder, PIPELINES)

    assert measured.hits == {name: [True, False] for name in PIPELINES}


def test_mcnemar_is_exact() -> None:
    one, other = [True] * 8 + [False] * 2 + [True] * 5, [False] * 8 + [True] * 2 + [True] * 5

    only_one, only_other, p = mcnemar(one, other)

    assert (only_one, only_other) == (8, 2)
    assert p == pytest.approx(0.109375)
    assert mcnemar([True], [True]) == (0, 0, 1.0)


def test_edits_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paragraphs = [f"Paragraph {n} says {'something of its own ' * 12}about {n}." for n in range(80)]
    collection = Collection({"d": text_of(*paragraphs)}, [])
    embedder = CachedEmbedder(LetterCounts(), tmp_path / "vectors.db")

    report_edits("test", collection, embedder, 3, 0)

    told = capsys.readouterr().out
    assert "a paragraph removed: 3 edits" in told
    assert len(ids(FixedChunker(Words(), 100), long_document(collection))) > 20
