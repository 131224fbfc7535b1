"""The ids of a stream's events: whose stream, and the how manieth."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import InvalidHeader

_FORM = re.compile(r"([0-9a-f]{32})\.([0-9]{1,7})", re.ASCII)


@dataclass(frozen=True, slots=True)
class EventId:
    """An event of an answer's stream; number 0 stands before the first one."""

    answer: str
    number: int = 0

    @classmethod
    def read(cls, header: str) -> EventId:
        """Read what a ``Last-Event-ID`` header holds.

        Raises:
            InvalidHeader: it is no id that Footnote gives.
        """
        found = _FORM.fullmatch(header.strip())
        if found is None:
            raise InvalidHeader("Last-Event-ID isn't the id of an event of an answer. Leave it out to ask anew.")
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        """As it stands in the stream."""
        return f"{self.answer}.{self.number}"

    def unknown(self) -> InvalidHeader:
        """What is said of an event that its answer doesn't have."""
        return InvalidHeader(f"Last-Event-ID names event {self.number}, which this answer doesn't have.")
