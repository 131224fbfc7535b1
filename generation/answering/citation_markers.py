"""Takes citation markers out of a model's stream while it runs.

A marker is ``[1]`` or ``[1, 2]``; several may follow one another. Everything else in brackets is text, and so is
what stands in code. Reading goes character by character, so that where the stream was cut can't matter, and each
character is looked at once or twice, so that time grows with the length of the answer and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

MAX_MARKER = 40
"""The longest marker, in characters, its leading space included: never more than that is held back."""

_DIGITS = frozenset("0123456789")
_IN_MARKER = _DIGITS | {",", " "}
_ENDS = frozenset(".!?。！？…")
_CLOSERS = frozenset("\"'”’)]*_»")
_NOT_OPENING = frozenset(" \t\r\n-*•#>,;:") | _ENDS | _CLOSERS
"""A full stop after a marker belongs to what was cited: none of these begins a new claim."""
_ABBREVIATIONS = frozenset(
    {"e.g", "i.e", "mr", "mrs", "ms", "dr", "vs", "no", "approx", "inc", "ltd", "st", "cf", "fig"}
)
_FENCE = 3


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Text of the answer, free of markers."""

    text: str


@dataclass(frozen=True, slots=True)
class CitedSpan:
    """A source cited for ``claim``, which is the answer's ``[start:end]``: the sentence or clause before the marker."""

    number: int
    start: int
    end: int
    claim: str


Piece = TextPiece | CitedSpan


class CitationParser:
    """Feed it the stream's pieces in order, then call :meth:`finish`.

    Attributes:
        dropped: how many citations named a source that wasn't given.
    """

    def __init__(self, known: Collection[int]) -> None:
        self.dropped = 0
        self._known = frozenset(known)
        self._pending = ""
        self._out: list[str] = []
        self._pieces: list[Piece] = []
        self._claims = _Claims()
        self._code = _Code()

    def feed(self, text: str) -> list[Piece]:
        """What can be told of the answer after this piece of the stream."""
        for character in text:
            self._read(character)
        return self._take()

    def finish(self) -> list[Piece]:
        """What was held back. Call once, at the end of the stream."""
        self._emit(self._pending)
        self._pending = ""
        return self._take()

    def _take(self) -> list[Piece]:
        self._flush()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _read(self, character: str) -> None:
        inside = "[" in self._pending
        if inside and character in _IN_MARKER and len(self._pending) < MAX_MARKER - 1:
            self._pending += character
        elif inside and character == "]":
            self._close()
        elif character == "[" and not self._code.is_open():
            if inside:
                self._release()
            self._pending += character
        else:
            self._release()
            if character == " ":
                self._pending = character
            else:
                self._emit(character)

    def _release(self) -> None:
        self._emit(self._pending)
        self._pending = ""

    def _close(self) -> None:
        numbers = _numbers(self._pending.lstrip(" ")[1:])
        if numbers is None:
            self._pending += "]"
            self._release()
            return
        self._pending = ""
        self._flush()
        for number in numbers:
            if number not in self._known:
                self.dropped += 1
                continue
            span = self._claims.cite(number)
            if span is not None:
                self._pieces.append(span)

    def _emit(self, text: str) -> None:
        for character in text:
            self._claims.read(character)
            self._code.read(character)
        if text:
            self._out.append(text)

    def _flush(self) -> None:
        if self._out:
            self._pieces.append(TextPiece("".join(self._out)))
            self._out = []


def _numbers(inside: str) -> list[int] | None:
    """The numbers of a marker, or None when it isn't one."""
    parts = [part.strip() for part in inside.split(",")]
    if not all(part and _DIGITS.issuperset(part) for part in parts):
        return None
    return [int(part) for part in parts]


class _Claims:
    """Knows where the sentence or clause before a marker begins and ends."""

    def __init__(self) -> None:
        self._position = 0
        self._start = 0
        self._end = 0
        self._text: list[str] = []
        self._last: tuple[int, int, str] | None = None
        self._cited: set[int] = set()
        self._blank = True

    def read(self, character: str) -> None:
        boundary = character == "\n" or (character.isspace() and self._ended())
        if self._blank and character not in _NOT_OPENING:
            self._blank, self._start, self._text, self._last = False, self._position, [], None
            self._cited = set()
        if not self._blank:
            self._text.append(character)
            if not character.isspace():
                self._end = self._position + 1
        self._position += 1
        if boundary and not self._blank:
            self._settle()

    def cite(self, number: int) -> CitedSpan | None:
        """The span that a marker here supports; None when there is nothing, or this source has it already."""
        if not self._blank:
            self._settle()
        if self._last is None or number in self._cited:
            return None
        self._cited.add(number)
        start, end, claim = self._last
        return CitedSpan(number, start, end, claim)

    def _settle(self) -> None:
        claim = "".join(self._text[: self._end - self._start])
        self._last = (self._start, self._end, claim)
        self._blank = True

    def _ended(self) -> bool:
        """Whether the text so far ends a sentence."""
        if self._blank:
            return False
        return sentence_ended("".join(self._text[-12:]))


def opens_claim(character: str) -> bool:
    """Whether a new sentence can begin with it: what may follow a full stop and a marker can't."""
    return character not in _NOT_OPENING


def sentence_ended(tail: str) -> bool:
    """Whether a text that ends so ends a sentence; a dozen characters are enough to tell."""
    tail = tail.rstrip("".join(_CLOSERS))
    if not tail or tail[-1] not in _ENDS:
        return False
    word = tail[:-1].split(" ")[-1].lstrip("(\"'").casefold()
    return tail[-1] != "." or (word not in _ABBREVIATIONS and not (len(word) == 1 and word.isalpha()))


class _Code:
    """Knows whether the text so far leaves a code span or a code block open."""

    def __init__(self) -> None:
        self._run = 0
        self._span = False
        self._block = False

    def is_open(self) -> bool:
        self._settle()
        return self._block or self._span

    def read(self, character: str) -> None:
        if character == "`":
            self._run += 1
            return
        self._settle()
        if character == "\n":
            self._span = False

    def _settle(self) -> None:
        if self._run >= _FENCE:
            self._block, self._span = not self._block, False
        elif self._run and not self._block:
            self._span = not self._span
        self._run = 0
