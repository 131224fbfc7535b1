"""``/v1/evaluation``: what ``footnote eval answers --publish`` and ``footnote eval drift --publish`` found."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.conversations.views import readable_among
from api.dependencies import AdminDep, AdminLane, CallerDep, ReviewerDep, ServicesDep
from api.schemas.evaluation import DriftBody, ReportBody, ReportList

router = APIRouter(prefix="/v1/evaluation", tags=["operation"])

_REPORT = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "content-disposition": 'attachment; filename="report.html"',
    "cache-control": "no-store",
}
"""Reports hold anybody's text: nothing in them runs, loads or is kept."""


@router.get("/reports", dependencies=[AdminDep, AdminLane])
def reports(services: ServicesDep) -> ReportList:
    """Reports of answers that were published."""
    found = services.catalog.get().published.list("answers")
    return ReportList(reports=[ReportBody(id=one.id, name=one.name, published_at=one.published_at) for one in found])


@router.get(
    "/reports/{report_id}",
    dependencies=[AdminDep, AdminLane],
    response_class=Response,
    responses={200: {"content": {"text/html": {}}, "description": "The report, as one file."}, 404: {}},
)
def report(report_id: str, services: ServicesDep) -> Response:
    """A report as one HTML file. It quotes what the readers of its questions may read: administrators alone get it."""
    content = services.catalog.get().published.content("answers", report_id)
    return Response(content, media_type="text/html; charset=utf-8", headers=_REPORT)


@router.get("/drift", dependencies=[ReviewerDep, AdminLane])
def drift(caller: CallerDep, services: ServicesDep) -> DriftBody:
    """How answers and questions differ from week to week."""
    catalog = services.catalog.get()
    found = DriftBody.of(catalog.published.latest("drift"))
    readable = readable_among({one.document_id for one in found.oldest}, caller.principal, catalog)
    return found.model_copy(update={"oldest": [one for one in found.oldest if one.document_id in readable]})
