"""``/v1/sources/kinds``: what kinds of source there are, and what each is told; for the form that adds one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.dependencies import AdminLane, CuratorDep
from api.schemas.base import ResponseBody
from core.errors import NotFound
from ingestion.connectors.registry import config_schema, kinds

router = APIRouter(prefix="/v1/sources/kinds", tags=["sources"], dependencies=[CuratorDep, AdminLane])


class KindList(ResponseBody):
    """The kinds of source that there are, by name."""

    kinds: list[str]


class KindBody(ResponseBody):
    """A kind of source; ``config``: the JSON schema of what its sources are told. Secrets are ``writeOnly``."""

    kind: str
    config: dict[str, Any]


@router.get("")
def list_kinds() -> KindList:
    """The kinds of source."""
    return KindList(kinds=kinds())


@router.get("/{kind}")
def get_kind(kind: str) -> KindBody:
    """What a source of this kind is told."""
    if kind not in kinds():
        raise NotFound(f"There is no kind of source {kind[:64]!r}. The kinds are {', '.join(kinds())}.")
    return KindBody(kind=kind, config=config_schema(kind))
