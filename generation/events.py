"""What an answer is made of, in the order in which it arrives.

``Meta``, then stages, ``Sources``, then ``Token``, ``Citation`` and ``Verdict`` in turn, then ``Abstain`` where the
sources don't answer, and last ``Done``. Every event is a plain value: how it looks on the wire is the API's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.chunk import Chunk
from core.place import Box
from generation.models.port import FinishReason, Usage

VerdictName = Literal["supported", "partial", "unsupported", "not_a_claim"]
AnswerEnd = FinishReason | Literal["abstain", "interrupted", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """Opens the stream, before the search. ``model`` is who writes; :attr:`Done.degraded` says if another had to.

    ``index_generation`` is the generation that searches worked on so far, empty before the first search of a process:
    :attr:`Sources.index_generation` is the one that answered. ``prompts`` are the versions of what the model is told,
    as ``answering-1f0c9a3b``: the name and a digest of the file; none where no model writes. ``arm`` is ``baseline`` or
    ``candidate`` while a canary runs, else empty.
    """

    answer_id: str
    conversation_id: str
    model: str
    index_generation: str
    prompts: tuple[str, ...] = ()
    arm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEvent:
    """A stage began or ended; ``ms`` is how long it took, None while it runs.

    ``queries`` is what is searched for, where that isn't the question alone: ``rewrite`` found that it leans on the
    turns before it or is several, or ``retrieve`` that a word of it is misspelt.
    """

    name: str
    state: Literal["started", "finished"]
    ms: float | None = None
    queries: tuple[str, ...] = ()


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
    """The numbered passages that the answer is made from, and the generation of the index that they come from."""

    sources: tuple[SourceRef, ...]
    index_generation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A piece of the answer's text, free of citation markers. The answer is all of them joined."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A source is cited for a span of the answer. Where no sentence of it supports the span there is no quote.

    Attributes:
        number: the source's, as in :class:`Sources`.
        answer_start, answer_end: the span of the answer, in characters of all the tokens joined.
        quote: the source's own words, ``document_text[quote_start:quote_end]`` to the letter; all three are None where
            no sentence of the passage says what the span says.
        page: the page that the quote begins on, from 1; None where the format has no pages.
        heading_path: the headings above the quote, outermost first: its passage may begin in a section before.
        boxes: around the quote on its pages, one a line, in points from the top left; empty where that isn't known.
        cells: of a workbook, those that the quote is in: a row's, as ``Rates!A4:C4``; empty in all other documents.
        key_start, key_end: of the quote the words that answer the question, ``document_text[key_start:key_end]``; None
            where nothing tells them, as in what a model wrote.
    """

    number: int
    answer_start: int
    answer_end: int
    quote: str | None
    quote_start: int | None
    quote_end: int | None
    document_id: str
    ordinal: int
    page: int | None
    heading_path: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    cells: tuple[str, ...] = ()
    key_start: int | None = None
    key_end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the sources bear out a sentence of the answer. Comes after the sentence's tokens and citations.

    Attributes:
        answer_start, answer_end: the sentence, in characters of all the tokens joined.
        numbers: the sources that it was held against, as in :class:`Sources`.
        reasons: why it isn't supported, for people, as ``26 weeks isn't in the source``.
    """

    answer_start: int
    answer_end: int
    verdict: VerdictName
    numbers: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """What comes closest to the question in a document: the sentence that says most of its words.

    Attributes:
        source: the passage that the sentence is in, with page and headings of the sentence itself.
        quote, quote_start, quote_end, boxes, cells: as in :class:`Citation`.
    """

    source: SourceRef
    quote: str
    quote_start: int
    quote_end: int
    boxes: tuple[Box, ...] = ()
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstain:
    """The sources don't answer the question; ``nearest`` are the passages that come closest."""

    reason: str
    nearest: tuple[Nearest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Ends every answer that didn't fail.

    Attributes:
        finish_reason: ``abstain`` when the answer is that there is none; ``length`` when it was cut;
            ``interrupted`` when the model broke off in the middle of it, ``stopped`` when somebody ended it, or left.
        usage: the model's tokens; None where no model wrote, or it didn't say.
        timings_ms: milliseconds a stage.
        degraded: what failed and the answer had to do without, ``part: why``.
        model: who wrote in the end, where that isn't :attr:`Meta.model`; else empty.
        notices: what a reader may want to know of the search although nothing failed, a sentence each.
        citations_dropped: citations of sources that weren't given, or too many.
        groundedness: the share of the sentences that claim something which are supported, those that were not shown
            among them; None where nothing was checked, or nothing claims anything.
        citations_corrected: sentences that named a source wrongly, and now name one that supports them.
        sentences_dropped: sentences that aren't shown because no source supports them.
        cached: it is an earlier answer to the same question, given again.
    """

    finish_reason: AnswerEnd
    usage: Usage | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    model: str = ""
    citations_dropped: int = 0
    groundedness: float | None = None
    citations_corrected: int = 0
    sentences_dropped: int = 0
    cached: bool = False


AnswerEvent = Meta | StageEvent | Sources | Token | Citation | Verdict | Abstain | Done
