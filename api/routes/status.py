"""``GET /v1/status``: what the service holds and does, for administrators."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import AdminLane, CuratorDep, ServicesDep
from api.schemas.sources import RunBody, StatusBody
from core.errors import Unavailable

router = APIRouter(prefix="/v1", tags=["operation"], dependencies=[CuratorDep, AdminLane])


@router.get("/status")
def status(services: ServicesDep) -> StatusBody:
    """Counts of documents by state, of chunks, and the syncs in progress."""
    catalog = services.catalog.get()
    standings = catalog.standings.list()
    chunks, generation, degraded = None, None, []
    try:
        index = services.index.get()
        chunks = index.counts().chunks
        generation = next((one.name for one in index.generations() if one.live), None)
    except Unavailable as error:
        degraded.append(f"index: {error.message}")
    unknown = catalog.comparisons.get().last_found.get("unknown", 0)
    if unknown:
        degraded.append(f"index: {unknown} documents that the catalog doesn't know are hidden: footnote doctor --index")
    in_progress = [RunBody.model_validate(run) for standing in standings for run in standing.active]
    degraded += [f"ingestion waits: {why}" for why in dict.fromkeys(run.waiting for run in in_progress if run.waiting)]
    degraded += [
        f"groups of {name!r} are as of an earlier sync: {why}" for name, why in catalog.membership_syncs.failing()
    ]
    return StatusBody(
        documents=dict(catalog.documents.totals(None)),
        chunks=chunks,
        index_generation=generation,
        sources=len(standings),
        runs_in_progress=in_progress,
        degraded=degraded,
    )
