"""A link in a document's text: the words that it stands on, and where it leads."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

LONGEST_TARGET = 2000
_EXTERNAL = re.compile(r"(?:https?://[^/?#]|mailto:.)", re.IGNORECASE)
_SCHEME = re.compile(r"[^/?#]*:")
_NEVER = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\\"<>`]")
"""Browsers leave some of these out of an address, and then read another scheme than was written."""


@dataclass(frozen=True, slots=True)
class Link:
    """``text[start:end]`` leads to ``target``: an address of a safe scheme, or a path relative to its document."""

    start: int
    end: int
    target: str

    def moved(self, offset: int) -> Link:
        """The same link of a text in which it begins ``offset`` characters later."""
        return replace(self, start=self.start + offset, end=self.end + offset)

    def packed(self) -> list[Any]:
        """As a list for JSON, the inverse of ``Link(*values)``."""
        return [self.start, self.end, self.target]


def is_external(target: str) -> bool:
    """Whether it leads out by ``http``, ``https`` or ``mailto``; everything else with a scheme is never followed."""
    return len(target) <= LONGEST_TARGET and not _NEVER.search(target) and _EXTERNAL.match(target) is not None


def is_relative(target: str) -> bool:
    """Whether it is a path to another document of the same source; not one to another host, or within a document."""
    return (
        0 < len(target) <= LONGEST_TARGET
        and not target.startswith(("#", "?", "//"))
        and not _NEVER.search(target)
        and _SCHEME.match(target) is None
    )
