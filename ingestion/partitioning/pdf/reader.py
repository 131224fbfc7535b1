"""Reader of PDF: its text layer where it has one, and what Tesseract reads where it hasn't, page by page.

Every element knows the lines that it stands in, so that a quote of it can be marked on the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pdfminer.pdfpage import PDFPage

from core.errors import UnreadableDocument
from core.place import PageSize
from ingestion.partitioning.ocr.tesseract import NO_TIME, OcrFailed, OcrUnavailable, check_languages, recognise
from ingestion.partitioning.pdf.blocks import Block, make_blocks
from ingestion.partitioning.pdf.columns import arrange
from ingestion.partitioning.pdf.document import BROKEN, OpenPdf
from ingestion.partitioning.pdf.elements import ElementMaker, body_size
from ingestion.partitioning.pdf.furniture import drop_furniture
from ingestion.partitioning.pdf.glyphs import Glyph, PageContent, PageReader, Rule
from ingestion.partitioning.pdf.lines import TextLine, make_lines
from ingestion.partitioning.pdf.rendering import PageImages
from ingestion.partitioning.pdf.tables import Table, ruled_tables
from ingestion.partitioning.reading import Reading

FURNITURE = "running headers and footers, page numbers"
OUTSIDE = "outside of the visible page"
_MOST_LISTED = 20
_MOST_GARBAGE = 0.3
"""Share of a page's letters that may stand for no known character before the page is read by OCR."""
_FEW_LETTERS = 40
_MOSTLY_IMAGE = 0.5
_PRIVATE = (0xE000, 0xF8FF)
_CONTROLS = 0x20
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfOptions:
    """How PDFs are read.

    Attributes:
        passwords: tried on files that ask for one.
        ocr_languages: Tesseract's names of the languages that scanned pages may be in.
        ocr_seconds: of OCR, after which no further page is begun.
        max_pages: pages above which a file is refused.
        ask_for_time: called with the seconds that OCR may take, before it begins.
    """

    passwords: tuple[str, ...] = field(default=(), repr=False)
    ocr_languages: tuple[str, ...] = ("eng",)
    ocr_seconds: float = 1800.0
    max_pages: int = 5000
    ask_for_time: Callable[[float], None] | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Page:
    """A page as far as it is read.

    Attributes:
        direction: in which the text of a scan is read, in degrees against the clock; its lines are those of the page
            turned so that they read to the right.
        wants_ocr: whether its text layer won't do.
    """

    number: int
    size: PageSize
    lines: list[TextLine] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    direction: int = 0
    wants_ocr: bool = False
    outside: list[str] = field(default_factory=list)

    @property
    def frame(self) -> PageSize:
        """Its size once it is turned so that its text stands upright."""
        across = self.direction in (90, 270)
        return PageSize(self.size.height, self.size.width) if across else self.size


def read_pdf(content: bytes, name: str, options: PdfOptions | None = None) -> Reading:
    """The text of a PDF. Pages without a text layer, or with one of unknown letters, are read by OCR.

    What is left out is named in a warning: pages that need OCR where that isn't to be had, running headers and
    footers, page numbers, and text outside of the visible page.

    Raises:
        UnreadableDocument: encrypted with an unknown password, broken, or all of it needs OCR, which isn't installed.
        DocumentTooLarge: more pages or objects than may be.
    """
    options = options or PdfOptions()
    document = OpenPdf(content, name, options.passwords, options.max_pages)
    reader = PageReader()
    pages = [_read(reader, page, number) for number, page in enumerate(document.pages, start=1)]
    warnings = _recognise_all(document, pages, options)
    for page in pages:
        page.tables, page.lines = ruled_tables(page.lines, page.rules, page.number)
    sizes = [page.size for page in pages]
    body = body_size([line for page in pages for line in page.lines])
    dropped = drop_furniture([page.lines for page in pages], [page.frame for page in pages], body)
    blocks: list[Block | Table] = [block for page in pages for block in _blocks(page)]
    reading = Reading(list(ElementMaker(blocks, sizes, [page.direction for page in pages]).make()))
    reading.pages, reading.metadata = tuple(sizes), document.metadata()
    reading.left_out = {FURNITURE: dropped.lines, OUTSIDE: ["".join(page.outside) for page in pages]}
    reading.warnings = [*warnings, *dropped.warnings(), *_outside(pages)]
    if document.repaired:
        reading.warnings.append("The file is damaged; it was read after a repair.")
    if not reading.elements and any(page.wants_ocr for page in pages):
        raise UnreadableDocument(" ".join((f"{name} has no text layer.", *warnings)))
    return reading


def _read(reader: PageReader, page: PDFPage, number: int) -> _Page:
    try:
        found = reader.read(page, number)
    except BROKEN:
        return _Page(number, PageSize(0, 0), wants_ocr=True)
    made = _Page(number, found.size, rules=found.rules, outside=found.outside)
    made.wants_ocr = _wants_ocr(found)
    for direction, glyphs in found.glyphs.items():
        made.lines += make_lines(glyphs, number, direction, found.size)
    return made


def _wants_ocr(page: PageContent) -> bool:
    """Whether a page's text layer is missing, or can't be what the page shows."""
    letters = [glyph for glyphs in page.glyphs.values() for glyph in glyphs if not glyph.text.isspace()]
    if not letters:
        return page.image_share > 0 or page.drawn or page.undecoded > 0
    # An undecoded letter has one byte or two.
    if sum(map(_is_garbage, letters)) + page.undecoded / 2 > _MOST_GARBAGE * len(letters):
        return True
    return len(letters) < _FEW_LETTERS and page.image_share > _MOSTLY_IMAGE


def _is_garbage(glyph: Glyph) -> bool:
    text = glyph.text
    if text.startswith("(cid:"):
        return True
    return any(_PRIVATE[0] <= ord(c) <= _PRIVATE[1] or ord(c) < _CONTROLS or c == _REPLACEMENT for c in text)


def _recognise_all(document: OpenPdf, pages: Sequence[_Page], options: PdfOptions) -> list[str]:
    """Read the pages that need it by OCR; what could not be read, and why, a sentence each."""
    wanting = [page for page in pages if page.wants_ocr]
    if not wanting:
        return []
    failed: dict[str, list[int]] = {}
    unsure: list[int] = []
    try:
        check_languages(options.ocr_languages)
        if options.ask_for_time:
            options.ask_for_time(options.ocr_seconds)
        deadline = time.monotonic() + options.ocr_seconds
        with PageImages(document.content, document.password) as images:
            for page in wanting:
                try:
                    if page.size.width <= 0:
                        page.size = images.size(page.number)
                    if not _recognise(page, images, options.ocr_languages, deadline):
                        unsure.append(page.number)
                except OcrFailed as error:
                    failed.setdefault(str(error), []).append(page.number)
    except (OcrFailed, OcrUnavailable) as error:
        failed[str(error)] = [page.number for page in wanting]
    warnings = [f"OCR is needed, but failed, on page {listed(on)}: {reason}." for reason, on in failed.items()]
    if unsure:
        warnings.append(f"OCR is not sure of what it read on page {listed(unsure)}.")
    return warnings


def _recognise(page: _Page, images: PageImages, languages: tuple[str, ...], deadline: float) -> bool:
    """Read one page; whether what was read is to be trusted."""
    if time.monotonic() >= deadline:
        raise OcrFailed(NO_TIME)
    image, dpi = images.render(page.number)
    found = recognise(image, dpi, languages, deadline)
    for line in found.lines:
        line.page = page.number
    page.wants_ocr = False
    if sum(len(line.text) for line in found.lines) >= sum(len(line.text) for line in page.lines if _is_legible(line)):
        page.lines, page.direction = found.lines, found.direction
        # Ruling lines that are drawn stand as the page does.
        page.rules = page.rules if found.direction == 0 else []
    return found.is_sure


def _is_legible(line: TextLine) -> bool:
    return sum(letter.isalnum() for letter in line.text) * 2 > len(line.text)


def _blocks(page: _Page) -> Iterable[Block | Table]:
    """The page's blocks in reading order: what reads across the page, then what is turned."""
    for direction in sorted({line.direction for line in page.lines} | {0}):
        lines = [line for line in page.lines if line.direction == direction]
        yield from make_blocks(arrange([*lines, *(page.tables if direction == 0 else [])]))


def _outside(pages: Sequence[_Page]) -> list[str]:
    count = sum(not letter.isspace() for page in pages for letter in page.outside)
    return [f"dropped: {count} letters outside of the visible page."] if count else []


def listed(numbers: Sequence[int]) -> str:
    """Page numbers as a reader wants them, not more than some."""
    return ", ".join(map(str, numbers[:_MOST_LISTED])) + (" and more" if len(numbers) > _MOST_LISTED else "")
