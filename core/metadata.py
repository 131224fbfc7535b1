"""What is known about a document besides its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """A document's filterable facts. None (or no tags) means not known; nothing is guessed.

    Attributes:
        title: what a citation shows.
        document_type: the format family, by the file's contents: ``markdown``, ``html``, ``pdf``, ``docx``, ...
        department: the part of the company it belongs to.
        owner: who answers for it.
        tags: free labels, lower case, sorted.
        created: when it was written; time zone aware.
        modified: when it last changed; time zone aware.
        language: ISO 639-1 code.
    """

    title: str = ""
    document_type: str | None = None
    department: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    created: datetime | None = None
    modified: datetime | None = None
    language: str | None = None
