"""Generations of the search index."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas.base import RequestBody, ResponseBody


class RebuildRequest(RequestBody):
    """``model``: as the setting ``embedder.model``; a folder by its path on the service's and the workers' machines.

    Null keeps the live generation's. ``swap``: make it live once it is complete and has passed its checks.
    """

    model: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    swap: bool = True


class RebuildBody(ResponseBody):
    """How a build stands: filling, checking, ready (complete, not swapped in), live, or failed with the ``error``."""

    generation: str
    previous: str
    state: str
    done: int
    total: int
    error: str | None
    began_at: datetime
    finished_at: datetime | None


class GenerationBody(ResponseBody):
    """A build of the index. All of them get every write; searches read the one that is live."""

    name: str
    embedder: str
    dimensions: int
    live: bool
    model: str


class GenerationDetail(GenerationBody):
    """With its build, if it was made by one."""

    rebuild: RebuildBody | None = None


class GenerationList(ResponseBody):
    """All generations, oldest first."""

    generations: list[GenerationDetail]
