"""``/v1/reviews``: answers that were given, for people to review: one reviewer at a time, each by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.principal import Caller
from api.conversations.owner import owner_of
from api.conversations.views import readable_among, shown_turns
from api.dependencies import AdminDep, AdminLane, AuditDep, CallerDep, ReviewerDep, ServicesDep
from api.json_body import JsonRoute
from api.reviewing import sample_now
from api.schemas.reviews import (
    LabelBody,
    LabelList,
    NextPairs,
    PairBody,
    ProgressBody,
    ReviewProgress,
    ReviewRequest,
    SampleBody,
)
from core.errors import NotAuthenticated
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.reviews import CRITERIA, Open, Review, unknown

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], route_class=JsonRoute)

_AT_ONCE = 100
Count = Annotated[int, Query(ge=1, le=100)]


@router.get("", dependencies=[ReviewerDep, AdminLane])
def progress(caller: CallerDep, services: ServicesDep) -> ReviewProgress:
    """How far the reviews of each sample are, and until when they are due."""
    catalog = services.catalog.get()
    found, now = catalog.reviews.progress(_reviewer(caller)), catalog.clock.now()
    samples = [
        ProgressBody(
            sample=one.sample,
            due_at=one.due_at,
            overdue=one.done < one.wanted and one.due_at < now,
            pairs=one.pairs,
            wanted=one.wanted,
            done=one.done,
            mine=one.mine,
        )
        for one in found
    ]
    return ReviewProgress(weekly=services.settings.review.weekly, samples=samples)


@router.get("/next", dependencies=[ReviewerDep, AdminLane])
def next_pairs(caller: CallerDep, services: ServicesDep, limit: Count = 1) -> NextPairs:
    """What the caller could review next: only answers all of whose documents they may read now.

    What others said of them, and how they were rated, isn't told.
    """
    catalog = services.catalog.get()
    waiting, pairs = catalog.reviews.open_to(_reviewer(caller)), list[PairBody]()
    for at in range(0, len(waiting), _AT_ONCE):
        pairs += _shown(catalog.reviews.get(waiting[at : at + _AT_ONCE]), caller, catalog)
        if len(pairs) >= limit:
            break
    return NextPairs(pairs=pairs[:limit])


@router.get("/labels", dependencies=[ReviewerDep, AdminLane])
def labels(
    caller: CallerDep,
    services: ServicesDep,
    limit: Count = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> LabelList:
    """What reviewers said of the answers that as many have reviewed as are wanted."""
    catalog = services.catalog.get()
    found = catalog.reviews.list(limit + 1, offset)
    page = found[:limit]
    ids, shown = list(dict.fromkeys(one.answer_id for one in page)), dict[str, PairBody]()
    for at in range(0, len(ids), _AT_ONCE):
        shown |= {one.id: one for one in _shown(catalog.reviews.get(ids[at : at + _AT_ONCE]), caller, catalog)}
    return LabelList(labels=[_label(one, shown.get(one.answer_id)) for one in page], more=len(found) > limit)


@router.post("/sample", status_code=201, dependencies=[AdminDep, AdminLane])
def sample(services: ServicesDep, audit: AuditDep) -> SampleBody:
    """Draw from the answers of the last seven days now, without waiting for the week's end."""
    with audit.doing("reviews.sample") as deed:
        name, pairs = sample_now(services)
        deed.object_name, deed.detail["pairs"] = name, pairs
    return SampleBody(sample=name, pairs=pairs)


@router.put("/{answer_id}", status_code=204, dependencies=[ReviewerDep, AdminLane], responses={409: {}})
def say(answer_id: str, body: ReviewRequest, caller: CallerDep, audit: AuditDep, services: ServicesDep) -> None:
    """Review an answer, or change what one said of it."""
    catalog, reviewer = services.catalog.get(), _reviewer(caller)
    scores = {criterion: getattr(body, criterion) for criterion in CRITERIA}
    with audit.doing("review.say", answer_id):
        if not _shown(catalog.reviews.get([answer_id]), caller, catalog):
            raise unknown(answer_id)
        catalog.reviews.say(answer_id, reviewer, scores, body.cause, body.comment.strip())


def _reviewer(caller: Caller) -> str:
    owner = owner_of(caller)
    if not owner.named:
        raise NotAuthenticated("A review needs a reviewer: send a key, or sign in with a name.")
    return owner.name


def _label(review: Review, pair: PairBody | None) -> LabelBody:
    return LabelBody(
        id=review.answer_id,
        sample=review.sample,
        outcome=review.outcome,
        department=review.department if pair else "",
        weight=review.weight,
        reviewer=review.reviewer,
        scores=dict(review.scores),
        cause=review.cause,
        comment=review.comment if pair else "",
        said_at=review.said_at,
        pair=pair,
    )


def _shown(found: Sequence[Open], caller: Caller, catalog: Catalog) -> list[PairBody]:
    """Those that the caller may read with all that they were made from, and that their questions may repeat."""
    readable = readable_among({document for one in found for document in one.documents}, caller.principal, catalog)
    kept = [one for one in found if one.documents <= readable.keys()]
    turns = shown_turns([one.turn for one in kept], caller.principal, catalog, own=False)
    return [
        PairBody(
            id=turn.answer_id,
            sample=one.sample,
            due_at=one.due_at,
            asked_at=turn.asked_at,
            question=turn.question,
            answer=turn.answer,
        )
        for one, turn in zip(kept, turns, strict=True)
        if turn.answer is not None
    ]
