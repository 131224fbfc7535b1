"""``/v1/audit``: who signed in, asked, was shown and opened what, and administered; for auditors."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.audit import actor_of
from api.dependencies import AdminLane, AuditorDep, CallerDep, ServicesDep
from api.schemas.audit import AuditBody, AuditEntryBody, AuditEntryList, AuditList, AuditSearch, VerifiedBody
from ingestion.catalog.audit import AuditQuery
from ingestion.catalog.audit_entries import Deed

router = APIRouter(prefix="/v1/audit", tags=["operation"], dependencies=[AuditorDep, AdminLane])

Limit = Annotated[int, Query(ge=1, le=1000)]
Piece = Annotated[int, Query(ge=1, le=20_000)]
After = Annotated[int, Query(ge=0, le=2**63 - 1)]


@router.get("")
def list_audit(
    request: Request, services: ServicesDep, caller: CallerDep, wanted: Annotated[AuditSearch, Query()]
) -> AuditList:
    """What was done, newest first: who did it, when, from where, and how it ended. Only what fits all that is given."""
    asked = wanted.model_dump(exclude={"limit"}, exclude_none=True)
    found = services.catalog.get().audit.list(wanted.limit + 1, AuditQuery(**asked))
    told = {name: str(value) for name, value in asked.items()}
    services.audit.note(actor_of(request, caller), Deed(action="audit.search", detail=told))
    events = [AuditBody.model_validate(event) for event in found[: wanted.limit]]
    return AuditList(events=events, next=events[-1].id if len(found) > wanted.limit else None)


@router.get("/entries")
def list_entries(
    request: Request, services: ServicesDep, caller: CallerDep, after: After = 0, limit: Limit = 1000
) -> AuditEntryList:
    """Entries as they were written, oldest first, from behind a number: what an export holds."""
    found = services.catalog.get().audit.entries(after, limit)
    if after == 0:
        services.audit.note(actor_of(request, caller), Deed(action="audit.export"))
    return AuditEntryList(entries=[AuditEntryBody.model_validate(entry) for entry in found])


@router.get("/verify")
def verify(services: ServicesDep, after: After = 0, limit: Piece = 10_000) -> VerifiedBody:
    """Whether entries are as they were written: so many, from behind a number whose own hash is taken as good."""
    return VerifiedBody.model_validate(services.catalog.get().audit_keeping.verify(after, limit))
