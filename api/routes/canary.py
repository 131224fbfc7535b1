"""``/v1/canary``: how a candidate stands beside what is set, and its end; for administrators."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from api.canary.evidence import ALPHA, Verdict
from api.dependencies import AdminDep, AdminLane, AuditDep, ServicesDep
from api.schemas.answers import StoppedBody
from api.schemas.base import ResponseBody

router = APIRouter(prefix="/v1/canary", tags=["operation"], dependencies=[AdminDep, AdminLane])


class ArmBody(ResponseBody):
    """Sums of an arm: ``failures`` are those of the conversations' first answers, ``errors`` and ``unsupported`` of all
    answers.
    """

    conversations: int
    failures: int
    answers: int
    errors: int
    unsupported: int


class CanaryBody(ResponseBody):
    """How the canary stands. ``id`` is the candidate's; ``share`` is what is set, whether it runs or not.

    ``verdict`` is ``worse``, ``better`` or ``open``: of the first answers of conversations, up to yesterday (UTC; so
    many ``days``). It may be looked at every day: where the arms are alike, it is anything but ``open`` in at most
    ``alpha`` of all canaries.
    """

    id: str
    share: int
    running: bool
    stopped_at: datetime | None
    reason: str | None
    baseline: ArmBody
    candidate: ArmBody
    days: int
    verdict: Verdict
    e_value: float
    p_value: float
    alpha: float


@router.get("")
def status(services: ServicesDep) -> CanaryBody:
    """How the candidate stands beside what is set."""
    canary = services.canary
    standing = canary.standing()
    return CanaryBody(
        id=canary.id,
        share=services.settings.canary.share,
        running=canary.running,
        stopped_at=standing.stop.stopped_at if standing.stop else None,
        reason=standing.stop.reason if standing.stop else None,
        baseline=ArmBody.model_validate(standing.sums["baseline"]),
        candidate=ArmBody.model_validate(standing.sums["candidate"]),
        days=standing.days,
        verdict=standing.evidence.verdict,
        e_value=standing.evidence.e_value,
        p_value=standing.evidence.p_value,
        alpha=ALPHA,
    )


@router.post("/stop", responses={409: {}})
def stop(services: ServicesDep, audit: AuditDep) -> StoppedBody:
    """Take the candidate back for good: at once in this process, in the others within some seconds.

    ``stopped`` is false where it was stopped before. Another candidate may begin, or this one with another setting.
    """
    with audit.doing("canary.stop", services.canary.id):
        return StoppedBody(stopped=services.canary.stop("An administrator stopped it."))
