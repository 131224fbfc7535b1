"""Documents with questions whose answers are spans of them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import DocumentError
from core.settings import ParsingSettings
from eval.datasets import DatasetError, read_rows
from ingestion.chunking.placing import place
from ingestion.partitioning.port import Element, ElementKind, Partition
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner

_PARAGRAPH = re.compile(r"\S.*?(?=\s*\n\s*\n|\s*\Z)", re.DOTALL)
_OFF = 50
"""Characters by which some of the given places are off."""
_SHORTEST_BODY = 150
_LEAST_WORDS = 3
_SHARE = 4
"""At most one in so many headings of a document is taken out to be asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and where its answer is: offsets in the document's joined text."""

    question: str
    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents by id, and the questions asked of them all."""

    documents: dict[str, Partition]
    asked: list[Asked]


def covidqa(folder: Path, articles: int, seed: int) -> Collection:
    """So many of the articles, drawn by the seed, each blank-line paragraph an element; with all their questions.

    Raises:
        DatasetError: a file is missing, or an answer isn't where the set says.
    """
    texts = {str(row["_id"]): str(row["text"]) for _, row in read_rows(folder / "corpus.jsonl")}
    chosen = sorted(random.Random(seed).sample(sorted(texts), min(articles, len(texts))))
    spans = {name: [found.span() for found in _PARAGRAPH.finditer(texts[name])] for name in chosen}
    documents = {
        name: Partition(
            elements=tuple(Element(kind=ElementKind.TEXT, text=texts[name][start:end]) for start, end in spans[name])
        )
        for name in chosen
    }
    placed = {name: [one.start for one in place(document.elements)[1]] for name, document in documents.items()}
    asked = []
    for where, row in read_rows(folder / "questions.jsonl"):
        name = str(row["document_id"])
        if name in documents:
            start, end = _answer(texts[name], row, where)
            moved = [_moved(at, spans[name], placed[name]) for at in (start, end - 1)]
            asked.append(Asked(str(row["question"]), name, moved[0], moved[1] + 1))
    return Collection(documents, asked)


def _answer(text: str, row: dict[str, Any], where: str) -> tuple[int, int]:
    """The answer's span in the article, without the white space around it."""
    answer, given = str(row["reference_answer"]), int(row["answer_start"])
    near = text.find(answer.strip(), max(0, given - _OFF), given + len(answer) + _OFF)
    if near < 0:
        raise DatasetError(f"{where}: the answer isn't at {given}.")
    return near, near + len(answer.strip())


def _moved(at: int, spans: list[tuple[int, int]], placed: list[int]) -> int:
    """An offset in the article as one in the joined text."""
    number = max(index for index, (start, _) in enumerate(spans) if start <= at)
    return placed[number] + at - spans[number][0]


def handbooks(folder: Path, files: int, seed: int, most: int = 3) -> Collection:
    """So many long Markdown files; of each up to ``most`` headings are taken out, and asked.

    The answer is the paragraph that the heading stood over. A heading that is taken out is nowhere in the text any
    more, neither in the element nor in a passage's heading path: the paragraph has to be found by what it says.
    """
    chance = random.Random(seed)
    paths = [path for path in sorted(folder.rglob("*.md")) if path.stat().st_size > 8 * 1024]
    documents, asked = {}, []
    with_limits = ChildProcessPartitioner(ParsingSettings())
    try:
        for path in sorted(chance.sample(paths, min(files, len(paths)))):
            name = str(path.relative_to(folder))
            try:
                partition = with_limits.partition(path.read_bytes(), name=path.name, media_type="text/markdown")
            except DocumentError as error:
                print(f"left out: {name}: {error.message}")
                continue
            taken = _taken(partition.elements, chance, most)
            kept = tuple(one for number, one in enumerate(partition.elements) if number not in taken)
            documents[name] = Partition(elements=kept, metadata=partition.metadata)
            asked += list(_questions(name, partition.elements, taken, kept))
    finally:
        with_limits.close()
    return Collection(documents, asked)


def _taken(elements: tuple[Element, ...], chance: random.Random, most: int) -> list[int]:
    titles = [number for number, one in enumerate(elements) if one.kind is ElementKind.TITLE]
    fit = [
        number
        for number in titles[1:]
        if number + 1 < len(elements)
        and elements[number + 1].kind is ElementKind.TEXT
        and len(elements[number + 1].text) >= _SHORTEST_BODY
        and len(elements[number].text.split()) >= _LEAST_WORDS
    ]
    return sorted(chance.sample(fit, min(most, len(fit), len(titles) // _SHARE)))


def _questions(
    name: str, elements: tuple[Element, ...], taken: list[int], kept: tuple[Element, ...]
) -> Iterator[Asked]:
    placed = place(kept)[1]
    for before, number in enumerate(taken):
        answer = placed[number - before]  # the elements before it, less those taken out
        yield Asked(elements[number].text, name, answer.start, answer.end)
