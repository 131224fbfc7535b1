"""``GET /v1/audit``: what administrators did, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import AuditorDep, ServicesDep
from api.schemas.audit import AuditBody, AuditList

router = APIRouter(prefix="/v1", tags=["operation"], dependencies=[AuditorDep])

Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int, Query(ge=1, le=2**31 - 1)]


@router.get("/audit")
def list_audit(services: ServicesDep, limit: Limit = 100, before: Before | None = None) -> AuditList:
    """Keys made and revoked, sources and the index changed: who did it, when, from where, and how it ended."""
    found = services.catalog.get().audit.list(limit + 1, before)
    events = [AuditBody.model_validate(event) for event in found[:limit]]
    return AuditList(events=events, next=events[-1].id if len(found) > limit else None)
