"""Takes links and addresses out of an answer that no source has.

A document can talk a model into writing a link that carries what it has read to somebody else, once it is followed or
loaded. Whatever the model was talked into: only what stands in a source gets through, to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

REMOVED = "(…)"
"""No longer than any link: an answer doesn't grow by what is taken out of it."""
_HELD = "".join(map(chr, range(ord("!"), ord("~") + 1)))
"""What may go on in the next piece: a link is of printable ASCII, without a blank."""
_LONGEST = 2000
_IN = r"[^\s<>\"'`\[\](){}|\\^]"
_LINK = re.compile(
    rf"(?:(?<![\w+.-])(?:https?|ftps?|wss?|file|data|javascript|vbscript|blob|mailto|tel|ssh|smb):{_IN}*"
    rf"|(?<![\w:/])//(?=\w){_IN}+"  # without a scheme
    rf"|(?<!\w)www\.{_IN}+"
    rf"|(?<![\w@.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # of e-mail
    rf"|(?<![\w@.-])(?:[\w-]+\.)+[a-z]{{2,}}(?::\d+)?[/?#]{_IN}*)",  # a host with a path
    re.IGNORECASE | re.ASCII,
)
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

    def feed(self, text: str) -> str:
        """What can be told of the answer after this piece."""
        text = self._held + text
        tail = text[-_LONGEST:]
        self._held = tail[len(tail.rstrip(_HELD)) :]
        return self._checked(text[: len(text) - len(self._held)])

    def finish(self) -> str:
        """What was held back. Call once, at the end."""
        text, self._held = self._held, ""
        return self._checked(text)

    def _checked(self, text: str) -> str:
        return _LINK.sub(self._replaced, text)

    def _replaced(self, match: re.Match[str]) -> str:
        link = match.group()
        bare = link.rstrip(_AFTER)
        if _normal(bare) in self._known:
            return link
        self.removed += 1
        return REMOVED + link[len(bare) :]


def _links(text: str) -> list[str]:
    return [_normal(match.group().rstrip(_AFTER)) for match in _LINK.finditer(text)]


def _beginnings(link: str) -> Iterable[str]:
    yield link
    for place in re.finditer(r"(?<![:/])[/?#]", link):
        yield link[: place.start()]


def _normal(link: str) -> str:
    return link.casefold().rstrip("/")
