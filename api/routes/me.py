"""``GET /v1/me``: whom a key speaks for."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import CallerDep, FilesLane, ReaderDep, ServicesDep
from api.schemas.keys import MeBody, ReadableSourceBody, ReadableSourcesBody

router = APIRouter(prefix="/v1", tags=["keys"])


@router.get("/me")
async def me(caller: CallerDep) -> MeBody:
    """Whom this request speaks for, and whether it may administer Footnote."""
    principal = caller.principal
    return MeBody(
        user=principal.user,
        groups=sorted(principal.groups),
        synced_groups=sorted(principal.synced),
        roles=sorted(caller.roles),
        admin=caller.admin,
        csrf=caller.sign_in.csrf if caller.sign_in else None,
    )


@router.get("/me/sources", dependencies=[ReaderDep, FilesLane])
def sources(caller: CallerDep, services: ServicesDep) -> ReadableSourcesBody:
    """The sources of documents that the caller may read, by name."""
    catalog, principal = services.catalog.get(), caller.principal
    readable = catalog.documents.readable_sources(principal.terms)
    if principal.sources is not None:
        readable &= principal.sources
    found = [source for source in catalog.sources.list() if source.id in readable]
    return ReadableSourcesBody(
        sources=[ReadableSourceBody(source_id=source.id, name=source.name, kind=source.kind) for source in found]
    )
