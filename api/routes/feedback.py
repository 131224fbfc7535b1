"""What readers say of answers and sources, and the curators' list of what comes of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from api.auth.principal import Caller
from api.conversations.owner import owner_of
from api.conversations.views import shown_turns
from api.dependencies import (
    AdminLane,
    AuditDep,
    CallerDep,
    ConversationsLane,
    CuratorDep,
    ReaderDep,
    ReviewerDep,
    ServicesDep,
)
from api.json_body import JsonRoute
from api.schemas.feedback import (
    FeedbackBody,
    FeedbackRequest,
    OutdatedBody,
    OutdatedList,
    OutdatedRequest,
    SettledBody,
)
from api.schemas.said import SaidBody, SaidList
from api.wiring import Services
from core.errors import NotAuthenticated, NotFound
from ingestion.catalog.conversation_rows import Turn

router = APIRouter(prefix="/v1", tags=["conversations"], route_class=JsonRoute)

Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


def _answer(answer_id: str, caller: CallerDep, services: ServicesDep) -> Turn:
    """A kept answer of a conversation that the caller may read.

    Raises:
        NotFound: there is none, or not for them.
    """
    owner, catalog = owner_of(caller), services.catalog.get()
    if not (owner.named or owner.terms):
        raise NotAuthenticated("What is said of an answer is kept with it: send an API key.")
    turn = catalog.conversations.turn(answer_id)
    try:
        catalog.conversations.get(turn.conversation_id, owner.name if owner.named else None, owner.terms)
    except NotFound:
        raise NotFound(f"There is no answer {answer_id[:64]!r} that is kept for you.") from None
    return turn


AnswerDep = Annotated[Turn, Depends(_answer)]


@router.put("/answers/{answer_id}/feedback", dependencies=[ReaderDep, ConversationsLane])
def say(turn: AnswerDep, body: FeedbackRequest, caller: CallerDep, services: ServicesDep) -> FeedbackBody:
    """Say whether an answer is good, and why not. Said once more, it stands in the place of what was said before."""
    reader, store = owner_of(caller).name, services.catalog.get().feedback
    store.say(turn.answer_id, reader, body.rating, list(dict.fromkeys(body.reasons)), body.comment.strip())
    return FeedbackBody.model_validate(store.of([turn.answer_id], reader)[turn.answer_id])


@router.delete("/answers/{answer_id}/feedback", status_code=204, dependencies=[ReaderDep, ConversationsLane])
def take_back(turn: AnswerDep, caller: CallerDep, services: ServicesDep) -> None:
    """Take back what one said of an answer."""
    services.catalog.get().feedback.take_back(turn.answer_id, owner_of(caller).name)


@router.post("/answers/{answer_id}/outdated", status_code=204, dependencies=[ReaderDep, ConversationsLane])
def report(turn: AnswerDep, body: OutdatedRequest, caller: CallerDep, services: ServicesDep) -> None:
    """Say that a source of an answer is outdated: the curators find it in their list."""
    catalog, document_id = services.catalog.get(), body.document_id
    readable = catalog.documents.readable([document_id], caller.principal)
    if document_id not in turn.documents or document_id not in readable:
        raise NotFound(f"The answer has no source {document_id!r} that you may read.")
    catalog.feedback.report(document_id, owner_of(caller).name, body.comment.strip(), turn.documents[document_id])


@router.get("/feedback", dependencies=[ReviewerDep, AdminLane])
def list_feedback(
    caller: CallerDep,
    services: ServicesDep,
    rating: Literal["up", "down"] | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> SaidList:
    """What readers say of answers, the latest first, without their names.

    An answer is shown with its question and sources as far as the reviewer may read these documents.
    """
    return _said(caller, services, rating, limit, offset)


def _said(
    caller: Caller, services: Services, rating: Literal["up", "down"] | None, limit: int, offset: int
) -> SaidList:
    catalog = services.catalog.get()
    found = catalog.feedback.list(rating, limit, offset)
    turns = {turn.answer_id: turn for _, turn in found}
    shown = {one.answer_id: one for one in shown_turns(list(turns.values()), caller.principal, catalog, own=False)}
    said = []
    for feedback, _ in found:
        turn = shown[feedback.answer_id]
        if turn.withheld:  # a question may repeat what its answers, or those before it, said
            turn = turn.model_copy(update={"question": ""})
        said.append(SaidBody(feedback=FeedbackBody.model_validate(feedback), turn=turn))
    return SaidList(feedback=said, **catalog.feedback.counts())


@router.get("/outdated", dependencies=[CuratorDep, AdminLane])
def list_outdated(services: ServicesDep, limit: Limit = 50, offset: Offset = 0) -> OutdatedList:
    """The documents that readers say are outdated, the latest said first."""
    found, total = services.catalog.get().feedback.outdated(limit, offset)
    return OutdatedList(documents=[OutdatedBody.model_validate(one) for one in found], total=total)


@router.delete("/outdated/{document_id}", dependencies=[CuratorDep, AdminLane])
def settle(document_id: str, audit: AuditDep, services: ServicesDep) -> SettledBody:
    """Take a document off that list: it was seen to."""
    with audit.doing("outdated.settle", document_id):
        return SettledBody(settled=services.catalog.get().feedback.settle(document_id))
