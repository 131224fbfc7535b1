"""``/v1/search``: ranked passages, what they can be narrowed down by, and what to ask next. No language model."""

from __future__ import annotations

from fastapi import APIRouter

from api.asking import checked_question
from api.dependencies import CallerDep, FilesLane, ReaderDep, ServicesDep, ready
from api.follow_ups import follow_ups
from api.json_body import JsonRoute
from api.metering import MeterDep
from api.schemas.facets import (
    FACETS,
    FacetBody,
    FacetsBody,
    FacetsRequest,
    FacetValueBody,
    FollowUpsBody,
    FollowUpsRequest,
)
from api.schemas.search import SearchBody, SearchRequest
from core.filters import REQUEST_TERMS, parse_filters

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


@router.post("/search/facets")
async def facets(body: FacetsRequest, caller: CallerDep, services: ServicesDep) -> FacetsBody:
    """What searches can be narrowed down by: values, each with how many documents have it that the caller may read.

    The values of a key are counted among what the other keys' filters leave, so that its alternatives show.
    """
    asked = body.filters or {}
    parse_filters(asked)
    wanted = {key: parse_filters({one: value for one, value in asked.items() if one != key}) for key in FACETS}
    retriever, catalog = await ready(services.retriever), await ready(services.catalog)

    def run() -> FacetsBody:
        fields = {REQUEST_TERMS[key]: passing for key, passing in wanted.items()}
        found = retriever.facets(caller.principal, fields, body.most)
        sources = {value for value, _ in found[REQUEST_TERMS["source"]]}
        names = {source.id: source.name for source in catalog.sources.list() if source.id in sources}
        return FacetsBody(
            facets=[
                FacetBody(
                    key=key,
                    values=[
                        FacetValueBody(value=value, label=names.get(value, value), documents=documents)
                        for value, documents in found[REQUEST_TERMS[key]]
                    ],
                )
                for key in FACETS
            ]
        )

    return await services.lanes.searches.run(run)


@router.post("/search/follow-ups", dependencies=[FilesLane])
def follow_up(body: FollowUpsRequest, caller: CallerDep, services: ServicesDep) -> FollowUpsBody:
    """What to ask after an answer: the sections around the passages that it cites, which the caller may read too."""
    return FollowUpsBody(follow_ups=follow_ups(body.passages, body.most, caller.principal, services))
