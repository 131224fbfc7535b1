"""Searching: the request, a hit, the response."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, WithJsonSchema

if TYPE_CHECKING:
    from core.chunk import Chunk
    from retrieval.hit import SearchHit, SearchResponse

from api.schemas.base import RequestBody, ResponseBody
from core.filters import REQUEST_DATES, REQUEST_TERMS
from core.metadata import Metadata

MAX_LIMIT = 200
MAX_OFFSET = 10_000


def _filters_schema() -> dict[str, Any]:
    """What :func:`core.filters.parse_filters` takes, which checks it: its errors say what a filter looks like."""
    value = {"type": "string", "minLength": 1}
    terms = {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}
    moments = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}, {"type": "null"}]
    span = {
        "type": "object",
        "properties": {side: {"anyOf": moments} for side in ("from", "to")},
        "additionalProperties": False,
        "minProperties": 1,
    }
    properties = dict.fromkeys(REQUEST_TERMS, terms) | dict.fromkeys(REQUEST_DATES, span)
    return {
        "type": "object",
        "title": "Filters",
        "description": "Values of one key are alternatives, keys narrow each other. A date in `to` includes that day.",
        "properties": properties,
        "additionalProperties": False,
        "examples": [{"department": ["HR"], "modified": {"from": "2026-01-01", "to": "2026-12-31"}}],
    }


Filters = Annotated[dict[str, Any], WithJsonSchema(_filters_schema())]
"""What to look in, as a request says it."""


class SearchRequest(RequestBody):
    """What to search for, in what, and which hits of all to give."""

    query: str
    filters: Filters | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 10
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    pipeline: str | None = None


class MetadataBody(ResponseBody):
    """What is known about a document besides its text; null where it isn't known."""

    title: str
    document_type: str | None
    department: str | None
    author: str | None
    owner: str | None
    tags: tuple[str, ...]
    created: datetime | None
    modified: datetime | None
    language: str | None

    @classmethod
    def of(cls, metadata: Metadata) -> MetadataBody:
        """The wire form of a document's metadata."""
        return cls.model_validate(metadata)


class RanksBody(ResponseBody):
    """Ranks from 1; null where that leg didn't find the passage or wasn't run."""

    lexical: int | None
    vector: int | None
    rerank: int | None


class ScoresBody(ResponseBody):
    """BM25, cosine, fused and cross-encoder scores; null where there is none, and for all but administrators."""

    lexical: float | None = None
    vector: float | None = None
    fused: float | None = None
    rerank: float | None = None


class DuplicateBody(ResponseBody):
    """Another document that holds a hit's text, and that the caller may read."""

    document_id: str
    uri: str
    title: str


class HitBody(ResponseBody):
    """A ranked passage; ``duplicates`` are its other places, ``cells`` those of a workbook, as ``Rates!A3:C9``.

    ``score`` is 1 divided by the hit's place, from 1. Administrators get the score that gave it the place instead.
    """

    chunk_id: str
    document_id: str
    source_id: str
    ordinal: int
    uri: str
    title: str
    text: str
    page: int | None
    heading_path: tuple[str, ...]
    cells: tuple[str, ...]
    metadata: MetadataBody
    score: float
    ranks: RanksBody
    scores: ScoresBody
    duplicates: tuple[DuplicateBody, ...] = ()

    @classmethod
    def of(cls, hit: SearchHit, place: int, cells: tuple[str, ...] = (), *, scores: bool = False) -> HitBody:
        """The wire form of a hit.

        Args:
            place: in the whole ranking, from 1.
            cells: that it is in.
            scores: whether to show how it scored. BM25 counts words over all documents, those that the reader may
                not see included, and fusion mixes it into its own: the numbers would tell what hidden documents say.
        """
        chunk = hit.chunk
        return cls(
            chunk_id=chunk.id,
            document_id=chunk.document_id,
            source_id=chunk.source_id,
            ordinal=chunk.ordinal,
            uri=chunk.uri,
            title=chunk.metadata.title,
            text=chunk.text,
            page=chunk.page,
            heading_path=chunk.heading_path,
            cells=cells,
            metadata=MetadataBody.of(chunk.metadata),
            score=hit.score if scores else 1 / place,
            ranks=RanksBody.model_validate(hit.ranks),
            scores=ScoresBody.model_validate(hit.scores) if scores else ScoresBody(),
            duplicates=tuple(DuplicateBody.model_validate(one) for one in hit.duplicates),
        )


class SearchBody(ResponseBody):
    """Ranked passages, and how they were found."""

    hits: list[HitBody]
    total_candidates: int
    timings_ms: dict[str, float]
    degraded: tuple[str, ...]
    index_generation: str
    pipeline: str

    @classmethod
    def of(
        cls, response: SearchResponse, cells: Callable[[Chunk], tuple[str, ...]], *, offset: int = 0, scores: bool
    ) -> SearchBody:
        """The wire form of a response.

        Args:
            cells: says of a passage which ones it is in.
            offset: of the page, in the whole ranking.
            scores: whether to show them; see :meth:`HitBody.of`.
        """
        places = enumerate(response.hits, start=offset + 1)
        return cls(
            hits=[HitBody.of(hit, place, cells(hit.chunk), scores=scores) for place, hit in places],
            total_candidates=response.total_candidates,
            timings_ms=dict(response.timings_ms),
            degraded=tuple(response.degraded),
            index_generation=response.index_generation,
            pipeline=response.pipeline,
        )
