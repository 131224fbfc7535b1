"""An answer on its way through the steps, and what looks at it while it is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from core.chunk import Chunk
from generation.answering.ending import Tally
from generation.events import AnswerEvent
from generation.question import Question

if TYPE_CHECKING:
    from retrieval.hit import SearchResponse


@dataclass(slots=True)
class Draft:
    """What the steps know so far; each adds its part.

    Attributes:
        standalone: the question as it stands without the turns before it: what sentences are weighed against.
        queries: what is searched for; several count alike.
        beside: what is searched for as well, and gets only a few places. The question itself is here or among those.
        parts: the questions in this one, where there are several.
        subject: what the question names without asking anything of it; empty where it asks something.
        found: what the search found.
        chunks: the passages that the answer is made from, in the order of their numbers.
    """

    question: Question
    tally: Tally = field(default_factory=Tally)
    standalone: str = ""
    queries: Sequence[str] = ()
    beside: Sequence[str] = ()
    parts: Sequence[str] = ()
    subject: str = ""
    found: SearchResponse | None = None
    chunks: Sequence[Chunk] = ()

    def __post_init__(self) -> None:
        self.standalone = self.standalone or self.question.text
        self.queries = self.queries or (self.question.text,)


class Check(Protocol):
    """Looks at an answer while it is written, and may add to it, change it or take from it."""

    def over(self, events: AsyncGenerator[AnswerEvent], draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """The events as they are to go out. Closing this closes those."""
        ...
