"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever runs the service."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.readiness import State
from api.schemas.base import ResponseBody

router = APIRouter(tags=["operation"])


class Health(ResponseBody):
    """The process answers; ``instance`` is a random name of its data directory, None where it has none of its own."""

    status: str = "ok"
    instance: str | None = None


class DependencyBody(ResponseBody):
    """One dependency; ``required``: without it nothing can be answered."""

    state: State
    required: bool
    detail: str | None


class Readiness(ResponseBody):
    """``ready``, or ``not-ready`` while something that is required is not ok."""

    status: str
    dependencies: dict[str, DependencyBody]


@router.get("/healthz")
async def healthz(request: Request) -> Health:
    """The process is alive; says nothing of what it depends on."""
    return Health(instance=request.app.state.instance)


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """Whether questions can be answered, and how each dependency is; 503 if they can't.

    Under a name that isn't in api.allowed_hosts, without details: they name servers.
    """
    found = await request.app.state.readiness.check()
    ready = not any(dependency.stands_in_the_way for dependency in found)
    response.status_code = 200 if ready else 503
    if not request.app.state.hosts.allows(request.scope["headers"]):
        found = [replace(dependency, detail=None) for dependency in found]
    bodies = {dependency.name: DependencyBody.model_validate(dependency) for dependency in found}
    return Readiness(status="ready" if ready else "not-ready", dependencies=bodies)


@router.get("/metrics", include_in_schema=False)
def metrics() -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})
