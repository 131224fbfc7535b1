"""Reading images by Tesseract, word by word with boxes, whichever way up the sheet lay."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise

import numpy as np

from ingestion.partitioning.ocr.type_size import Pixels, settle_type
from ingestion.partitioning.pdf.lines import TextLine, Word, clean_word, with_markers
from ingestion.partitioning.sandbox.programs import TESSERACT

DPI = 300
"""What Tesseract reads best; its authors advise at least this (tesseract-ocr.github.io/tessdoc/ImproveQuality)."""
POINTS = 72
"""Points to the inch."""
MOST_PIXELS = 40_000_000
"""Above this an image is scaled down before it is read."""
NO_TIME = "no time is left (raise parsing.ocr_timeout_s)"
_ANSWERS_S = 60
_WORD_LEVEL = "5"
_INK = 0.92
"""Height of a line's ink over that of its type, where it has letters that rise and letters that descend."""
_LIKE_BODY = (0.65, 1.45)
_SURE = 70.0
_RULES = "|_"
_NOISE = 30.0
_PIECE_GAP = 1.2
"""Gap, in heights of type, that parts the cells of a row."""
_BULLET = "\u2022"
_BULLET_LIKE = {**dict.fromkeys("\u00a2\u00a9\u00ae\u00b0\u00ab\u00bb*\u2022", 0.75), **dict.fromkeys("eoO0.", 0.4)}
"""What bullets are read as, and how tall one is at most, in heights of type: letters themselves are taller."""
_TURNS = (90, 180, 270)
_SHORTEST_TELLING = 3
"""Letters of a word that must be wider than tall if it stands upright."""
_LOCAL_THRESHOLD = ("-c", "thresholding_method=2")
"""What is ink is decided from what is around it (Sauvola): one threshold for a page makes shaded cells all black."""
_OSD = "osd"
_ROTATE = re.compile(r"^Rotate: (0|90|180|270)$", re.MULTILINE)


class OcrUnavailable(Exception):
    """Tesseract, or a language that it is asked for, isn't installed; the message says what to install."""


class OcrFailed(Exception):
    """Tesseract could not read this page."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What an image says.

    Attributes:
        lines: in points from the top left corner of the image, once that is turned so that its text stands upright.
        confidence: how sure Tesseract is of its words, on average, in percent.
        direction: in which the text is read on the image as it was given, in degrees against the clock: 0, 90, 180
            or 270.
    """

    lines: list[TextLine]
    confidence: float
    direction: int = 0

    @property
    def is_sure(self) -> bool:
        """Whether the text is to be trusted; where not, most pages are handwriting, or pictures of something else."""
        return self.confidence >= _SURE

    @property
    def stands(self) -> bool:
        """Whether its words are wider than they are tall: Tesseract also reads some text that runs down the page."""
        telling = [word for line in self.lines for word in line.words if len(word.text) >= _SHORTEST_TELLING]
        upright = sum(word.right - word.left > word.bottom - word.top for word in telling)
        return upright * 2 >= len(telling)

    @property
    def score(self) -> float:
        """How much was read and how surely, to compare turns of an image by."""
        letters = sum(len(word.text) for line in self.lines for word in line.words)
        return letters * self.confidence * (1 if self.stands else 0.5)


@lru_cache(maxsize=4)
def _installed(command: str) -> frozenset[str]:
    try:
        listed = subprocess.run([command, "--list-langs"], capture_output=True, check=False, timeout=_ANSWERS_S)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise OcrUnavailable(f"Tesseract does not say its languages within {_ANSWERS_S} s") from None
    return frozenset(listed.stdout.decode("utf-8", "replace").split())


def check_languages(wanted: tuple[str, ...]) -> str:
    """Tesseract's name for these languages together.

    Raises:
        OcrUnavailable: Tesseract or one of them isn't installed.
    """
    command = TESSERACT.path()
    if command is None:
        raise OcrUnavailable(f"Tesseract is not installed ({TESSERACT.packages['apt']})")
    installed = _installed(command)
    missing = [language for language in wanted if language not in installed]
    if missing:
        packages = " ".join(f"tesseract-ocr-{language.replace('_', '-').lower()}" for language in missing)
        raise OcrUnavailable(
            f"Tesseract has no language {', '.join(missing)} (parsing.ocr_languages; apt-get install {packages})"
        )
    return "+".join(wanted)


def recognise(image: Pixels, dpi: float, languages: tuple[str, ...], deadline: float) -> Recognised:
    """Read an image, turned upright first where its text isn't.

    Most pages stand upright, so they are read as they are; only where Tesseract isn't sure of its words, or they run
    down the page, is it asked how the page lies (its "osd" data), and the page read again. Without that data, or on a
    page with too few letters for it, all turns are tried, and the one that gives most text wins.

    Args:
        deadline: by the monotonic clock, for all of it.

    Raises:
        OcrUnavailable: Tesseract or a language isn't installed.
        OcrFailed: it fails on this image, or the deadline is over.
    """
    read = [_read(image, 0, dpi, languages, deadline)]
    if read[0].lines and read[0].is_sure and read[0].stands:
        return read[0]
    known = _orientation(image, dpi, deadline)
    # A picture without a letter is not worth three more looks.
    unknown = _TURNS if read[0].lines else ()
    for direction in unknown if known is None else filter(None, (known,)):
        # A turn that fails, or that no time is left for, leaves what is read already.
        with contextlib.suppress(OcrFailed):
            read.append(_read(image, direction, dpi, languages, deadline))
    return max(read, key=lambda one: one.score)


def _orientation(image: Pixels, dpi: float, deadline: float) -> int | None:
    """The direction in which an image's text is read, as Tesseract detects it; None where it can't."""
    if _OSD not in _installed(TESSERACT.path() or "tesseract"):
        return None
    try:
        found = _ROTATE.search(_run(image, ["--psm", "0", "--dpi", str(round(dpi))], deadline))
    except OcrFailed:  # as it does on a page of few letters
        return None
    return int(found[1]) if found else None


def _read(image: Pixels, direction: int, dpi: float, languages: tuple[str, ...], deadline: float) -> Recognised:
    """Read an image whose text runs in a direction."""
    upright = np.rot90(image, -direction // 90)
    options = ["-l", check_languages(languages), "--dpi", str(round(dpi)), *_LOCAL_THRESHOLD, "tsv"]
    printed = _run(upright, options, deadline)
    rows = csv.DictReader(io.StringIO(printed), delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [row for row in rows if row["level"] == _WORD_LEVEL and _is_text(row)]
    lines = list(_lines(words, POINTS / dpi))
    body = _settle_sizes(lines)
    settle_type(lines, body, upright, POINTS / dpi)
    for line in lines:
        _settle_bullet(line)
    lines = with_markers(lines)
    sure = statistics.fmean(float(row["conf"]) for row in words) if words else 100.0
    return Recognised(lines, sure, direction)


def _run(image: Pixels, options: Sequence[str], deadline: float) -> str:
    """What Tesseract prints of an image.

    Raises:
        OcrFailed: as :func:`recognise` says.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise OcrFailed(NO_TIME)
    height, width = image.shape
    portable = f"P5 {width} {height} 255\n".encode() + image.tobytes()
    # Its own threads gain nothing on one page, and take cores from the parser's other children.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    command = [TESSERACT.path() or "tesseract", "stdin", "stdout", *options]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=portable, capture_output=True, check=False, timeout=left, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise OcrFailed("it takes too long (raise parsing.ocr_timeout_s)") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
        raise OcrFailed(said or f"Tesseract ended with {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def _is_text(row: dict[str, str]) -> bool:
    text = clean_word(row["text"] or "").strip().strip(_RULES)
    # Ruling lines are read as bars; specks of dust as points and dashes, but Tesseract isn't sure of those.
    return bool(text) and (float(row["conf"]) >= _NOISE or any(letter.isalnum() for letter in text))


def _lines(rows: Sequence[dict[str, str]], scale: float) -> Iterator[TextLine]:
    for _, group in groupby(rows, key=lambda row: (row["block_num"], row["par_num"], row["line_num"])):
        words = []
        for row in group:
            left, top, width, height = (int(row[key]) * scale for key in ("left", "top", "width", "height"))
            words.append(Word("".join(clean_word(row["text"]).split()), left, top, left + width, top + height))
        heights = sorted(word.bottom - word.top for word in words)
        size = heights[len(heights) * 3 // 4] / _INK
        piece = words[:1]
        for before, word in pairwise(words):
            if word.left - before.right > _PIECE_GAP * size:
                yield TextLine(piece, size, False)
                piece = []
            piece.append(word)
        yield TextLine(piece, size, False)


def _settle_sizes(lines: Sequence[TextLine]) -> float:
    """Give lines of about the same height the same size of type; the size that most words have."""
    if not lines:
        return 0.0
    body = statistics.median_low([line.size for line in lines for _ in line.words])
    least, most = _LIKE_BODY
    for line in lines:
        # A line of a bullet alone is no taller than that.
        like_body = least * body <= line.size <= most * body or line.text in _BULLET_LIKE
        line.size = round((body if like_body else line.size) * 2) / 2
    return round(body * 2) / 2


def _settle_bullet(line: TextLine) -> None:
    """Call a list's bullet one at the start of a line, where Tesseract takes it for the letter most like it."""
    first = line.words[0]
    most = _BULLET_LIKE.get(first.text)
    if most is not None and first.bottom - first.top <= most * line.size:
        first.text = _BULLET
