"""What searches can be narrowed down by, and what can be asked next."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.schemas.base import Many, RequestBody, ResponseBody
from api.schemas.search import Filters

FACETS = ("department", "document_type", "source", "tags", "language")
"""The filters whose values are counted."""


class FacetsRequest(RequestBody):
    """What is looked in already, and how many values of each key to give."""

    filters: Filters | None = None
    most: Annotated[int, Field(ge=1, le=100)] = 20


class FacetValueBody(ResponseBody):
    """A value as a filter takes it, as people read it, and how many documents have it."""

    value: str
    label: str
    documents: int


class FacetBody(ResponseBody):
    """A filter's key and its values, those of most documents first."""

    key: str
    values: list[FacetValueBody]


class FacetsBody(ResponseBody):
    """What searches can be narrowed down by."""

    facets: list[FacetBody]


class CitedPassage(RequestBody):
    """A passage that an answer cites. ``start``: where in the document's text its quote begins."""

    document_id: Annotated[str, Field(max_length=64)]
    ordinal: Annotated[int, Field(ge=0)]
    start: Annotated[int, Field(ge=0)] | None = None


class FollowUpsRequest(RequestBody):
    """What an answer cites, the most important first, and how many sections to give."""

    passages: Annotated[Many[CitedPassage], Field(max_length=50)]
    most: Annotated[int, Field(ge=1, le=10)] = 3


class FollowUpBody(ResponseBody):
    """A section of a cited document that the answer doesn't cite. ``ordinal``: the passage with which it begins."""

    document_id: str
    title: str
    ordinal: int
    heading_path: tuple[str, ...]


class FollowUpsBody(ResponseBody):
    """What to ask next, the nearest to what was cited first."""

    follow_ups: list[FollowUpBody]
