"""Documents as curators see them: where each stands, who may read it and why, and what became of it in a search."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from api.schemas.base import Many, RequestBody, ResponseBody
from api.schemas.search import Filters, MetadataBody, ScoresBody
from api.schemas.sources import FailureBody, WarningBody
from retrieval.explaining import Verdict

if TYPE_CHECKING:
    from retrieval.explaining import Explanation, PassageWay

Name = Annotated[str, Field(min_length=1, max_length=200)]


class LedgerEntry(ResponseBody):
    """A document as the catalog has it, without its text."""

    document_id: str
    source_id: str
    external_id: str
    uri: str
    title: str
    state: str
    version: int
    chunks: int
    size: int | None
    updated_at: datetime
    indexed_at: datetime | None


class LedgerList(ResponseBody):
    """Documents by their names; ``more``: there are others behind them."""

    documents: list[LedgerEntry]
    more: bool


class TermBody(ResponseBody):
    """A term of an access list: ``public``, ``user:<id>`` or ``group:<id>``.

    ``source_id``: whose group it is, and ``members`` how many readers that source has in it; null for a group of the
    identity provider, which alone knows.
    """

    term: str
    source_id: str | None
    members: int | None


class HoldingBody(ResponseBody):
    """What the index holds of a document: how many passages of each version, and the terms on all of them.

    ``terms`` is null where its passages differ in them, which they do while permissions are being written.
    """

    versions: dict[str, int]
    terms: list[str] | None


class StandingPassage(ResponseBody):
    """A passage by its place; its text is for who may read the document (``/v1/documents/{id}/chunks/{ordinal}``)."""

    ordinal: int
    page: int | None
    start: int
    end: int
    tokens: int


class ReaderBody(ResponseBody):
    """Whether somebody may read the document: their terms that its access list has; none: they may not.

    ``synced_groups`` are those that sources have them in.
    """

    user: str | None
    groups: list[str]
    synced_groups: list[str]
    opened_by: list[str]


class LifeBody(LedgerEntry):
    """A document's life: what is known of it, who may read it, what the index holds, and what went wrong.

    ``readers``: its access list, as its source said last. ``index`` is null where the index doesn't answer
    (``degraded`` says why), or holds nothing of it. ``inner``: how many documents lie in it. ``passages``: of what was
    read last, at most the first 1,000. ``reader``: of whom was asked.
    """

    source: str
    kind: str
    media_type: str | None
    parent_id: str | None
    inner: int
    created_at: datetime
    content_hash: str | None
    metadata: MetadataBody
    origins: dict[str, str]
    readers: list[TermBody]
    index: HoldingBody | None
    passages: list[StandingPassage]
    failure: FailureBody | None
    warning: WarningBody | None
    reader: ReaderBody | None
    degraded: list[str]


class NamedReader(RequestBody):
    """Somebody, by their user id and the groups that the identity provider has them in."""

    user: Name | None = None
    groups: Annotated[Many[Name], Field(max_length=1000)] = ()


class WhyRequest(RequestBody):
    """A question, as it was asked, and who asked it.

    ``reader``: somebody else than the caller, whose key then has to have the right to act for others.
    """

    question: str
    filters: Filters | None = None
    pipeline: str | None = None
    reader: NamedReader | None = None


class FilterCheckBody(ResponseBody):
    """A filter, and whether the document passes: what was asked for (``wanted``), and what it ``has``."""

    field: str
    passes: bool
    wanted: list[str]
    has: list[str]


class PassageWayBody(ResponseBody):
    """A passage's way through the search.

    ``ranks``: its place, from 1, after each step: ``lexical`` and ``vector`` among the first 1,000 that the leg finds
    for the reader, then ``fused``, ``late interaction``, ``neighbours``, ``reranker``, as far as the pipeline has them.
    ``place``: among the results; null where it isn't one. ``twin_of``: the document whose passage says the same and is
    shown in its place. ``given``: an answer is written from it. ``scores`` are for administrators, about themselves.
    """

    ordinal: int
    page: int | None
    ranks: dict[str, int]
    scores: ScoresBody
    place: int | None
    twin_of: str | None
    given: bool

    @classmethod
    def of(cls, way: PassageWay, *, scores: bool) -> PassageWayBody:
        """The wire form; why scores aren't for everybody, :meth:`api.schemas.search.HitBody.of` says."""
        told = {name: getattr(way, name) for name in ("ordinal", "page", "place", "twin_of", "given")}
        shown = ScoresBody.model_validate(way.scores) if scores else ScoresBody()
        return cls(**told, ranks=dict(way.ranks), scores=shown)


class WhyBody(ResponseBody):
    """What became of a document in a search, for this reader.

    ``verdict``: ``absent`` (the index holds nothing of it), ``closed`` (the reader may not read it; nothing else is
    said then), ``filtered`` (a filter leaves it out), ``missed`` (none of its passages is among the results), ``copy``
    (its text is shown as another document's), ``found`` (a result, and no source of an answer), ``given`` (a source of
    an answer to these words). ``state``: of the document in the catalog. ``reader``: who was asked about, and by which
    terms they may read it, as the catalog says; ``opened_by`` as the index says. ``words``: whether a passage has a
    word of the question; null where words weren't asked.
    """

    document_id: str
    source_id: str
    external_id: str
    title: str
    state: str
    verdict: Verdict
    reader: ReaderBody
    opened_by: list[str]
    filters: list[FilterCheckBody]
    words: bool | None
    passages: list[PassageWayBody]
    candidates: int
    pipeline: str
    degraded: list[str]
    notices: list[str]

    @classmethod
    def of(cls, about: Mapping[str, str], reader: ReaderBody, told: Explanation, *, scores: bool) -> WhyBody:
        """The wire form.

        Args:
            about: the document.
            scores: whether to show them.
        """
        return cls(
            **about,
            verdict=told.verdict,
            reader=reader,
            opened_by=list(told.opened_by),
            filters=[FilterCheckBody.model_validate(check) for check in told.filters],
            words=told.words,
            passages=[PassageWayBody.of(way, scores=scores) for way in told.passages],
            candidates=told.response.total_candidates,
            pipeline=told.response.pipeline,
            degraded=list(told.response.degraded),
            notices=list(told.response.notices),
        )
