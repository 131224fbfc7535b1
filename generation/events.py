"""What an answer is made of, in the order in which it arrives.

``Meta``, then stages, ``Sources``, then ``Token`` and ``Citation`` in turn, then ``Abstain`` where the sources don't
answer, and last ``Done``. Every event is a plain value: how it looks on the wire is the API's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.chunk import Chunk
from core.place import Box
from generation.models.port import FinishReason, Usage

AnswerEnd = FinishReason | Literal["abstain", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """Opens the stream. ``model`` is who writes the answer; :attr:`Done.degraded` says if another had to."""

    answer_id: str
    conversation_id: str
    model: str
    index_generation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEvent:
    """A stage began or ended; ``ms`` is how long it took, None while it runs."""

    name: str
    state: Literal["started", "finished"]
    ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRef:
    """A passage that the answer may cite, without its text."""

    number: int
    chunk_id: str
    document_id: str
    ordinal: int
    title: str
    uri: str
    page: int | None
    heading_path: tuple[str, ...]

    @classmethod
    def of(cls, number: int, chunk: Chunk) -> SourceRef:
        """The reference to ``chunk`` under this number, from 1; untitled documents go by their file's name."""
        return cls(
            number=number,
            chunk_id=chunk.id,
            document_id=chunk.document_id,
            ordinal=chunk.ordinal,
            title=chunk.metadata.title or chunk.uri.rstrip("/").rpartition("/")[2],
            uri=chunk.uri,
            page=chunk.page,
            heading_path=chunk.heading_path,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The numbered passages that the answer is made from."""

    sources: tuple[SourceRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A piece of the answer's text, free of citation markers. The answer is all of them joined."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A source supports a span of the answer.

    Attributes:
        number: the source's, as in :class:`Sources`.
        answer_start, answer_end: the span of the answer, in characters of all the tokens joined.
        quote: the source's own words, ``document_text[quote_start:quote_end]`` to the letter.
        page: the page that the quote begins on, from 1; None where the format has no pages.
        boxes: around the quote on its pages, one a line, in points from the top left; empty where that isn't known.
        cells: of a workbook, those that the quote is in: a row's, as ``Rates!A4:C4``; empty in all other documents.
    """

    number: int
    answer_start: int
    answer_end: int
    quote: str
    quote_start: int
    quote_end: int
    document_id: str
    ordinal: int
    page: int | None
    boxes: tuple[Box, ...] = ()
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstain:
    """The sources don't answer the question; ``nearest`` are the passages that come closest."""

    reason: str
    nearest: tuple[SourceRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Ends every answer that didn't fail.

    Attributes:
        finish_reason: ``abstain`` when the answer is that there is none; ``length`` when it was cut;
            ``interrupted`` when the model broke off in the middle of it.
        usage: the model's tokens; None where no model wrote, or it didn't say.
        timings_ms: milliseconds a stage.
        degraded: what the answer had to do without, ``part: why``.
        citations_dropped: citations of sources that weren't given, or too many.
    """

    finish_reason: AnswerEnd
    usage: Usage | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    citations_dropped: int = 0


AnswerEvent = Meta | StageEvent | Sources | Token | Citation | Abstain | Done
