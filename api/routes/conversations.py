"""``/v1/conversations``: one's own, and those that others share: listed, read, renamed, exported, deleted."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.auth.principal import Caller
from api.conversations.markdown import markdown_of
from api.conversations.owner import Owner, owner_of
from api.conversations.views import shown_turns
from api.dependencies import AuditDep, CallerDep, ConversationsLane, ReaderDep, ServicesDep, ready
from api.json_body import JsonRoute
from api.schemas.conversations import (
    CONTROL,
    ConversationBody,
    ConversationDetail,
    ConversationList,
    DeletedBody,
    RenameRequest,
    ShareBody,
    ShareRequest,
)
from api.wiring import Services
from core.errors import InvalidRequest, NotAuthenticated
from core.principal import AccessList
from ingestion.catalog.conversation_rows import Conversation

router = APIRouter(
    prefix="/v1/conversations",
    tags=["conversations"],
    route_class=JsonRoute,
    dependencies=[ReaderDep, ConversationsLane],
)

Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=100_000)]
Search = Annotated[str, Query(max_length=200, description="In titles and questions, in capitals or not.")]


@router.get("")
def list_conversations(
    caller: CallerDep, services: ServicesDep, q: Search = "", limit: Limit = 50, offset: Offset = 0
) -> ConversationList:
    """One's own conversations, the latest first. Who has no name has none."""
    owner = owner_of(caller)
    kept = owner.named and services.settings.conversations.keep
    if not kept:
        return ConversationList(conversations=[], total=0, kept=False)
    found, total = services.catalog.get().conversations.list(owner.name, q, limit, offset)
    return ConversationList(conversations=[_body(one, owner) for one in found], total=total, kept=True)


@router.get("/{conversation_id}")
def conversation(conversation_id: str, caller: CallerDep, services: ServicesDep) -> ConversationDetail:
    """A conversation, one's own or one that is shared, with what the caller may read of it now."""
    return detail(conversation_id, caller, services)


@router.get(
    "/{conversation_id}/export",
    response_class=Response,
    responses={
        200: {
            "content": {
                "text/markdown": {"schema": {"type": "string"}},
                "application/json": {"schema": {"$ref": "#/components/schemas/ConversationDetail"}},
            }
        }
    },
)
def export(
    conversation_id: str, caller: CallerDep, services: ServicesDep, format: Literal["markdown", "json"] = "markdown"
) -> Response:
    """A conversation as a file: Markdown with footnotes, or JSON with citations."""
    found = detail(conversation_id, caller, services)
    as_json = format == "json"
    content = found.model_dump_json(indent=2) if as_json else markdown_of(found)
    name = f"conversation-{found.created_at:%Y-%m-%d}.{'json' if as_json else 'md'}"
    media_type = "application/json" if as_json else "text/markdown; charset=utf-8"
    return Response(content, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})


@router.patch("/{conversation_id}")
def rename(conversation_id: str, body: RenameRequest, caller: CallerDep, services: ServicesDep) -> ConversationBody:
    """Give one's own conversation another title."""
    title = " ".join(body.title.split())
    if not title or CONTROL.search(title):
        raise InvalidRequest("The title needs letters, and no control characters.")
    owner = owner_of(caller)
    return _body(services.catalog.get().conversations.rename(conversation_id, owner.name, title), owner)


@router.put("/{conversation_id}/share")
def share(
    conversation_id: str, body: ShareRequest, caller: CallerDep, services: ServicesDep, audit: AuditDep
) -> ConversationBody:
    """Let others read one's own conversation. Each sees the answers all of whose sources they may read themselves."""
    if not (body.everybody or body.users or body.groups):
        raise InvalidRequest("Say who may read it: everybody, users or groups. DELETE takes it back from all.")
    readers = AccessList(body.everybody, frozenset(body.users), frozenset(body.groups))
    with_whom = {"everybody": body.everybody, "users": sorted(readers.users), "groups": sorted(readers.groups)}
    owner = owner_of(caller)
    with audit.doing("conversation.share", conversation_id, **with_whom):
        return _body(services.catalog.get().conversations.share(conversation_id, owner.name, readers), owner)


@router.delete("/{conversation_id}/share")
def unshare(conversation_id: str, caller: CallerDep, services: ServicesDep, audit: AuditDep) -> ConversationBody:
    """Let nobody else read one's own conversation any more."""
    owner = owner_of(caller)
    with audit.doing("conversation.unshare", conversation_id):
        return _body(services.catalog.get().conversations.share(conversation_id, owner.name, None), owner)


@router.delete("/{conversation_id}")
async def delete(conversation_id: str, caller: CallerDep, services: ServicesDep, audit: AuditDep) -> DeletedBody:
    """Delete one's own conversation, with what was said of its answers. An answer under way is stopped."""
    owner = owner_of(caller)
    store = (await ready(services.catalog)).conversations

    def forget() -> list[str]:
        with audit.doing("conversation.delete", conversation_id):
            return store.delete(conversation_id, owner.name)

    answers = await services.lanes.conversations.run_in_place(forget)
    await services.live.forget(answers)
    return DeletedBody(deleted=1)


@router.delete("")
async def delete_all(caller: CallerDep, services: ServicesDep, audit: AuditDep) -> DeletedBody:
    """Delete all of one's own conversations."""
    owner = owner_of(caller)
    if not owner.named:
        raise NotAuthenticated("Conversations belong to who has a name: send an API key.")
    store = (await ready(services.catalog)).conversations

    def forget() -> tuple[int, list[str]]:
        with audit.doing("conversation.delete_all") as deed:
            deleted, answers = store.delete_all(owner.name)
            deed.detail["deleted"] = deleted
            return deleted, answers

    deleted, answers = await services.lanes.conversations.run_in_place(forget)
    await services.live.forget(answers)
    return DeletedBody(deleted=deleted)


def detail(conversation_id: str, caller: Caller, services: Services) -> ConversationDetail:
    """A conversation with its turns, as the caller may see them now.

    Raises:
        NotFound: there is none of that id for the caller.
    """
    owner, catalog = owner_of(caller), services.catalog.get()
    found = catalog.conversations.get(conversation_id, owner.name if owner.named else None, owner.terms)
    turns = catalog.conversations.turns(conversation_id)
    said = catalog.feedback.of([turn.answer_id for turn in turns], owner.name)
    shown = shown_turns(turns, caller.principal, catalog, own=found.owner == owner.name, feedback=said)
    return ConversationDetail(**_body(found, owner).model_dump(), turns=shown)


def _body(found: Conversation, owner: Owner) -> ConversationBody:
    mine = found.owner == owner.name
    shared = None
    if mine and found.shared is not None:
        lists = {"users": sorted(found.shared.users), "groups": sorted(found.shared.groups)}
        shared = ShareBody(everybody=found.shared.public, **lists)
    times = {"created_at": found.created_at, "updated_at": found.updated_at}
    return ConversationBody(id=found.id, title=found.title, mine=mine, shared=shared, **times)
