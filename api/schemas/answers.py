"""Asking: the request, the events' data, and the answer as one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from api.schemas.base import Many, RequestBody, ResponseBody
from api.schemas.search import Filters
from generation.events import (
    Abstain,
    Nearest,
    SourceRef,
    VerdictName,
)

MAX_HISTORY = 50
_ID = r"^[A-Za-z0-9_-]{1,64}$"


class Turn(RequestBody):
    """An earlier turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str


class AnswerRequest(RequestBody):
    """A question, and what to look in; ``history`` is oldest first.

    ``conversation_id`` goes on with a conversation that is kept: its turns are the history where none is given.
    ``replaces`` is one of its answers: this question and its answer stand in the place of that one, and of what came
    after it; asked once more it is answered anew. ``keep`` false: nothing is kept of it.
    """

    question: str
    history: Annotated[Many[Turn], Field(max_length=MAX_HISTORY)] = ()
    filters: Filters | None = None
    conversation_id: Annotated[str, Field(pattern=_ID)] | None = None
    pipeline: str | None = None
    replaces: Annotated[str, Field(pattern=_ID)] | None = None
    keep: bool = True


class SourceBody(ResponseBody):
    """A numbered passage that the answer may cite."""

    number: int
    chunk_id: str
    document_id: str
    ordinal: int
    title: str
    uri: str
    page: int | None
    heading_path: tuple[str, ...]


class BoxBody(ResponseBody):
    """A rectangle on a page, in points (1/72 inch) from the top left corner of the page as shown."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


class CitationBody(ResponseBody):
    """A source is cited for a span of the answer; offsets count Unicode characters.

    ``quote`` is the sentence of the source that supports the span; it and its offsets are null where there is none.
    ``boxes`` are around the quote, one for each line that it touches; empty where they aren't known. The sizes of the
    pages that they are on come with the document's text. ``cells`` are a workbook's, as ``Rates!A4:C4``.
    ``key_start`` and ``key_end`` are, of the document as ``quote_start`` is, the words of the quote that answer the
    question, to be shown in bold; null where nothing tells them.
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
    heading_path: tuple[str, ...]
    boxes: tuple[BoxBody, ...] = ()
    cells: tuple[str, ...] = ()
    key_start: int | None = None
    key_end: int | None = None


class VerdictBody(ResponseBody):
    """Whether the sources bear out a sentence of the answer, ``answer[answer_start:answer_end]``.

    ``numbers`` are the sources that it was held against; ``reasons`` say why it isn't supported.
    """

    answer_start: int
    answer_end: int
    verdict: VerdictName
    numbers: tuple[int, ...]
    reasons: tuple[str, ...]


class NearestBody(SourceBody):
    """What comes closest to the question: a sentence, as in a citation, with its own page and headings."""

    quote: str
    quote_start: int
    quote_end: int
    boxes: tuple[BoxBody, ...] = ()
    cells: tuple[str, ...] = ()

    @classmethod
    def of(cls, near: Nearest) -> NearestBody:
        """The wire form: the sentence and its passage as one object."""
        return cls(
            **_source(near.source),
            quote=near.quote,
            quote_start=near.quote_start,
            quote_end=near.quote_end,
            boxes=tuple(map(BoxBody.model_validate, near.boxes)),
            cells=near.cells,
        )


class AbstainBody(ResponseBody):
    """Why there is no answer, and the passages that come closest."""

    reason: str
    nearest: list[NearestBody]

    @classmethod
    def of(cls, abstain: Abstain) -> AbstainBody:
        """The wire form of an abstention."""
        return cls(reason=abstain.reason, nearest=[NearestBody.of(near) for near in abstain.nearest])


class UsageBody(ResponseBody):
    """The model's tokens."""

    input_tokens: int
    output_tokens: int


class DoneBody(ResponseBody):
    """How the answer ended.

    ``degraded`` names what failed and had to be done without; ``notices`` are sentences for the reader of an answer for
    which nothing failed. ``groundedness`` is the share of the sentences that claim something which the sources support,
    and null where there are none or they weren't checked. ``citations_corrected`` counts sentences that named a wrong
    source, and ``sentences_dropped`` those that aren't shown because no source supports them.
    ``model`` is who wrote in the end where that isn't ``meta.model``; else null.
    ``cached``: an earlier answer to the same question is given again.
    """

    finish_reason: str
    usage: UsageBody | None
    timings_ms: dict[str, float]
    degraded: tuple[str, ...]
    notices: tuple[str, ...]
    model: str | None = None
    citations_dropped: int
    groundedness: float | None = None
    citations_corrected: int = 0
    sentences_dropped: int = 0
    cached: bool = False


class AnswerBody(ResponseBody):
    """An answer as one object. ``abstained`` is null, or why the sources don't answer the question.

    ``prompts`` are the versions of what the model is told, as ``answering-1f0c9a3b``; empty where no model writes.
    ``arm`` is ``baseline`` or ``candidate`` while a canary runs, else empty.
    """

    answer_id: str
    conversation_id: str
    model: str
    index_generation: str
    prompts: tuple[str, ...] = ()
    arm: str = ""
    answer: str
    citations: list[CitationBody]
    verdicts: list[VerdictBody]
    sources: list[SourceBody]
    abstained: AbstainBody | None
    done: DoneBody


class StoppedBody(ResponseBody):
    """Whether the answer was still being written."""

    stopped: bool


class MetaBody(ResponseBody):
    """Event ``meta``, the first: what the answer is. ``model`` is who writes; ``arm`` as in the whole answer."""

    answer_id: str
    conversation_id: str
    model: str
    index_generation: str
    prompts: tuple[str, ...] = ()
    arm: str = ""


class StageBody(ResponseBody):
    """Event ``stage``: one began or ended. ``queries`` is what is searched for, where that isn't the question alone."""

    name: str
    state: Literal["started", "finished"]
    ms: float | None
    queries: tuple[str, ...] = ()


class SourcesBody(ResponseBody):
    """Event ``sources``: the passages that the answer may cite."""

    sources: tuple[SourceBody, ...]
    index_generation: str


class TokenBody(ResponseBody):
    """Event ``token``: a piece of the answer's text, free of citation markers. The answer is all of them joined."""

    text: str


EventBody = MetaBody | StageBody | SourcesBody | TokenBody | CitationBody | VerdictBody | AbstainBody | DoneBody
EVENT_BODIES: Mapping[str, type[EventBody]] = {
    "meta": MetaBody,
    "stage": StageBody,
    "sources": SourcesBody,
    "token": TokenBody,
    "citation": CitationBody,
    "verdict": VerdictBody,
    "abstain": AbstainBody,
    "done": DoneBody,
}
"""What each event of the stream carries; ``error`` carries a problem."""


def _source(source: SourceRef) -> dict[str, Any]:
    return SourceBody.model_validate(source).model_dump()
