"""``/v1/canary``: how a candidate stands beside what is set, and its end; for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.canary.evidence import ALPHA, Verdict
from api.conversations.views import readable_among, shown_turns, unchanged
from api.dependencies import AdminDep, AdminLane, AuditDep, CallerDep, ServicesDep
from api.schemas.answers import AnswerBody, StoppedBody
from api.schemas.base import ResponseBody

router = APIRouter(prefix="/v1/canary", tags=["operation"], dependencies=[AdminDep, AdminLane])


class ArmBody(ResponseBody):
    """Sums of an arm: ``failures`` are those of the conversations' first answers, ``errors``, ``unsupported`` and
    ``slow`` of all answers.
    """

    conversations: int
    failures: int
    answers: int
    errors: int
    unsupported: int
    slow: int


class CanaryBody(ResponseBody):
    """How the canary stands. ``id`` is the candidate's; ``share`` is what is set, whether it runs or not, and
    ``share_today`` where its schedule has come to. ``shadow`` are the candidate's answers that nobody was shown.

    ``verdict`` is ``worse``, ``better`` or ``open``: of the first answers of conversations, up to yesterday (UTC; so
    many ``days``). It may be looked at every day: where the arms are alike, it is anything but ``open`` in at most
    ``alpha`` of all canaries.
    """

    id: str
    share: int
    share_today: int
    running: bool
    stopped_at: datetime | None
    reason: str | None
    baseline: ArmBody
    candidate: ArmBody
    shadow: ArmBody
    days: int
    verdict: Verdict
    e_value: float
    p_value: float
    alpha: float


class ShadowBody(ResponseBody):
    """A conversation's first question, its answer as it was shown, and the candidate's, which wasn't."""

    id: str
    asked_at: datetime
    question: str
    baseline: AnswerBody
    candidate: AnswerBody


class ShadowList(ResponseBody):
    """Pairs, the latest first. ``withheld`` of this page were made from what the caller may not read."""

    pairs: list[ShadowBody]
    withheld: int
    more: bool


@router.get("")
def status(services: ServicesDep) -> CanaryBody:
    """How the candidate stands beside what is set."""
    canary = services.canary
    standing = canary.standing()
    return CanaryBody(
        id=canary.id,
        share=services.settings.canary.share,
        share_today=standing.share,
        running=canary.running,
        stopped_at=standing.stop.stopped_at if standing.stop else None,
        reason=standing.stop.reason if standing.stop else None,
        baseline=ArmBody.model_validate(standing.sums["baseline"]),
        candidate=ArmBody.model_validate(standing.sums["candidate"]),
        shadow=ArmBody.model_validate(standing.sums["shadow"]),
        days=standing.days,
        verdict=standing.evidence.verdict,
        e_value=standing.evidence.e_value,
        p_value=standing.evidence.p_value,
        alpha=ALPHA,
    )


@router.get("/shadows")
def shadows(
    caller: CallerDep,
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> ShadowList:
    """What the candidate answered without being shown, beside what was: only where the caller may read all of it."""
    catalog = services.catalog.get()
    found = catalog.shadows.list(services.canary.id, limit + 1, offset)
    page = found[:limit]
    now = readable_among({key for one in page for key in one.documents}, caller.principal, catalog)
    kept = [one for one in page if len(unchanged(one.documents, now)) == len(one.documents)]
    turns = shown_turns([one.turn for one in kept], caller.principal, catalog, own=False)
    pairs = [
        ShadowBody(
            id=turn.answer_id,
            asked_at=turn.asked_at,
            question=turn.question,
            baseline=turn.answer,
            candidate=AnswerBody.model_validate(one.answer),
        )
        for one, turn in zip(kept, turns, strict=True)
        if turn.answer is not None
    ]
    return ShadowList(pairs=pairs, withheld=len(page) - len(pairs), more=len(found) > limit)


@router.post("/stop", responses={409: {}})
def stop(services: ServicesDep, audit: AuditDep) -> StoppedBody:
    """Take the candidate back for good: at once in this process, in the others within some seconds.

    ``stopped`` is false where it was stopped before. Another candidate may begin, or this one with another setting.
    """
    with audit.doing("canary.stop", services.canary.id):
        return StoppedBody(stopped=services.canary.stop("An administrator stopped it."))
