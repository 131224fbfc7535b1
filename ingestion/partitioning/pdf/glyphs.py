"""What a page of a PDF draws: its letters, its ruling lines, and how much of it is images.

pdfminer interprets the page; its own layout analysis, which is the slower half of it and doesn't know columns, isn't
used. Everything here is in points from the top left corner of the page as shown.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pdfminer.pdfcolor import PDFColorSpace
from pdfminer.pdfdevice import PDFTextDevice
from pdfminer.pdfexceptions import PDFException
from pdfminer.pdffont import PDFFont, PDFUnicodeNotDefined
from pdfminer.pdfinterp import PDFGraphicState, PDFPageInterpreter, PDFResourceManager
from pdfminer.pdfpage import PDFPage
from pdfminer.utils import Matrix, apply_matrix_pt, apply_matrix_rect, translate_matrix

from core.place import PageSize
from ingestion.partitioning.pdf.fonts import FontManager

DIAGONAL = -1
"""The direction of letters that run neither along nor across the page."""
_OFF_AXIS_DEGREES = 8
_DEFAULT_DESCENT = -0.22
_DEEPEST_DESCENT = -0.5
_SPACE = 32
_THIN = 3.0
_MOST_RULES = 20_000
_BOLD = ("bold", "black", "heavy", "-bd", "-medi", "cmbx", "sfbx")


@dataclass(slots=True)
class Glyph:
    """A letter as drawn, or what one glyph stands for (a ligature's letters).

    Its box is that of its font's height, and not of its ink. ``size`` is the height of its type.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    bold: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line along or across the page: one of ``left == right`` and ``top == bottom`` holds."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(slots=True)
class PageContent:
    """Everything that a page draws.

    Attributes:
        glyphs: by the direction that they are read in, in degrees against the clock (0, 90, 180, 270, or
            :data:`DIAGONAL`), in the order in which they are drawn.
        image_share: area of its images over the page's own, at most 1.
        drawn: whether it draws any line or area.
        outside: letters outside of the visible page, as drawn.
        undecoded: bytes of text in fonts of which no letter could be read.
    """

    number: int
    size: PageSize
    glyphs: dict[int, list[Glyph]] = field(default_factory=lambda: defaultdict(list))
    rules: list[Rule] = field(default_factory=list)
    image_share: float = 0.0
    drawn: bool = False
    outside: list[str] = field(default_factory=list)
    undecoded: int = 0


class PageReader:
    """Reads the pages of one document, sharing its fonts between them."""

    def __init__(self) -> None:
        resources = FontManager()
        self._device = _Device(resources)
        self._interpreter = _Interpreter(resources, self._device)

    def read(self, page: PDFPage, number: int) -> PageContent:
        """What a page draws. Raises whatever pdfminer does on broken pages."""
        self._device.number = number
        self._interpreter.process_page(page)
        return self._device.content


class _Interpreter(PDFPageInterpreter):
    """Goes on without colours where their definition is broken, as it often is: no letter depends on them."""

    def init_resources(self, resources: dict[object, object]) -> None:
        try:
            super().init_resources(resources)
        except PDFException:
            super().init_resources({key: value for key, value in resources.items() if key != "ColorSpace"})


class _Device(PDFTextDevice):
    """Collects what the interpreter draws."""

    def __init__(self, resources: PDFResourceManager) -> None:
        super().__init__(resources)
        self.number = 0
        self.content = PageContent(0, PageSize(0, 0))
        self._left = self._top = 0.0
        self._bold: dict[str, bool] = {}

    def begin_page(self, page: PDFPage, ctm: Matrix) -> None:
        x0, y0, x1, y1 = apply_matrix_rect(ctm, page.mediabox)
        crop_x0, crop_y0, crop_x1, crop_y1 = apply_matrix_rect(ctm, page.cropbox)
        crop = (max(x0, crop_x0), max(y0, crop_y0), min(x1, crop_x1), min(y1, crop_y1))
        if crop[0] >= crop[2] or crop[1] >= crop[3]:
            crop = (x0, y0, x1, y1)
        self._left, self._top = crop[0], crop[3]
        size = PageSize(round(crop[2] - crop[0], 2), round(crop[3] - crop[1], 2))
        self.content = PageContent(self.number, size)

    def end_page(self, page: PDFPage) -> None:  # noqa: ARG002 - pdfminer's signature, as those below
        page_area = self.content.size.width * self.content.size.height
        self.content.image_share = min(1.0, self.content.image_share / page_area) if page_area else 0.0

    def begin_figure(self, name: str, bbox: Any, matrix: Matrix) -> None:
        """Figures are drawn in place."""

    def end_figure(self, name: str) -> None:
        """See :meth:`begin_figure`."""

    def render_image(self, name: str, stream: Any) -> None:  # noqa: ARG002
        left, bottom, right, top = apply_matrix_rect(self.ctm or (1, 0, 0, 1, 0, 0), (0, 0, 1, 1))
        self.content.image_share += (right - left) * (top - bottom)

    def render_string_horizontal(  # noqa: PLR0917
        self,
        seq: Iterable[float | bytes],
        matrix: Matrix,
        pos: tuple[float, float],
        font: PDFFont,
        fontsize: float,
        scaling: float,
        charspace: float,
        wordspace: float,
        rise: float,
        dxscale: float,
        ncs: PDFColorSpace,
        graphicstate: PDFGraphicState,
    ) -> tuple[float, float]:
        """Draw a line's letters by ISO 32000-1, 9.4.4.

        pdfminer leaves out the letter spacing behind a string's last letter, and where OCR programs set their words
        string by string, all letters that follow on the line stand beside their places.
        """
        x, y = pos
        for part in seq:
            if not isinstance(part, bytes):
                x -= part * dxscale
                continue
            codes = list(font.decode(part))
            self.content.undecoded += 0 if codes else len(part)
            for code in codes:
                place = translate_matrix(matrix, (x, y))
                x += self.render_char(place, font, fontsize, scaling, rise, code, ncs, graphicstate) + charspace
                x += wordspace if code == _SPACE else 0
        return x, y

    def render_char(  # noqa: PLR0917
        self,
        matrix: Matrix,
        font: PDFFont,
        fontsize: float,
        scaling: float,
        rise: float,
        cid: int,
        ncs: PDFColorSpace,  # noqa: ARG002
        graphicstate: PDFGraphicState,  # noqa: ARG002
    ) -> float:
        try:
            text = font.to_unichr(cid)
        except PDFUnicodeNotDefined:
            text = f"(cid:{cid})"
        advance = font.char_width(cid) * fontsize * scaling
        box = self._place(apply_matrix_rect(matrix, _box(font, fontsize, rise, advance, font.char_disp(cid))))
        a, b, c, d = matrix[:4]
        sign = math.copysign(1, fontsize * scaling) if fontsize else 1
        angle = _direction(a * sign, b * sign) if not font.is_vertical() else _direction(c, d)
        size = abs(fontsize) * (math.hypot(c, d) or math.hypot(a, b))
        if self._is_outside(box):
            self.content.outside.append(text)
        else:
            self.content.glyphs[angle].append(Glyph(text, *box, size, self._is_bold(font)))
        return advance

    def _is_outside(self, box: tuple[float, float, float, float]) -> bool:
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        size = self.content.size
        return not (-1 <= x <= size.width + 1 and -1 <= y <= size.height + 1)

    def _is_bold(self, font: PDFFont) -> bool:
        name = str(font.fontname)
        if name not in self._bold:
            self._bold[name] = any(mark in name.lower() for mark in _BOLD) and "medium" not in name.lower()
        return self._bold[name]

    def _place(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        left, bottom, right, top = box
        return left - self._left, self._top - top, right - self._left, self._top - bottom

    def paint_path(
        self,
        graphicstate: PDFGraphicState,  # noqa: ARG002
        stroke: bool,
        fill: bool,
        evenodd: bool,  # noqa: ARG002
        path: Sequence[Any],
    ) -> None:
        if not (stroke or fill) or not path:
            return
        self.content.drawn = True
        if len(self.content.rules) > _MOST_RULES:
            return
        points: list[tuple[float, float]] = []
        for segment in path:
            if segment[0] == "m" and points:
                self._shape(points, stroke=stroke)
                points = []
            if segment[0] == "h":
                points += points[:1]
            elif segment[0] in ("m", "l"):
                points.append(apply_matrix_pt(self.ctm or (1, 0, 0, 1, 0, 0), segment[1:3]))
            else:
                points = []
                break
        self._shape(points, stroke=stroke)

    def _shape(self, points: list[tuple[float, float]], *, stroke: bool) -> None:
        if len(points) < 2:  # noqa: PLR2004
            return
        xs, ys = [x for x, _ in points], [y for _, y in points]
        left, top, right, bottom = self._place((min(xs), min(ys), max(xs), max(ys)))
        if bottom - top < _THIN or right - left < _THIN:
            self._rule(left, top, right, bottom)
            return
        page = self.content.size
        # An area that is filled has edges too, as cells' shades do; one as large as the page is its background.
        if len(points) in (4, 5) and len({round(x, 1) for x in xs}) == len({round(y, 1) for y in ys}) == 2:  # noqa: PLR2004
            if stroke or (right - left) * (bottom - top) < page.width * page.height / 2:
                for edge in ((left, top, right, top), (left, bottom, right, bottom)):
                    self._rule(*edge)
                for edge in ((left, top, left, bottom), (right, top, right, bottom)):
                    self._rule(*edge)
        elif stroke:
            for (x0, y0), (x1, y1) in pairwise(points):
                edge = self._place((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
                if min(edge[2] - edge[0], edge[3] - edge[1]) < _THIN:
                    self._rule(*edge)

    def _rule(self, left: float, top: float, right: float, bottom: float) -> None:
        if right - left >= bottom - top:
            middle = (top + bottom) / 2
            self.content.rules.append(Rule(left, middle, right, middle))
        else:
            middle = (left + right) / 2
            self.content.rules.append(Rule(middle, top, middle, bottom))


def _box(
    font: PDFFont, fontsize: float, rise: float, advance: float, displacement: Any
) -> tuple[float, float, float, float]:
    """A glyph's box in text space."""
    if font.is_vertical() and isinstance(displacement, tuple):
        vx, vy = displacement
        left = -(fontsize * 0.5 if vx is None else vx * fontsize * 0.001)
        top = (1000 - vy) * fontsize * 0.001 + rise
        return (left, top + advance, left + fontsize, top)
    descent = float(font.get_descent())
    # Fonts that don't say, or say nonsense.
    descent = (descent if _DEEPEST_DESCENT <= descent < 0 else _DEFAULT_DESCENT) * fontsize + rise
    return (0, descent, advance, descent + fontsize)


def _direction(a: float, b: float) -> int:
    degrees = math.degrees(math.atan2(b, a)) % 360
    nearest = round(degrees / 90) * 90
    return nearest % 360 if abs(degrees - nearest) <= _OFF_AXIS_DEGREES else DIAGONAL
