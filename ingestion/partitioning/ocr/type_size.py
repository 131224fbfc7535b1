"""Size and weight of type on a scan, line by line, against what most of the page is set in.

A word's box is as tall as the letters in it: "acorn" is lower than "apply" in the same type. So words are compared with
those of the page that rise and descend as they do, and the strokes of their letters with the page's usual stroke.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingestion.partitioning.pdf.lines import TextLine, Word

_DESCENDING = frozenset("gjpqyç,;()[]{}|/$друфцщ")
_LOW = frozenset("acegmnopqrsuvwxyzç,.;:-–—_~=+*авгджзиклмнопрстухцчшщъыьэюя")
"""Letters and signs that don't rise above an x, of Latin and Cyrillic; all others count as rising."""
_LEAST_WORDS = 25
"""Words of a page below which it doesn't say what its usual type is."""
_LEAST_ALIKE = 5
_EVEN = 0.1
_LEAST_EVEN = 0.7
"""Share of a page's words that are within 10 % of the usual height: photographs and handwriting stay below it."""
LARGER = 1.12
"""How much larger than the body's a line's type must be to be another one: noise stays below 1.09 at 200 dpi."""
_HEAVIER = 1.18
"""How much heavier strokes are in bold, its size aside: at least 1.22, while a line of the text stays below 1.1."""
_HEAVIER_ALONE = 1.3
"""The same for a single word, whose letters need not have the usual strokes: those of a z are longer."""
_THIN = 0.84
"""How thick the strokes of larger type are at least, its size aside: 0.9 where it has the weight of the text."""
_SURELY_LARGER = 1.8
_SAME = 0.07
"""Sizes nearer than this to each other are one: headings of one level."""
_STROKES = 0.8
"""Share of the runs of ink, the shortest first, that are strokes; longer ones run along a letter's bars."""

Shape = tuple[bool, bool]
Pixels = NDArray[np.uint8]
"""A grey image: rows of pixels, 0 is black."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A word's height in points, and the mean thickness of its strokes along its rows in pixels."""

    shape: Shape
    height: float
    stroke: float


def settle_type(lines: Sequence[TextLine], body: float, image: Pixels, scale: float) -> bool:
    """Give lines their size of type, and say which are bold; False, and nothing is changed, if the page is too uneven.

    Args:
        body: size of the page's usual type, in points.
        image: that the lines were read from, grey on whatever paper.
        scale: points to the pixel.
    """
    usual = _usual_heights(word for line in lines for word in line.words)
    seen = [[_seen(word, image, scale) for word in line.words if _has_letters(word)] for line in lines]
    known = [word for words in seen for word in words if word.shape in usual]
    even = sum(abs(word.height / usual[word.shape] - 1) <= _EVEN for word in known)
    if len(known) < _LEAST_WORDS or even < _LEAST_EVEN * len(known):
        return False
    stroke = statistics.median(word.stroke for word in known)
    measured = [_measured(words, usual, stroke) for words in seen]
    sizes = _clustered([told[0] for told in measured if told is not None and told[0] >= LARGER])
    for line, told in zip(lines, measured, strict=True):
        if told is not None:
            ratio, line.bold = told
            line.size = round(body * sizes.get(ratio, 1.0 if ratio > 1 / LARGER else ratio) * 2) / 2
    return True


def _shape(text: str) -> Shape:
    """Whether a word rises above an x, and whether it descends below the line."""
    return any(letter not in _LOW for letter in text), any(letter in _DESCENDING for letter in text)


def _has_letters(word: Word) -> bool:
    return any(letter.isalnum() for letter in word.text)


def _usual_heights(words: Iterable[Word]) -> dict[Shape, float]:
    """The height that most words of each shape have, in points."""
    heights: dict[Shape, list[float]] = defaultdict(list)
    for word in words:
        if _has_letters(word):
            heights[_shape(word.text)].append(word.bottom - word.top)
    return {shape: statistics.median(found) for shape, found in heights.items() if len(found) >= _LEAST_ALIKE}


def _measured(words: Sequence[_Seen], usual: dict[Shape, float], stroke: float) -> tuple[float, bool] | None:
    """How much larger than the page's usual type a line's is, and whether it is bold; None if no word tells."""
    found = [word.height / usual[word.shape] for word in words if word.shape in usual]
    if not found:
        return None
    ratio = statistics.median(found)
    weight = statistics.median(word.stroke for word in words) / stroke / ratio if stroke else 1.0
    if LARGER <= ratio < _SURELY_LARGER and weight < _THIN:
        return 1.0, False  # Tesseract draws some boxes taller than their words
    return ratio, weight >= (_HEAVIER if len(words) > 1 else _HEAVIER_ALONE)


def _clustered(ratios: Sequence[float]) -> dict[float, float]:
    """For each of these sizes the one that it is meant to be: those near each other are one size."""
    meant: dict[float, float] = {}
    group: list[float] = []
    for ratio in [*sorted(ratios), float("inf")]:
        if group and ratio > group[-1] * (1 + _SAME):
            meant.update(dict.fromkeys(group, statistics.median(group)))
            group = []
        group.append(ratio)
    return meant


def _seen(word: Word, image: Pixels, scale: float) -> _Seen:
    left, top, right, bottom = (round(edge / scale) for edge in (word.left, word.top, word.right, word.bottom))
    return _Seen(_shape(word.text), word.bottom - word.top, _stroke(image[top:bottom, left:right]))


def _stroke(box: Pixels) -> float:
    """The mean length of the shorter runs of ink along the rows of a box; 0 without ink."""
    if not box.size:
        return 0.0
    dark, light = np.quantile(box, (0.05, 0.95))
    ink = np.pad((box < (dark + light) / 2).astype(np.int8), ((0, 0), (1, 1)))
    edges = np.diff(ink, axis=1).ravel()
    runs = np.sort(np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0))
    return float(runs[: max(int(len(runs) * _STROKES), 1)].mean()) if runs.size else 0.0
