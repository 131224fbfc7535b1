"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever runs the service."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.dependencies import MonitorDep, ServicesDep, caller, has_monitoring_key
from api.drift_metrics import DriftMetrics
from api.operation_metrics import OperationMetrics
from api.readiness import Dependency, State
from api.schemas.base import ResponseBody
from api.source_metrics import SourceMetrics
from api.wiring import Services
from core.errors import FootnoteError
from core.logs import get_logger

log = get_logger(__name__)

router = APIRouter(tags=["operation"])


class Health(ResponseBody):
    """The process answers; ``instance`` is a random name of its data directory, None where it has none of its own."""

    status: str = "ok"
    instance: str | None = None


class DependencyBody(ResponseBody):
    """One dependency; ``required``: without it nothing can be answered.

    ``detail`` may name hosts and folders: it is null for whoever has neither an administrator's key nor
    ``api.monitoring_key``.
    """

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
async def readyz(request: Request, response: Response, services: ServicesDep) -> Readiness:
    """Whether questions can be answered, and how each dependency is; 503 if they can't.

    Details name servers: they are for administrators and api.monitoring_key.
    """
    found = await request.app.state.readiness.check()
    ready = not any(dependency.stands_in_the_way for dependency in found)
    response.status_code = 200 if ready else 503
    bodies = {dependency.name: DependencyBody.model_validate(dependency) for dependency in found}
    if not await _is_told_details(request, services, found):
        bodies = {name: body.model_copy(update={"detail": None}) for name, body in bodies.items()}
    return Readiness(status="ready" if ready else "not-ready", dependencies=bodies)


async def _is_told_details(request: Request, services: Services, found: list[Dependency]) -> bool:
    """Whether the caller runs the service. A key that is no good doesn't keep a probe from its answer."""
    try:
        if has_monitoring_key(request, services):
            return True
        if any(one.name == "catalog" and one.state != "ok" for one in found):
            return False  # it knows the keys: asking it would only make the probe wait
        return (await caller(request, services)).admin
    except FootnoteError:
        return False


@router.get("/metrics", include_in_schema=False, dependencies=[MonitorDep])
async def metrics(request: Request, services: ServicesDep) -> Response:
    """Prometheus metrics, for whoever runs the service; without those of sources while the catalog is down."""
    found = await request.app.state.readiness.check()
    text = await run_in_threadpool(_exposition, services, found)
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


def _exposition(services: Services, found: list[Dependency]) -> bytes:
    text = generate_latest() + generate_latest(OperationMetrics(services, found))
    try:
        text += generate_latest(SourceMetrics(services.catalog.get()))
        text += generate_latest(DriftMetrics(services.catalog.get()))
    except FootnoteError as error:
        log.warning("metrics.without_sources", reason=error.message)
    return text
