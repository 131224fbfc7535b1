"""Every quote is where its citation says: on its page, and inside its boxes.

PDFs of many layouts, and the samples, are read as the parse task does; sentences of the text are taken as quotes, and
PDFium looks under their boxes, or, on scans, OCR of the page with everything else made white. How much else is under
them is looked at too: a box as large as the page would hold every quote. ``make attack CASES=3000`` takes all layouts.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import DocumentError
from core.place import Box
from core.settings import ChunkingSettings, Settings
from eval.metrics import share
from ingestion.chunking.model import ChunkedDocument
from ingestion.chunking.structural import chunk
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.pdf.reader import read_pdf
from ingestion.partitioning.port import Partition
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Tokenizer
from tests.pdf_layouts import layouts, write
from tests.pdf_reading import Under, letters

_SENTENCE = re.compile(r"(?<!\S)\S[^\n.!?]{20,300}[.!?](?!\S)|\S[^\n]{12,200}(?=\n|$)")
_LEAST_DRAWN, _LEAST_SCANNED = 0.99, 0.9
"""Share of a quote's letters that must be under its boxes; OCR of a crop reads some letters differently."""
CLEAN = 0.9
SEED, QUOTES = 0, 20
SAMPLES = Path(__file__).parents[3] / "shared" / "data"
LARGEST = 300_000
"""Bytes of a sample that is read in a few seconds."""
CASES_TO_A_DOCUMENT = 50
"""A document takes about as long as so many cases of other attacks."""


@dataclass(frozen=True, slots=True)
class Check:
    """One quote: on its page, inside its boxes, and the share of the letters under the boxes that are its own."""

    document: str
    quote: str
    on_page: bool
    inside: bool
    own: float
    scan: bool


def parsed(content: bytes, name: str, tokenizer: Tokenizer) -> ParsedDocument:
    """A PDF as the parse task keeps it.

    Raises:
        DocumentError: it can't be read.
    """
    reading = read_pdf(content, name)
    partition = Partition(elements=tuple(reading.elements), pages=reading.pages)
    cut: ChunkedDocument = chunk(partition, tokenizer, ChunkingSettings())
    return ParsedDocument(
        title=name,
        metadata=reading.metadata,
        media_type="application/pdf",
        text=cut.text,
        elements=cut.elements,
        passages=cut.passages,
        parser="",
        warnings=(),
        pages=cut.pages,
    )


def quotes(document: ParsedDocument, chance: random.Random, most: int) -> list[tuple[int, int]]:
    """Spans of sentences and lines of the text, drawn at random."""
    spans = [
        found.span()
        for element in document.elements
        for found in _SENTENCE.finditer(document.text, element.start, element.end)
    ]
    return sorted(chance.sample(spans, min(most, len(spans))))


def check(document: ParsedDocument, under: Under, name: str, span: tuple[int, int]) -> Check:
    """Look for one quote where it is said to be."""
    quote = document.text[slice(*span)]
    boxes = document.boxes(*span)
    page = document.page(span[0] + len(quote) - len(quote.lstrip()))
    found = under.boxes(boxes)
    wanted = letters(quote)
    shared = _shared(wanted, found)
    scan = any(under.is_scan(box.page) for box in boxes)
    least = _LEAST_SCANNED if scan else _LEAST_DRAWN
    return Check(
        name,
        quote,
        _on_page(document, span, boxes, page, under),
        bool(wanted) and shared >= least * len(wanted),
        shared / len(found) if found else 0.0,
        scan,
    )


def _shared(wanted: str, found: str) -> int:
    """Letters of the quote that are found in its order: the longest common subsequence."""
    from rapidfuzz.distance import LCSseq

    return int(LCSseq.similarity(wanted, found))


def _on_page(
    document: ParsedDocument, span: tuple[int, int], boxes: Sequence[Box], page: int | None, under: Under
) -> bool:
    """Whether the quote begins on the page that is cited, and all its words are on the pages that its boxes are on."""
    if not boxes or page != boxes[0].page:
        return False
    pages = dict.fromkeys(box.page for box in boxes)
    if any(under.is_scan(number) for number in pages):
        return True  # judged by its boxes alone: what is under them was read from this page's image
    text = "".join(under.page(number) for number in pages)
    # A word that a page break cuts is on both; one with an index below it may be told in another order by PDFium.
    return all(
        letters(found[0]) in text or _is_under(document, span[0] + found.start(), span[0] + found.end(), under)
        for found in re.finditer(r"\S+", document.text[slice(*span)])
    )


def _is_under(document: ParsedDocument, start: int, end: int, under: Under) -> bool:
    """Whether all letters of a word are under its own boxes, in whatever order."""
    return Counter(letters(document.text[start:end])) <= Counter(under.boxes(document.boxes(start, end)))


def checks_of(named: Iterator[tuple[str, bytes]]) -> list[Check]:
    """The checks of all documents; those that can't be read are left out."""
    tokenizer = build_embedder(Settings()).tokenizer
    checks: list[Check] = []
    for name, content in named:
        try:
            document = parsed(content, name, tokenizer)
        except DocumentError:
            continue
        chance = random.Random(f"{SEED}-{name}")
        with Under(content) as under:
            checks += [check(document, under, name, span) for span in quotes(document, chance, QUOTES)]
    return checks


def told(checks: Sequence[Check]) -> str:
    """The shares, and the quotes that weren't found."""
    right = (
        ("on the cited page", sum(one.on_page for one in checks)),
        ("inside the cited boxes", sum(one.inside for one in checks)),
        ("mostly their own letters under the boxes", sum(one.own >= CLEAN for one in checks)),
    )
    lines = [f"{len(checks)} quotes, {sum(one.scan for one in checks)} on scans"]
    lines += [f"  {what}: {share(hits, len(checks))}" for what, hits in right]
    lines += [f"  {one}" for one in checks if not (one.on_page and one.inside)]
    return "\n".join(lines)


@pytest.mark.attack
def test_quotes_of_every_layout_are_where_they_are_said_to_be(attack_cases: int) -> None:
    every = layouts()
    some = random.Random(SEED).sample(every, min(len(every), max(1, attack_cases // CASES_TO_A_DOCUMENT)))
    written = ((one.name, write(one, random.Random(f"{SEED}-{one.name}"))) for one in some)
    checks = checks_of(written)
    print(told(checks))

    assert [one for one in checks if not (one.on_page and one.inside)] == []
    assert sum(one.own >= CLEAN for one in checks) >= 0.99 * len(checks)


@pytest.mark.attack
def test_quotes_of_real_documents_are_where_they_are_said_to_be(attack_cases: int) -> None:
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES} is not there")
    every = sorted(path for path in SAMPLES.rglob("*.pdf") if path.stat().st_size < LARGEST)
    some = random.Random(SEED).sample(every, min(len(every), max(1, attack_cases // CASES_TO_A_DOCUMENT)))
    checks = checks_of((path.name, path.read_bytes()) for path in some)
    print(told(checks))

    assert [one for one in checks if not (one.on_page and one.inside)] == []
