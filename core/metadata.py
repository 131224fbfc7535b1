"""What is known about a document besides its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """A document's filterable facts. None (or no tags) means not known; nothing is guessed.

    Attributes:
        title: what a citation shows.
        document_type: the format family, by the file's contents: ``markdown``, ``html``, ``pdf``, ``docx``, ...
        department: the part of the company it belongs to.
        author: who wrote it.
        owner: who answers for it.
        tags: free labels, lower case, sorted.
        created: when it was written; time zone aware.
        modified: when it last changed; time zone aware.
        language: ISO 639-1 code.
        origins: where each fact comes from, by its name: ``properties``, ``front matter``, ``first heading``, ``file
            name``, ``rule finance/**``, ... Two that differ only in this are equal.
    """

    title: str = ""
    document_type: str | None = None
    department: str | None = None
    author: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    created: datetime | None = None
    modified: datetime | None = None
    language: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def known(self) -> dict[str, Any]:
        """The facts that are known, by name."""
        names = (one.name for one in fields(self) if one.name != "origins")
        return {name: value for name in names if (value := getattr(self, name))}

    def over(self, below: Metadata) -> Metadata:
        """These facts, with what they don't know taken from those below; each keeps its origin."""
        known = self.known()
        origins = {name: origin for name, origin in below.origins.items() if name not in known}
        return replace(below, **known, origins={**origins, **self.origins})

    def coming_from(self, origin: str) -> Metadata:
        """The same facts, all of them with this origin."""
        return replace(self, origins=dict.fromkeys(self.known(), origin))
