"""The embed task: chunks of many documents in one pass of the model, then into the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from core.chunk import Chunk
from core.errors import Conflict, FootnoteError, NotFound, StorageUnavailable, Unavailable
from core.filters import AnyOf
from core.logs import get_logger
from core.telemetry import CHUNKS, DOCUMENTS, stage
from ingestion.blobs import parsed_key
from ingestion.catalog.records import DocumentRecord, Work
from ingestion.chunking.chunks import Common, as_chunks
from ingestion.disk import check_reserve
from ingestion.parsed import ParsedDocument
from ingestion.tasks.failing import backoff_s, give_up, may_retry
from ingestion.tasks.hand_off import dispatch, request_embedding, send_or_leave, settle
from ingestion.tasks.ownership import kept_alive
from ingestion.tasks.parts import Parts
from ingestion.tasks.pausing import pause_for, resume
from ingestion.tasks.reusing import embed_others, known_vectors
from ingestion.tasks.vector_reuse import content_key, twin_ids, twins_vectors

log = get_logger(__name__)

STAGE = "embed"
CATALOG_BEHIND = "The index holds later versions of documents than the catalog knows."


def embed(parts: Parts) -> None:
    """Embed and index what waits for it, a batch of documents together. Does nothing when nothing waits."""
    sync = parts.settings.sync
    queue = parts.catalog.queue
    suspect = queue.suspect_waits()
    trial = parts.trials.alone() if suspect else parts.trials.beside_others()
    with trial, parts.owners.new() as owner:
        if parts.catalog.pauses.active(STAGE):
            return
        if suspect:
            works = queue.claim_suspect(owner, sync.lease_s)
        else:
            # What was down is tried with one document first.
            chunks = 1 if parts.catalog.pauses.get(STAGE) else sync.embed_chunks
            works = queue.claim_for_embedding(owner, chunks, sync.lease_s)
        if not works:
            if suspect:  # somebody else has it: what this task was sent for is yet to be done
                request_embedding(parts)
            return
        ids = [work.record.id for work in works]
        with kept_alive(lambda: queue.extend(owner, ids, sync.lease_s), sync.lease_s):
            _embed(parts, works, owner)
    sources = {work.record.source_id for work in works}
    for source_id in sources:
        dispatch(parts, source_id)
    settle(parts, sources)
    request_embedding(parts)


def _embed(parts: Parts, works: Sequence[Work], owner: str) -> None:
    try:
        _index(parts, works, owner)
    except Exception as error:  # the boundary of the task: every failure is recorded
        if not isinstance(error, FootnoteError):
            log.exception("embed.unexpected", documents=len(works), exc_info=error)
        if len(works) > 1 and not isinstance(error, Unavailable):
            # One of them is to blame: alone, each stands for itself.
            for work in works:
                _embed(parts, [work], owner)
            return
        _failed(parts, works, owner, error)


def _failed(parts: Parts, works: Sequence[Work], owner: str, error: Exception) -> None:
    pause = pause_for(parts, STAGE, error, "footnote.embed")
    if pause is not None:
        parts.catalog.outcomes.postpone_embedding([work.record.id for work in works], owner, pause.until)
    else:
        _retry_or_give_up(parts, works, owner, error)


def _retry_or_give_up(parts: Parts, works: Sequence[Work], owner: str, error: Exception) -> None:
    sync = parts.settings.sync
    again = [work for work in works if may_retry(error) and work.attempts < sync.max_attempts]
    if again:
        delay_s = backoff_s(sync, max(work.attempts for work in again))
        parts.catalog.outcomes.retry_embedding([work.record.id for work in again], owner, delay_s)
        log.warning("embed.retry", documents=len(again), error_class=type(error).__name__, delay_s=round(delay_s, 1))
        send_or_leave(parts, "footnote.embed", delay_s=delay_s)
    for work in works:
        if work not in again:
            give_up(parts, work, owner, STAGE, error)


def _index(parts: Parts, works: Sequence[Work], owner: str) -> None:
    check_reserve(parts.settings)
    chunks: list[Chunk] = []
    whole: list[Work] = []
    unread: list[tuple[Work, StorageUnavailable]] = []
    keys: dict[str, str] = {}
    for work in works:
        try:
            parsed = _load(parts, work)
            chunks.extend(chunks_of(work.record, parsed))
            keys[work.record.id] = content_key(work.record.metadata.title, parsed.text)
            whole.append(work)
        except NotFound:
            # Its text is gone from the blob store: it has to be parsed again.
            parts.catalog.outcomes.retry_parsing(work, owner, 0)
        except StorageUnavailable as error:
            unread.append((work, error))
    if unread and not whole:
        raise unread[0][1]
    twins = parts.catalog.documents.twins(keys)
    refused = _write(parts, chunks, frozenset(work.record.id for work in whole if work.record.version > 1), twins)
    written = [work for work in whole if work.record.id not in refused]
    stale = {work.record.id: work.record.version for work in written if work.record.version > 1}
    if stale:
        parts.index.delete_stale(stale)
    done = parts.catalog.outcomes.indexed(owner, [work.record.id for work in written])
    resume(parts, STAGE)
    DOCUMENTS.labels("indexed").inc(len(done))
    for work in whole:
        if work.record.id in refused:
            _overtaken(parts, work, owner, refused[work.record.id])
        elif work.record.id in done:
            _drop_old_blobs(parts, work)
        else:  # whatever ended the claim tells the index by itself
            log.info("embed.late", document_id=work.record.id, version=work.record.version)
    for work, fault in unread:
        # Others could be read, so the store is there: this one has to answer for itself.
        _retry_or_give_up(parts, [work], owner, fault)


def _write(parts: Parts, chunks: Sequence[Chunk], changed: frozenset[str], twins: Mapping[str, str]) -> dict[str, int]:
    """Embed chunks and put them into the index.

    Of ``changed`` documents, those that stayed keep their vectors; those of documents with ``twins`` share theirs.

    Returns:
        Documents of which the index has heard something later, and takes nothing; with the version that it has heard
        of.
    """
    alike = twin_ids(chunks, twins)
    refused: dict[str, int] = {}
    for some in _slices(chunks, parts.settings.sync.embed_chunks):
        known = known_vectors(parts.index, some, changed) if changed else {}
        wanted = {chunk.id: alike[chunk.id] for chunk in some if chunk.id in alike and chunk.id not in known}
        if wanted:
            known |= twins_vectors(parts.index, wanted, frozenset(twins.values()))
        with stage("ingest.embed", chunks=len(some) - len(known)):
            embedded = embed_others(parts.embedder, some, known)
        with stage("ingest.index", chunks=len(embedded)):
            refused |= parts.index.upsert(embedded)
        CHUNKS.inc(sum(one.chunk.document_id not in refused for one in embedded))
    return refused


def _load(parts: Parts, work: Work) -> ParsedDocument:
    if work.parsed_hash is None:
        raise NotFound(f"{work.record.id} was never parsed.")
    return ParsedDocument.from_bytes(parts.blobs.get(parsed_key(work.record.id, work.parsed_hash)))


def _drop_old_blobs(parts: Parts, work: Work) -> None:
    old = work.record.content_hash
    if old is None or old == work.parsed_hash:
        return
    try:
        parts.blobs.delete_prefix(f"documents/{work.record.id}/{old}")
    except Unavailable as error:
        # They cost room, nothing else; they go with the document.
        log.warning("blobs.left", document_id=work.record.id, reason=error.message)


def _overtaken(parts: Parts, work: Work, owner: str, heard: int) -> None:
    """See to a document of which the index has heard something later than this version.

    As a rule the document has changed, and somebody is at the new version. Where the catalog knows of no change, either
    the document was deleted and has come back, so that it goes on above its deletion; or the index holds a later state
    of it, because the catalog was restored from an older one. Its permissions may be later ones then, so it isn't
    written over: the comparison sees to it.
    """
    record = work.record
    log.info("embed.late", document_id=record.id, version=record.version, heard=heard)
    if not parts.catalog.outcomes.holds(work, owner):
        return
    if parts.index.count_documents(AnyOf("document_id", frozenset({record.id}))) == 0:
        parts.catalog.outcomes.go_on_above(work, owner, heard)
        return
    parts.catalog.comparisons.begin(CATALOG_BEHIND)
    why = f"The index holds version {heard} of it, and the catalog knows only version {record.version}"
    give_up(parts, work, owner, STAGE, Conflict(f"{why}: it is left as it is until both have been compared."))


def chunks_of(record: DocumentRecord, parsed: ParsedDocument) -> list[Chunk]:
    """The chunks of a parsed document, with the permissions and metadata it has now."""
    common = Common(
        document_id=record.id,
        source_id=record.source_id,
        uri=record.uri,
        metadata=record.metadata,
        acl=record.acl.terms(),
        version=record.version,
    )
    return as_chunks(parsed.text, parsed.passages, common)


def _slices(chunks: Sequence[Chunk], size: int) -> Iterator[Sequence[Chunk]]:
    for start in range(0, len(chunks), size):
        yield chunks[start : start + size]
