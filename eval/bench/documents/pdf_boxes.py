"""Whether a quote is where its citation says: ``python -m eval.bench pdf_boxes [--real ../shared/data]``.

Writes PDFs of many layouts, reads them and real ones as the parse task does, takes sentences of the text as quotes, and
looks under their boxes with PDFium's text, or, on scans, with OCR of the page with everything else made white. Counts
quotes whose words are on the cited pages, and quotes whose letters are under the cited boxes, and says how much else is
under them: a box as large as the page would hold every quote.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DocumentError
from core.place import Box
from core.settings import ChunkingSettings, Settings
from eval.bench.documents.pdf_documents import documents
from eval.bench.documents.pdf_reading import Under, letters
from eval.shares import told
from ingestion.chunking.model import ChunkedDocument
from ingestion.chunking.structural import chunk
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.pdf.reader import read_pdf
from ingestion.partitioning.port import Partition
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Tokenizer

_SENTENCE = re.compile(r"(?<!\S)\S[^\n.!?]{20,300}[.!?](?!\S)|\S[^\n]{12,200}(?=\n|$)")
_LEAST_DRAWN, _LEAST_SCANNED = 0.99, 0.9
"""Share of a quote's letters that must be under its boxes; OCR of a crop reads some letters differently."""
_CLEAN = 0.9


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
    from rapidfuzz.distance import LCSseq  # noqa: PLC0415

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


def real_documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every PDF below a folder."""
    for path in sorted(folder.rglob("*.pdf")):
        yield path.name, path.read_bytes()


def measure(named: Iterator[tuple[str, bytes]], seed: int, most: int) -> list[Check]:
    """The checks of all documents; those that can't be read are said and left out."""
    tokenizer = build_embedder(Settings()).tokenizer
    checks: list[Check] = []
    for name, content in named:
        try:
            document = parsed(content, name, tokenizer)
        except DocumentError as error:
            print(f"  left out: {error.message}")
            continue
        chance = random.Random(f"{seed}-{name}")
        with Under(content) as under:
            checks += [check(document, under, name, span) for span in quotes(document, chance, most)]
    return checks


def report(title: str, checks: Sequence[Check], *, failures: bool) -> None:
    """Print the shares, and on request the quotes that weren't found."""
    if not checks:
        print(f"{title}: no quotes")
        return
    print(f"{title}: {len({one.document for one in checks})} documents, {len(checks)} quotes")
    print(f"  on the cited page      {told(sum(one.on_page for one in checks), len(checks))}")
    print(f"  inside the cited boxes {told(sum(one.inside for one in checks), len(checks))}")
    clean = sum(one.own >= _CLEAN for one in checks)
    print(f"  of letters under the boxes, at least {_CLEAN:.0%} its own: {told(clean, len(checks))}")
    scans = sum(one.scan for one in checks)
    if scans:
        print(f"  {scans} of the quotes are on scans")
    for one in checks:
        if failures and not (one.on_page and one.inside):
            print(f"    {one.document}: page {one.on_page}, boxes {one.inside}, own {one.own:.2f}: {one.quote[:160]!r}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, default=Path("../shared/data"), help="a folder with PDFs in it")
    parser.add_argument("--quotes", type=int, default=20, help="quotes a document, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", action="store_true", help="print the quotes that weren't found")
    arguments = parser.parse_args()
    generated = measure(documents(arguments.seed), arguments.seed, arguments.quotes)
    report("Generated", generated, failures=arguments.failures)
    if not arguments.real.is_dir():
        sys.exit(f"{arguments.real} isn't there: only generated documents were measured.")
    real = measure(real_documents(arguments.real), arguments.seed, arguments.quotes)
    report("Real", real, failures=arguments.failures)
    report("Together", [*generated, *real], failures=False)
