"""An answer as it is kept: its events, and the question that they answer."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, get_args

import orjson
from pydantic import TypeAdapter

from generation.events import Abstain, AnswerEvent, Citation, Done, Meta, Sources, StageEvent, Token

_KINDS: dict[str, type] = {kind.__name__: kind for kind in get_args(AnswerEvent)}
_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in _KINDS.items()}
_NOT_KEPT = (Meta, StageEvent)
"""They belong to one request: who asked, and how long it took."""
SCHEMA = hashlib.sha256(
    orjson.dumps({name: one.json_schema() for name, one in _ADAPTERS.items()}, option=orjson.OPT_SORT_KEYS)
).hexdigest()
"""Identifies the form of the events: a version of Footnote that has others doesn't meet these."""
_EVENT_BYTES = 64
"""What an event without text counts for while it is taken down."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer that is kept; ``events`` end with :class:`Done`."""

    question: str
    events: Sequence[AnswerEvent]

    def to_bytes(self) -> bytes:
        """As it is kept."""
        events = [[type(event).__name__, event] for event in self.events]
        return zlib.compress(orjson.dumps([self.question, events]), 1)

    @classmethod
    def from_bytes(cls, kept: bytes) -> KeptAnswer:
        """The inverse of :meth:`to_bytes`.

        Raises:
            ValueError: it is none.
        """
        try:
            question, events = orjson.loads(zlib.decompress(kept))
            return cls(question, [_ADAPTERS[name].validate_python(values) for name, values in events])
        except (zlib.error, KeyError, TypeError) as error:
            raise ValueError("This isn't an answer that was kept.") from error

    @property
    def document_ids(self) -> frozenset[str]:
        """All documents that it tells anything of."""
        return documents_in(self.events)


@dataclass(slots=True)
class Recording:
    """Takes down an answer while it goes out.

    Args:
        most_bytes: a longer one isn't kept; nothing more of it is taken down.
    """

    most_bytes: int
    events: list[AnswerEvent] = field(default_factory=list)
    generation: str = ""
    _bytes: int = 0

    def take(self, event: AnswerEvent) -> None:
        """The next event."""
        if isinstance(event, _NOT_KEPT) or self._bytes > self.most_bytes:
            return
        if isinstance(event, Sources):
            self.generation = event.index_generation
        self._bytes += len(event.text) if isinstance(event, Token) else _EVENT_BYTES
        self.events.append(event)

    def kept(self, question: str, generation: str) -> bytes | None:
        """The answer as it is kept; None for one that failed, is not whole, or had to do without something."""
        done = self.events[-1] if self.events else None
        if not isinstance(done, Done) or done.degraded or done.finish_reason not in ("stop", "abstain"):
            return None
        if self.generation != generation or self._bytes > self.most_bytes:
            return None
        packed = KeptAnswer(question, list(_joined(self.events))).to_bytes()
        return packed if len(packed) <= self.most_bytes else None


def _joined(events: Sequence[AnswerEvent]) -> Iterator[AnswerEvent]:
    """Tokens that follow each other as one."""
    for is_text, some in groupby(events, lambda event: isinstance(event, Token)):
        if is_text:
            yield Token(text="".join(event.text for event in some if isinstance(event, Token)))
        else:
            yield from some


def documents_in(events: Sequence[AnswerEvent]) -> frozenset[str]:
    """The ids of all documents that these events tell anything of."""
    return frozenset(_documents(events))


def _documents(events: Sequence[AnswerEvent]) -> Iterator[str]:
    for event in events:
        if isinstance(event, Sources):
            yield from (source.document_id for source in event.sources)
        elif isinstance(event, Citation):
            yield event.document_id
        elif isinstance(event, Abstain):
            yield from (near.source.document_id for near in event.nearest)
