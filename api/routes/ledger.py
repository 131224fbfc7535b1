"""``/v1/ledger``: documents as the catalog has them, for curators, who may not read all of them.

Names, facts and access lists are told, and no text: what a document says is for who may read it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request

from api.asking import checked_question
from api.audit import actor_of
from api.auth.principal import Caller, principal_named
from api.dependencies import AdminLane, AuditDep, CallerDep, CuratorDep, ServicesDep, ready
from api.json_body import JsonRoute
from api.routes.documents import title_of
from api.schemas.ledger import (
    HoldingBody,
    LedgerEntry,
    LedgerList,
    LifeBody,
    NamedReader,
    ReaderBody,
    StandingPassage,
    TermBody,
    WhyBody,
    WhyRequest,
)
from api.schemas.search import MetadataBody
from api.schemas.sources import FailureBody, WarningBody
from api.wiring import Services
from core.errors import InvalidRequest, NotAuthorised, NotFound, Unavailable
from core.filters import parse_filters
from core.principal import AccessList, Principal, is_of_a_source
from core.roles import Role, has_role
from ingestion.blobs import parsed_key
from ingestion.catalog.audit_entries import Deed
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.records import DocumentRecord, DocumentState

if TYPE_CHECKING:
    from retrieval.index.port import IndexedDocument

router = APIRouter(prefix="/v1/ledger", tags=["sources"], dependencies=[CuratorDep], route_class=JsonRoute)

Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
Text = Annotated[str, Query(max_length=1000)]
User = Annotated[str, Query(min_length=1, max_length=200)]
Groups = Annotated[list[str], Query(max_length=1000)]
_MOST_PASSAGES = 1000
_ALIKE = 20
"""Ids that share all signs but the last: among so many the one that is meant is looked for."""


@router.get("", dependencies=[AdminLane], responses={404: {}})
def list_documents(
    services: ServicesDep,
    *,
    source_id: str | None = None,
    contains: Text = "",
    state: DocumentState | None = None,
    named: Text | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> LedgerList:
    """A source's documents by name, those that contain a text; or, ``named``, those of this id or name anywhere."""
    documents = services.catalog.get().documents
    if named is not None:
        found = documents.named(named)
    elif source_id is not None:
        services.catalog.get().sources.get(source_id)
        found = documents.list(source_id, limit + 1, offset, contains=contains, state=state)
    else:
        raise InvalidRequest("Say which documents: source_id, or named (an id, or a name in its source).")
    shown = [LedgerEntry(**_entry(document)) for document in found[:limit]]
    return LedgerList(documents=shown, more=len(found) > limit)


@router.get("/{document_id}", dependencies=[AdminLane])
def life(
    document_id: str,
    request: Request,
    caller: CallerDep,
    services: ServicesDep,
    *,
    user: User | None = None,
    group: Groups = [],  # noqa: B006 - FastAPI copies it
) -> LifeBody:
    """A document's life. With ``user`` or ``group``, whether a reader of these may read it, by its access list."""
    catalog = services.catalog.get()
    document = catalog.documents.get(document_id)
    asked = _reader(principal_named(user, group), catalog, document.acl) if user or group else None
    named = {"user": user, "groups": group} if asked else {}
    services.audit.note(actor_of(request, caller), Deed(action="document.inspect", object_id=document.id, detail=named))
    held, degraded = _held(services, document.id)
    source = catalog.sources.get(document.source_id)
    warning = catalog.warnings.of(document.id)
    return LifeBody(
        **_entry(document),
        source=source.name,
        kind=source.kind,
        media_type=document.media_type,
        parent_id=document.parent_id,
        inner=catalog.documents.count_inner(document.id),
        created_at=document.created_at,
        content_hash=document.content_hash,
        metadata=MetadataBody.of(document.metadata),
        origins=dict(document.metadata.origins),
        readers=_terms(catalog, document.acl),
        index=held,
        passages=_passages(services, document),
        failure=_failure(catalog, document.id),
        warning=None if warning is None else WarningBody.model_validate(warning),
        reader=asked,
        degraded=degraded,
    )


@router.post("/{document_id}/why")
async def why(document_id: str, body: WhyRequest, caller: CallerDep, services: ServicesDep, audit: AuditDep) -> WhyBody:
    """Why a question finds a document, or doesn't: for the caller, or for somebody that their key may speak for.

    It is a search with all that holds for one: what the reader may not read has no rank.
    """
    question = checked_question(body.question, services.settings.api.max_question_chars)
    filters = parse_filters(body.filters)
    asked = _whose(caller, body.reader)
    retriever, catalog = await ready(services.retriever), await ready(services.catalog)

    def run() -> WhyBody:
        told = {**services.audit.question(question), **(body.reader.model_dump(mode="json") if body.reader else {})}
        with audit.doing("document.explain", document_id, **told):
            document = catalog.documents.get(document_id)
            reader = _synced(asked, catalog) if body.reader else asked
            explained = retriever.explain(question, reader, document.id, filters=filters, pipeline=body.pipeline)
        about = {name: _entry(document)[name] for name in ("document_id", "source_id", "external_id", "title", "state")}
        scores = caller.admin and body.reader is None
        return WhyBody.of(about, _reader(reader, catalog, document.acl), explained, scores=scores)

    return await services.lanes.searches.run(run)


def _whose(caller: Caller, named: NamedReader | None) -> Principal:
    """Whose search is explained: what acting for somebody needs, this needs.

    Raises:
        NotAuthorised: the caller has no reader's role, or names somebody and may not act for others.
    """
    if not has_role(caller.roles, Role.READER):
        raise NotAuthorised("What a search finds is for readers: this needs the role reader as well.")
    if named is None:
        return caller.principal
    if caller.key is None or not caller.key.grant.may_act:
        raise NotAuthorised(
            "What somebody else finds is told to a key that may act for others: footnote keys create --act --role "
            "curator --role reader NAME. Whether they may read the document, GET /v1/ledger/ID?user= says without it."
        )
    return principal_named(named.user, named.groups)


def _synced(reader: Principal, catalog: Catalog) -> Principal:
    return replace(reader, synced=catalog.memberships.groups_of(reader.user))


def _reader(reader: Principal, catalog: Catalog, acl: AccessList) -> ReaderBody:
    reader = reader if reader.synced else _synced(reader, catalog)
    opening = reader.terms.intersection(acl.terms())
    return ReaderBody(
        user=reader.user, groups=sorted(reader.groups), synced_groups=sorted(reader.synced), opened_by=sorted(opening)
    )


def _entry(document: DocumentRecord) -> dict[str, Any]:
    same = ("source_id", "external_id", "uri", "state", "version", "chunks", "size", "updated_at", "indexed_at")
    told = {name: getattr(document, name) for name in same}
    return {"document_id": document.id, "title": title_of(document), **told}


def _terms(catalog: Catalog, acl: AccessList) -> list[TermBody]:
    """The access list, its sources' groups with how many are in each."""
    groups = [group for group in acl.groups if is_of_a_source(group)]
    sizes = catalog.memberships.sizes(groups)
    found = []
    for term in acl.terms():
        group = term.removeprefix("group:") if term.startswith("group:") else ""
        source_id = group.partition("/")[0] if is_of_a_source(group) else None
        found.append(TermBody(term=term, source_id=source_id, members=sizes.get(group, 0) if source_id else None))
    return found


def _held(services: Services, document_id: str) -> tuple[HoldingBody | None, list[str]]:
    """What the index holds of a document, and what had to be done without."""
    try:
        near: list[IndexedDocument] = services.index.get().documents(document_id[:-1], _ALIKE)
    except Unavailable as error:
        return None, [f"index: {error.message}"]
    for one in near:
        if one.document_id == document_id:
            versions = {str(version): chunks for version, chunks in sorted(one.versions.items())}
            return HoldingBody(versions=versions, terms=None if one.acl is None else sorted(one.acl)), []
    return None, []


def _passages(services: Services, document: DocumentRecord) -> list[StandingPassage]:
    if document.content_hash is None:
        return []
    from ingestion.parsed import ParsedDocument  # noqa: PLC0415  brings the chunking package

    try:
        parsed = ParsedDocument.from_bytes(services.blobs.get().get(parsed_key(document.id, document.content_hash)))
    except NotFound:
        return []  # its next version took its place meanwhile
    return [StandingPassage.model_validate(passage) for passage in parsed.passages[:_MOST_PASSAGES]]


def _failure(catalog: Catalog, document_id: str) -> FailureBody | None:
    try:
        return FailureBody.model_validate(catalog.failures.find(document_id))
    except NotFound:
        return None
