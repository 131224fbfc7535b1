"""Where the links of HTML stand in the text that is read from it.

The parser gives the words of links and not their places, and the words of a link can stand before it too. So marks are
put around them in the HTML, which come through the parser as text does, and are taken out of what it gives. The marks
are noncharacters of Unicode, which no text holds; one that does keeps its text and loses its links.
"""

from __future__ import annotations

import re
from html import unescape

from core.link import Link, is_external, is_relative

_OPEN, _CLOSE, _ZERO = "\ufdd0", "\ufdd1", 0xFDD2
_ANY = re.compile("[\ufdd0-\ufddb]")
_MARK = re.compile("\ufdd0([\ufdd2-\ufddb]+)\ufdd1|\ufdd1")
_TAG = re.compile(
    r"<a(?=[\s/])(?P<attributes>(?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+')*+)>\s*+|</a\s*+>",
    re.IGNORECASE,
)
"""No part of it goes past the next ``<``, nor does it begin with blanks: broken HTML costs no more."""
_HREF = re.compile(r"(?:^|[\s\"'])href\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
MOST = 20_000
"""Links of one document."""


class Marks:
    """The links of one document: put marks into its HTML, then take them out of each piece of its text."""

    def __init__(self) -> None:
        self._targets: list[str] = []

    def put(self, html: str) -> str:
        """The HTML with marks around the words of links that may be followed."""
        if _ANY.search(html):
            return html
        pieces, at, begun = [], 0, False
        for tag in _TAG.finditer(html):
            before = html[at : tag.start()]
            if tag["attributes"] is not None:
                mark = self._mark(tag["attributes"])
                pieces += [before, tag[0], mark]
                begun = bool(mark)
            elif begun:
                words = before.rstrip()
                pieces += [words, _CLOSE, before[len(words) :], tag[0]]
                begun = False
            else:
                pieces += [before, tag[0]]
            at = tag.end()
        return "".join((*pieces, html[at:]))

    def _mark(self, attributes: str) -> str:
        """What opens a link of these attributes; empty where it may not be followed."""
        found = _HREF.search(attributes)
        target = unescape(next(filter(None, found.groups()), "")).strip().replace(" ", "%20") if found else ""
        if len(self._targets) == MOST or not (is_external(target) or is_relative(target)):
            return ""
        self._targets.append(target)
        return _OPEN + "".join(chr(_ZERO + int(digit)) for digit in str(len(self._targets) - 1)) + _CLOSE

    def take(self, text: str, *, blanks: bool = False) -> tuple[str, tuple[Link, ...]]:
        """The text as it is without marks, and its links.

        Args:
            blanks: several blanks in a row mean something, as in code. Elsewhere the parser leaves one of them, but
                where a mark stands between.
        """
        if not _ANY.search(text):
            return text, ()
        pieces: list[str] = []
        spans: list[tuple[int, int, int]] = []
        length, begun, at = 0, None, 0
        for mark in (*_MARK.finditer(text), None):
            piece = text[at : mark.start() if mark else len(text)]
            if not blanks and piece[:1].isspace() and (not pieces or pieces[-1][-1:].isspace()):
                piece = piece[1:]
            if piece:
                pieces.append(piece)
                length += len(piece)
            if begun is not None and (mark is None or not mark[1]):
                spans.append((*begun, length))
                begun = None
            if mark is not None:
                at = mark.end()
                begun = (_number(mark[1]), length) if mark[1] else begun
        bare = "".join(pieces)
        links = (self._link(bare, number, start, end) for number, start, end in spans)
        return bare, tuple(link for link in links if link.start < link.end)

    def _link(self, text: str, number: int, start: int, end: int) -> Link:
        """Without the blanks at its ends."""
        words = text[start:end]
        return Link(start + len(words) - len(words.lstrip()), start + len(words.rstrip()), self._targets[number])


def _number(digits: str) -> int:
    return int("".join(str(ord(digit) - _ZERO) for digit in digits))
