"""``/v1/index``: building the index anew beside the old one, swapping it in, going back; for administrators."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import AdminDep, AdminLane, AuditDep, ServicesDep
from api.json_body import JsonRoute
from api.schemas.index import GenerationBody, GenerationDetail, GenerationList, RebuildBody, RebuildRequest
from api.wiring import Services
from ingestion.generations import Generations

router = APIRouter(prefix="/v1/index", tags=["operation"], dependencies=[AdminDep, AdminLane], route_class=JsonRoute)


def _generations(services: Services) -> Generations:
    from retrieval.embedding.build import build_embedders  # noqa: PLC0415 - it only describes models here

    embedders = build_embedders(services.settings, services.embedder.get())
    ingestion = services.ingestion.get()
    return Generations(services.catalog.get(), services.index.get(), embedders, ingestion.tasks)


@router.get("")
def list_generations(services: ServicesDep) -> GenerationList:
    """Every generation, oldest first, each with its build."""
    found = []
    for generation, build in _generations(services).list():
        shown = GenerationBody.model_validate(generation).model_dump()
        found.append(GenerationDetail(**shown, rebuild=RebuildBody.model_validate(build) if build else None))
    return GenerationList(generations=found)


@router.post("/rebuild", status_code=202, responses={409: {}})
def rebuild(body: RebuildRequest, services: ServicesDep, audit: AuditDep) -> RebuildBody:
    """Begin a generation beside the live one; the workers fill it from the stored texts."""
    with audit.doing("index.rebuild", model=body.model, swap=body.swap) as deed:
        begun = RebuildBody.model_validate(_generations(services).rebuild(body.model, swap=body.swap))
        deed.object_id = begun.generation
    return begun


@router.get("/rebuild/{name}")
def get_rebuild(name: str, services: ServicesDep) -> RebuildBody:
    """How a build stands."""
    return RebuildBody.model_validate(_generations(services).build(name))


@router.post("/rollback", responses={409: {}})
def rollback(services: ServicesDep, audit: AuditDep) -> GenerationBody:
    """Go back to the generation that the live one replaced, at once."""
    with audit.doing("index.rollback") as deed:
        live = GenerationBody.model_validate(_generations(services).rollback())
        deed.object_id = live.name
    return live


@router.post("/{name}/swap", responses={409: {}})
def swap(name: str, services: ServicesDep, audit: AuditDep) -> GenerationBody:
    """Make a complete generation the live one, at once."""
    with audit.doing("index.swap", name):
        return GenerationBody.model_validate(_generations(services).swap(name))


@router.delete("/{name}", status_code=204, responses={409: {}})
def drop(name: str, services: ServicesDep, audit: AuditDep) -> None:
    """Delete a generation that isn't live; one that is being built is given up."""
    with audit.doing("index.drop", name):
        _generations(services).drop(name)
