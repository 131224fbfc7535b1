"""``POST /v1/search``: ranked passages, no language model."""

from __future__ import annotations

from fastapi import APIRouter

from api.asking import checked_question
from api.dependencies import CallerDep, ReaderDep, ServicesDep, ready
from api.json_body import JsonRoute
from api.metering import MeterDep
from api.schemas.search import SearchBody, SearchRequest
from core.filters import parse_filters

router = APIRouter(prefix="/v1", tags=["asking"], dependencies=[ReaderDep], route_class=JsonRoute)


@router.post("/search")
async def search(body: SearchRequest, caller: CallerDep, services: ServicesDep, meter: MeterDep) -> SearchBody:
    """The passages that fit the query best, of those that the caller may read."""
    query = checked_question(body.query, services.settings.api.max_question_chars, what="query")
    filters = parse_filters(body.filters)
    retriever = await ready(services.retriever)

    def run() -> SearchBody:
        response = retriever.search(
            query,
            caller.principal,
            filters=filters,
            limit=body.limit,
            offset=body.offset,
            pipeline=body.pipeline,
        )
        return SearchBody.of(response, services.places.cells, offset=body.offset, scores=caller.admin)

    found = await services.lanes.searches.run(run)
    meter.searched(query, (hit.document_id for hit in found.hits))
    return found
