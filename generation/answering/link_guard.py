"""Takes links and addresses out of an answer that no source has.

A document can talk a model into writing a link that carries what it has read to somebody else, once it is followed or
loaded. Whatever the model was talked into: only what stands in a source gets through, to the letter.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import NamedTuple


class Piece(NamedTuple):
    """``taken`` characters of the text have become ``text``."""

    taken: int
    text: str


REMOVED = "(…)"
"""No longer than any link: an answer doesn't grow by what is taken out of it."""
_RUN = re.compile("[!-~]+")
"""A link is of printable ASCII, without a blank: what ends the text so far may go on in the next piece."""
_HELD = "".join(map(chr, range(ord("!"), ord("~") + 1)))
_LONGEST = 2000
"""Characters without a blank. Prose has no such run, and a link could hide in one of any length: it goes as a whole."""
_IN = r"[^\s<>\"'`\[\](){}|\\^]"
_LINK = re.compile(
    rf"(?:(?<![\w+.-])(?:https?|ftps?|wss?|file|data|javascript|vbscript|blob|mailto|tel|sms|ssh|smb):{_IN}*"
    rf"|(?<![\w+.-])[a-z][a-z0-9+.-]{{1,30}}://{_IN}*"  # of whatever program takes it
    rf"|(?<![\w:/])//(?=\w){_IN}+"  # without a scheme
    rf"|(?<!\w)www\.{_IN}+"
    rf"|(?<![\w@.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # of e-mail
    rf"|(?<![\w@.-])(?:[\w-]+\.)+[a-z]{{2,}}(?::\d+)?[/?#]{_IN}*"  # a host with a path
    rf"|(?<![\w@.-])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d+)?[/?#]{_IN}*"
    rf"|\\\\[\w-]+(?:\.[\w-]+)+(?:\\[^\s()<>\[\]\"']*)?"  # of a share
    rf"|(?<![\w@./-])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}\.[a-z]{{2,24}}(?![\w-]))",  # a host's name can tell much
    re.IGNORECASE | re.ASCII,
)
_HIDDEN = re.compile(
    r"&(?:amp;|#0{0,5}38;|#x0{0,4}26;){0,8}(?:#\d{1,7}|#x[0-9a-f]{1,6}|colon|sol|period|commat|quest|num|bsol);?"
    r"|\\(?=[:/@.])",
    re.IGNORECASE,
)
"""Character references and escapes: Markdown and HTML read through them, and so must who looks for links."""
_MEANT = re.compile(r"[\w:/.@?#%&=+~-]", re.ASCII)
_AFTER = ".,;:!?*_~"
"""Ends a sentence or an emphasis rather than a link."""


class LinkGuard:
    """Feed it the answer's pieces in order, then call :meth:`finish`.

    Args:
        sources: the texts whose links may be written, or the beginning of one up to a ``/``, ``?`` or ``#``.

    Attributes:
        removed: how many links were taken out.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        self.removed = 0
        self._known: set[str] = set()
        for text in sources:
            for link in _links(text):
                self._known.update(_beginnings(link))
        self._held = ""
        self._dropping = False

    def feed(self, text: str) -> str:
        """What can be told of the answer after this piece."""
        return "".join(piece.text for piece in self.pieces(text))

    def finish(self) -> str:
        """What was held back. Call once, at the end."""
        return "".join(piece.text for piece in self.pieces("", last=True))

    def pieces(self, text: str, *, last: bool = False) -> list[Piece]:
        """As :meth:`feed`, and with ``last`` as :meth:`finish`, with what each part of the text has become."""
        text = self._held + text
        pieces: list[Piece] = []
        at = 0
        if self._dropping and text:
            run = _RUN.match(text)
            at = run.end() if run else 0
            self._dropping = at == len(text)
            pieces.append(Piece(at, ""))
        held = at + len(text[at:].rstrip(_HELD)) if not last else len(text)
        if len(text) - held > _LONGEST:
            self._dropping, self._held = True, ""
            end = len(text)
        else:
            self._held, end = text[held:], held
        for run in _RUN.finditer(text, at, end):
            pieces += [Piece(run.start() - at, text[at : run.start()]), self._checked(run.group())]
            at = run.end()
        pieces.append(Piece(end - at, text[at:end]))
        return [piece for piece in pieces if piece.taken]

    def _checked(self, run: str) -> Piece:
        if len(run) > _LONGEST:
            self.removed += 1
            return Piece(len(run), REMOVED)
        meant = _HIDDEN.sub(_read, run)
        checked = _LINK.sub(self._replaced, meant)
        return Piece(len(run), run if checked == meant else checked)

    def _replaced(self, match: re.Match[str]) -> str:
        link = match.group()
        bare = link.rstrip(_AFTER)
        if _normal(bare) in self._known:
            return link
        self.removed += 1
        return REMOVED + link[len(bare) :]


def _read(hidden: re.Match[str]) -> str:
    """What a client reads; the reference itself where that can't be a part of a link."""
    text = hidden.group()
    if text == "\\":
        return ""
    for _ in range(10):
        text = html.unescape(text if text.endswith(";") else text + ";")
        if not text.startswith("&"):
            break
    return text if _MEANT.fullmatch(text) else hidden.group()


def _links(text: str) -> list[str]:
    return [_normal(match.group().rstrip(_AFTER)) for match in _LINK.finditer(text)]


def _beginnings(link: str) -> Iterable[str]:
    yield link
    for place in re.finditer(r"(?<![:/])[/?#]", link):
        yield link[: place.start()]


def _normal(link: str) -> str:
    return link.casefold().rstrip("/")
