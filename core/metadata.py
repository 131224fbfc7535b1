"""What is known about a document besides its text.

A fact is defined here and nowhere else: a field of :class:`Metadata` with its kind. Both indexes, the catalog, filters
and sidecars take its name, and how it is kept, from :data:`FACTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Self


class FactKind(Enum):
    """What a fact's value is: that decides how it is stored, filtered and read back."""

    WORDS = "words"
    """Text that is searched; empty where it isn't known."""
    TERM = "term"
    """One label, matched whole; None where it isn't known."""
    TERMS = "terms"
    """Labels, each matched whole."""
    MOMENT = "moment"
    """A time with a time zone; None where it isn't known."""


_WORDS, _TERM, _TERMS, _MOMENT = ({"kind": kind} for kind in FactKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """A document's facts. None (or no tags) means not known; nothing is guessed.

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

    title: str = field(default="", metadata=_WORDS)
    document_type: str | None = field(default=None, metadata=_TERM)
    department: str | None = field(default=None, metadata=_TERM)
    author: str | None = field(default=None, metadata=_TERM)
    owner: str | None = field(default=None, metadata=_TERM)
    tags: tuple[str, ...] = field(default=(), metadata=_TERMS)
    created: datetime | None = field(default=None, metadata=_MOMENT)
    modified: datetime | None = field(default=None, metadata=_MOMENT)
    language: str | None = field(default=None, metadata=_TERM)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def facts(self) -> dict[str, Any]:
        """Every fact by its name, known or not."""
        return {name: getattr(self, name) for name in FACTS}

    def known(self) -> dict[str, Any]:
        """The facts that are known, by name."""
        return {name: value for name, value in self.facts().items() if value}

    def over(self, below: Metadata) -> Metadata:
        """These facts, with what they don't know taken from those below; each keeps its origin."""
        known = self.known()
        origins = {name: origin for name, origin in below.origins.items() if name not in known}
        return replace(below, **known, origins={**origins, **self.origins})

    def coming_from(self, origin: str) -> Metadata:
        """The same facts, all of them with this origin."""
        return replace(self, origins=dict.fromkeys(self.known(), origin))

    def to_json(self) -> dict[str, Any]:
        """What is known, and its origins, as JSON: moments in ISO 8601."""
        return {**as_json(self.known()), **({"origins": dict(self.origins)} if self.origins else {})}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Facts as they were stored: as JSON, or as a table's values. What isn't a fact is passed over."""
        facts = {name: _stored(kind, stored[name]) for name, kind in FACTS.items() if stored.get(name)}
        return cls(**facts, origins=dict(stored.get("origins", {})))


FACTS: Mapping[str, FactKind] = {one.name: one.metadata["kind"] for one in fields(Metadata) if one.metadata}
"""Every fact's kind, by the fact's name."""


def facts_of(*kinds: FactKind) -> tuple[str, ...]:
    """The names of the facts of these kinds."""
    return tuple(name for name, kind in FACTS.items() if kind in kinds)


def as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Values of facts as JSON has them: moments in ISO 8601."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}


def _stored(kind: FactKind, value: Any) -> Any:
    if kind is FactKind.TERMS:
        return tuple(value)
    if kind is FactKind.MOMENT:
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)
    return value
