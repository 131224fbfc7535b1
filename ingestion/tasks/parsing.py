"""The parse task: one document's bytes, to text and passages in the blob store."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import PurePosixPath

from core.errors import EmptyDocument, FootnoteError, SourceUnavailable
from core.logs import get_logger
from core.telemetry import stage
from ingestion.blobs import original_key, parsed_key
from ingestion.catalog.pauses import SOURCE
from ingestion.catalog.queue import Ticket
from ingestion.catalog.records import Work
from ingestion.catalog.rows import merge_metadata
from ingestion.chunking.build import build_chunker, fingerprint
from ingestion.disk import check_reserve
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.kinds import told_kind
from ingestion.partitioning.port import Partition
from ingestion.tasks.failing import backoff_s, give_up, log_unexpected, may_retry
from ingestion.tasks.fetching import original_of
from ingestion.tasks.hand_off import dispatch, request_embedding, send_or_leave, settle
from ingestion.tasks.inner import check_depth, enter_inner, refuse
from ingestion.tasks.ownership import kept_alive
from ingestion.tasks.parts import Parts
from ingestion.tasks.pausing import pause_for, pause_source, resume
from ingestion.tasks.vector_reuse import content_key

log = get_logger(__name__)

STAGE = "parse"


def parse(parts: Parts, document_id: str, version: int, suspect: bool = False) -> None:
    """Parse one version of a document. Does nothing if it changed since, or if a living worker is at it.

    Args:
        suspect: a worker died of it, or of what it had beside it: nothing goes beside it now.
    """
    lease_s = parts.settings.sync.lease_s
    queue = parts.catalog.queue
    trial = parts.trials.alone() if suspect else parts.trials.beside_others()
    with trial, parts.owners.new() as owner:
        work = queue.claim_for_parsing(Ticket(document_id, version, suspect), owner, lease_s)
        if work is None:
            return
        source_id = work.record.source_id
        if pause := parts.catalog.pauses.active(STAGE) or parts.catalog.pauses.active(SOURCE, source_id):
            parts.catalog.outcomes.postpone_parsing(work, owner, pause.until)
            request_embedding(parts, 0)  # it may have been the last one that a batch was waiting for
            return
        try:
            with kept_alive(lambda: queue.extend(owner, [document_id], lease_s), lease_s):
                chunks = _parse(parts, work, owner)
        except Exception as error:  # noqa: BLE001 - the boundary of the task: every failure is recorded
            _failed(parts, work, owner, error)
            return
    resume(parts, STAGE)
    if work.record.parent_id is None and resume(parts, SOURCE, source_id):
        dispatch(parts, source_id)  # it had been tried with this document alone
    if chunks is None:
        _go_on(parts, source_id)
    else:
        request_embedding(parts, chunks)


def _failed(parts: Parts, work: Work, owner: str, error: Exception) -> None:
    sync = parts.settings.sync
    if not isinstance(error, FootnoteError):
        log_unexpected(parts, "parse.unexpected", work.record.source_id, error, document_id=work.record.id)
    source_id = work.record.source_id
    pause = pause_for(parts, STAGE, error, "footnote.dispatch", {"source_id": source_id})
    if pause is not None:
        parts.catalog.outcomes.postpone_parsing(work, owner, pause.until)
        return
    wait_s = 0.0
    if isinstance(error, SourceUnavailable):
        silent, wait_s = _pause_source(parts, source_id, error)
        if silent and wait_s:
            parts.catalog.outcomes.postpone_parsing(work, owner, parts.catalog.clock.now() + timedelta(seconds=wait_s))
            request_embedding(parts, 0)
            return
    if may_retry(error) and work.attempts < sync.max_attempts:
        delay_s = max(backoff_s(sync, work.attempts), wait_s)
        parts.catalog.outcomes.retry_parsing(work, owner, delay_s)
        log.warning("parse.retry", document_id=work.record.id, error_class=type(error).__name__, attempt=work.attempts)
        send_or_leave(parts, "footnote.dispatch", {"source_id": source_id}, delay_s)
    else:
        give_up(parts, work, owner, STAGE, error)
        _go_on(parts, source_id)


def _pause_source(parts: Parts, source_id: str, error: SourceUnavailable) -> tuple[bool, float]:
    """Pause a source; whether it had been silent already, and how many seconds the document waits.

    A document is to blame only if the source had answered since it last didn't; 0 once patience has ended.
    """
    silent = parts.catalog.pauses.get(SOURCE, source_id) is not None
    pause = pause_source(parts, source_id, error, "footnote.dispatch", {"source_id": source_id})
    wait_s = 0.0 if pause is None else (pause.until - parts.catalog.clock.now()).total_seconds()
    return silent, wait_s


def _go_on(parts: Parts, source_id: str) -> None:
    """After a document that was given up: the next ones."""
    dispatch(parts, source_id)
    # It may have been the last one that a batch was waiting for.
    request_embedding(parts, 0)
    settle(parts, [source_id])


def _parse(parts: Parts, work: Work, owner: str) -> int | None:
    """Its number of chunks; 0 if it isn't this owner's any more, None if nobody may read it."""
    record = work.record
    name = file_name(work)
    check_reserve(parts.settings)
    check_depth(parts, record)
    with ExitStack() as fetched:
        with stage("ingest.fetch"):
            original = fetched.enter_context(original_of(parts, work))
            content_hash = original.content_hash
            parts.blobs.put_file(original_key(record.id, content_hash), original.content)
        with stage("ingest.partition"):
            partition = parts.partitioner.partition(original.content, name=name, media_type=original.media_type)
    if partition.readers is not None and not partition.readers.include(record.acl):
        refuse(parts, work, partition.readers)
        return None
    with stage("ingest.chunk"):
        parsed = _cut(parts, work, partition, name)
    parts.blobs.put(parsed_key(record.id, content_hash), parsed.to_bytes())
    enter_inner(parts, work, partition)
    stored = parts.catalog.outcomes.parsed(
        work,
        owner,
        content_hash=content_hash,
        chunks=len(parsed.passages),
        media_type=parsed.media_type,
        own=parsed.metadata,
        name=name,
        content_key=content_key(parsed.title, parsed.text),
        warning=" ".join(partition.secrets) or None,
        readers=partition.readers,
    )
    return len(parsed.passages) if stored else 0


def file_name(work: Work) -> str:
    """What a document's file is called, by whose ending its kind may be told.

    Sources whose ids aren't names, as SharePoint's, give it as the title.
    """
    external_id, title = work.record.external_id, work.source_metadata.title
    last = PurePosixPath(external_id).name or external_id
    by_title = told_kind(last, None) is None and told_kind(title, None) is not None
    return PurePosixPath(title).name if by_title else last


def _cut(parts: Parts, work: Work, partition: Partition, name: str) -> ParsedDocument:
    chunking = parts.settings.chunking
    document = build_chunker(chunking, parts.embedder).chunk(partition)
    if not document.passages:
        raise EmptyDocument(f"{name} holds no text that could be searched.")
    return ParsedDocument(
        title=merge_metadata(work.source_metadata, partition.metadata, name).title,
        metadata=partition.metadata,
        media_type=partition.media_type,
        text=document.text,
        elements=document.elements,
        passages=document.passages,
        parser=partition.parser,
        warnings=(*partition.warnings, *partition.secrets),
        chunking=fingerprint(chunking),
        pages=document.pages,
    )
