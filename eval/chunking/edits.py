"""What an edit of a long document costs: the share of its chunks that have to be embedded again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from rich.progress import track

from core.settings import ChunkingSettings
from eval.chunking.questions import Collection
from ingestion.chunking.build import build_chunker
from ingestion.chunking.chunks import Common, as_chunks
from ingestion.chunking.port import Chunker
from ingestion.partitioning.port import Element, ElementKind, Partition
from retrieval.embedding.port import Embedder

_WORDS = 150_000
"""300 pages of 500 words."""
_SHORTEST = 200
_COMMON = Common(document_id="long", source_id="eval", uri="long")
_ADDED = "This sentence was put in by an edit and says what nothing else in the document says, number {}. "

Edit = Callable[[list[Element], int, random.Random], None]


def _reword(elements: list[Element], at: int, chance: random.Random) -> None:
    elements[at] = replace(elements[at], text=_ADDED.format(chance.random()) + elements[at].text)


def _insert(elements: list[Element], at: int, chance: random.Random) -> None:
    elements.insert(at, Element(kind=ElementKind.TEXT, text=_ADDED.format(chance.random()) * 8))


def _remove(elements: list[Element], at: int, _: random.Random) -> None:
    del elements[at]


EDITS: dict[str, Edit] = {
    "a sentence into a paragraph": _reword,
    "a new paragraph": _insert,
    "a paragraph removed": _remove,
}


def long_document(collection: Collection) -> list[Element]:
    """The documents' elements one after another, up to 150,000 words: again from the start if there are fewer."""
    elements: list[Element] = []
    words = 0
    for element in chain.from_iterable(partition.elements for partition in collection.documents.values()):
        if words >= _WORDS:
            break
        elements.append(element)
        words += len(element.text.split())
    return elements


def ids(chunker: Chunker, elements: list[Element]) -> set[str]:
    """The ids of a document's chunks."""
    document = chunker.chunk(Partition(elements=tuple(elements)))
    return {chunk.id for chunk in as_chunks(document.text, document.passages, _COMMON)}


def report_edits(title: str, collection: Collection, embedder: Embedder, edits: int, seed: int) -> None:
    """Print, by kind of edit, how much of the document is embedded again: mean, and the worst of all edits."""
    elements = long_document(collection)
    words = sum(len(element.text.split()) for element in elements)
    chunker = build_chunker(ChunkingSettings(), embedder)
    before = ids(chunker, elements)
    print(f"\n## {title}: {words} words ({words / 500:.0f} pages), {len(elements)} elements, {len(before)} chunks\n")
    paragraphs = [
        number for number, one in enumerate(elements) if one.kind is ElementKind.TEXT and len(one.text) >= _SHORTEST
    ]
    for name, edit in EDITS.items():
        chance = random.Random(seed)
        changed = []
        for at in track(chance.sample(paragraphs, edits), name):
            edited = list(elements)
            edit(edited, at, chance)
            after = ids(chunker, edited)
            changed.append(len(after - before) / len(after))
        changed.sort()
        print(
            f"{name}: {edits} edits, embedded again on average {sum(changed) / edits:.2%} of the chunks, "
            f"at the 95th percentile {changed[int(edits * 0.95)]:.2%}, at worst {changed[-1]:.2%}"
        )
