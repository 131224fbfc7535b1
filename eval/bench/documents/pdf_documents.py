"""Writes PDFs of every layout that the reader of PDF claims to know, each time the same ones for a seed."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

_SUBJECTS = (
    *("The finance team", "Every manager", "A new colleague", "The works council", "Our supplier", "The night shift"),
    *("An external auditor", "The travel desk", "Whoever signs a contract", "The safety officer", "Each department"),
)
_VERBS = (
    *("approves", "documents", "reimburses", "reviews", "schedules", "translates", "archives", "negotiates"),
    *("coordinates", "inspects", "distributes", "summarises", "postpones", "evaluates", "publishes"),
)
_OBJECTS = (
    *("the quarterly reconciliation", "all outstanding invoices", "the well-known emergency procedure"),
    *("the accommodation in Trondheim", "confidential correspondence", "the long-term maintenance plan"),
    *("the classification of chemicals", "parental leave arrangements", "an international transfer"),
    *("the decision-making process", "the configuration of printers", "responsibilities of the warehouse"),
)
_ENDINGS = (
    *("within 14 working days", "before the end of September", "after consultation with the legal department"),
    *("unless the amount exceeds 2,500 euros", "in accordance with section 4.2", "without unnecessary bureaucracy"),
    *("at the headquarters in Copenhagen", "together with the responsible representative", "twice a year"),
    *("as soon as the documentation is complete", "regardless of the circumstances"),
)
_FONTS = ("Times-Roman", "Helvetica", "Courier")
_BOLD = {"Times-Roman": "Times-Bold", "Helvetica": "Helvetica-Bold", "Courier": "Courier-Bold"}
_VOWELS = "aeiouy"
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """How a document is laid out; lengths in points.

    Attributes:
        heading: size of its headings over that of its text.
        bold: whether its headings are bold.
    """

    name: str
    columns: int = 1
    font: str = "Times-Roman"
    size: float = 10.0
    hyphens: bool = False
    furniture: bool = False
    table: str = ""
    bullets: bool = False
    turn: int = 0
    landscape: bool = False
    pages: int = 3
    encrypted: bool = False
    heading: float = 1.3
    bold: bool = True


def layouts() -> list[Layout]:
    """Each font with each number of columns, plain, hyphenated and with running lines, and the special cases."""
    made = []
    for font in _FONTS:
        for columns in (1, 2):
            base = Layout(f"{font}-{columns}", columns, font)
            made += [
                base,
                replace(base, name=f"{base.name}-hyphens", hyphens=True),
                replace(base, name=f"{base.name}-furniture", hyphens=True, furniture=True),
                replace(base, name=f"{base.name}-bullets", bullets=True, furniture=True),
                replace(base, name=f"{base.name}-ruled", table="ruled"),
            ]
    plain = Layout("special", font="Helvetica", furniture=True)
    made += [replace(plain, name=f"turned-{turn}", turn=turn) for turn in (90, 180, 270)]
    made += [replace(plain, name=f"landscape-{columns}", landscape=True, columns=columns) for columns in (1, 2, 3)]
    made += [replace(plain, name=f"aligned-{size}", table="aligned", size=size) for size in (8.0, 10.0, 12.0)]
    made += [replace(plain, name=f"size-{size}", size=size, hyphens=True) for size in (7.0, 14.0)]
    made += [replace(plain, name="encrypted", encrypted=True), replace(plain, name="long", pages=12, hyphens=True)]
    made += [
        replace(plain, name=f"everything-{columns}", columns=columns, table="ruled", bullets=True, hyphens=True)
        for columns in (1, 2)
    ]
    return made


def documents(seed: int) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of a PDF for every layout."""
    for number, layout in enumerate(layouts()):
        yield layout.name, write(layout, random.Random(f"{seed}-{number}"))


def sentence(chance: random.Random) -> str:
    """One that a company's handbook could have."""
    parts = (chance.choice(_SUBJECTS), chance.choice(_VERBS), chance.choice(_OBJECTS), chance.choice(_ENDINGS))
    return " ".join(parts) + "."


def write(layout: Layout, chance: random.Random) -> bytes:
    """A PDF of this layout."""
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    width, height = (842.0, 595.0) if layout.landscape else (595.0, 842.0)
    stream = io.BytesIO()
    encryption = "" if not layout.encrypted else _owner_only()
    canvas = Canvas(stream, pagesize=(width, height), invariant=True, encrypt=encryption or None)
    writer = _Writer(canvas, layout, chance, (width, height))
    for page in range(1, layout.pages + 1):
        writer.page(page)
    canvas.save()
    return stream.getvalue()


def _owner_only() -> Any:
    from reportlab.lib.pdfencrypt import StandardEncryption  # noqa: PLC0415

    return StandardEncryption("", ownerPassword="owner", canPrint=0)


class _Writer:
    """Sets a document line by line, so that nothing of its layout is left to a library's taste."""

    def __init__(self, canvas: Any, layout: Layout, chance: random.Random, size: tuple[float, float]) -> None:
        self._canvas, self._layout, self._chance = canvas, layout, chance
        self._width, self._height = size
        self._words: list[str] = []
        self._pitch = layout.size * 1.25

    def page(self, number: int) -> None:
        """One page: a title on the first, running lines, columns with what the layout has in them."""
        layout = self._layout
        if layout.turn:
            self._turn()
        top = 80.0
        if number == 1:
            self._line(60, top, f"Handbook of the {layout.name} department", layout.size * 2, bold=True)
            top += layout.size * 4
        if layout.furniture:
            self._line(60, 30, f"Company handbook, issue {layout.columns}", 8)
            self._line(self._width / 2, self._height - 24, f"Page {number} of {layout.pages}", 8)
        gap = 24.0
        inner = (self._width - 120 - gap * (layout.columns - 1)) / layout.columns
        for column in range(layout.columns):
            self._column(60 + column * (inner + gap), top, inner, first=column == 0)
        self._canvas.showPage()

    def _turn(self) -> None:
        """A page that is stored turned, and shown upright by its rotation."""
        turn, canvas = self._layout.turn, self._canvas
        canvas.setPageSize((self._height, self._width) if turn != 180 else (self._width, self._height))  # noqa: PLR2004
        canvas.setPageRotation(turn)
        if turn == 90:  # noqa: PLR2004
            canvas.transform(0, 1, -1, 0, self._height, 0)
        elif turn == 180:  # noqa: PLR2004
            canvas.transform(-1, 0, 0, -1, self._width, self._height)
        else:
            canvas.transform(0, -1, 1, 0, 0, self._width)

    def _line(self, x: float, top: float, text: str, size: float, *, bold: bool = False) -> None:
        font = _BOLD[self._layout.font] if bold else self._layout.font
        self._canvas.setFont(font, size)
        self._canvas.drawString(x, self._height - top, text)

    def _column(self, x: float, top: float, width: float, *, first: bool) -> None:
        bottom = self._height - 70
        parts: list[Callable[[float, float, float, float], float]] = [self._heading, self._paragraph]
        if self._layout.table and first:
            parts.append(self._table)
        if self._layout.bullets:
            parts.append(self._bullets)
        parts += [self._paragraph, self._heading, self._paragraph, self._paragraph]
        turn = 0
        while top < bottom - 4 * self._pitch:
            part = parts[turn % len(parts)]
            top = part(x, top, width, bottom) + self._pitch * 0.8
            turn += 1

    def _heading(self, x: float, top: float, width: float, _: float) -> float:
        text = self._chance.choice(_OBJECTS).removeprefix("the ").capitalize()
        size = self._layout.size * self._layout.heading
        self._line(x, top + size, text[: int(width / size / 0.62)], size, bold=self._layout.bold)
        return top + size * 1.4

    def _paragraph(self, x: float, top: float, width: float, bottom: float) -> float:
        # What doesn't fit into this column goes on in the next one.
        if not self._words:
            self._words = " ".join(sentence(self._chance) for _ in range(self._chance.randint(3, 6))).split()
        while self._words and top + self._pitch < bottom:
            top += self._pitch
            self._justified(x, top, width, self._take(width))
        return top

    def _take(self, width: float, words: list[str] | None = None) -> list[str]:
        """The words of the next line; the last one cut, if the layout hyphenates."""
        words = self._words if words is None else words
        line: list[str] = []
        while words and self._long([*line, words[0]]) <= width:
            line.append(words.pop(0))
        if words and self._layout.hyphens and "-" not in words[0]:
            for cut in _cuts(words[0]):
                if self._long([*line, words[0][:cut] + "-"]) <= width:
                    line.append(words[0][:cut] + "-")
                    words[0] = words[0][cut:]
                    break
        return line or [words.pop(0)]

    def _long(self, words: list[str]) -> float:
        from reportlab.pdfbase.pdfmetrics import stringWidth  # noqa: PLC0415

        return float(stringWidth(" ".join(words), self._layout.font, self._layout.size))

    def _justified(self, x: float, top: float, width: float, words: list[str]) -> None:
        size, spaces = self._layout.size, len(words) - 1
        room = width - self._long(words)
        text = self._canvas.beginText(x, self._height - top)
        text.setFont(self._layout.font, size)
        if self._layout.hyphens and self._words and spaces and room < width / 4:
            text.setWordSpace(room / spaces)
        text.textOut(" ".join(words))
        text.setWordSpace(0)
        self._canvas.drawText(text)

    def _bullets(self, x: float, top: float, width: float, bottom: float) -> float:
        for _ in range(3):
            words = sentence(self._chance).split()
            mark = "\u2022"
            while words and top + self._pitch < bottom:
                top += self._pitch
                self._line(x, top, mark, self._layout.size)
                self._line(x + 14, top, " ".join(self._take(width - 14, words)), self._layout.size)
                mark = ""
        return top

    def _table(self, x: float, top: float, width: float, bottom: float) -> float:
        rows = [["City", "Rate", "Since"]]
        cities = ("Oslo", "Rome", "Lyon", "Turku", "Graz")
        rows += [[city, str(self._chance.randint(80, 240)), str(self._chance.randint(2015, 2025))] for city in cities]
        step, wide = self._layout.size * 1.7, width / 3
        if top + step * len(rows) > bottom:
            return top
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                self._line(x + 4 + wide * place, top + step * (number + 0.7), cell, self._layout.size, bold=not number)
        if self._layout.table == "ruled":
            ys = [self._height - top - step * number for number in range(len(rows) + 1)]
            self._canvas.grid([x + wide * place for place in range(4)], ys)
        return top + step * len(rows)


def _cuts(word: str) -> list[int]:
    """Where a word can be cut, last first: before a consonant that a vowel follows, with letters enough around it."""
    bare = word.rstrip(".,;:")
    places = range(len(bare) - _SHORTEST, _SHORTEST - 1, -1)
    return [p for p in places if bare[p] not in _VOWELS and bare[p + 1] in _VOWELS and bare[p - 1 : p + 2].isalpha()]
