"""Telling the index what it has yet to hear: new permissions and metadata first, deletions next, batch by batch.

None of it waits for content: it needs no parser and no model, has a queue of its own, and is tried again until the
index has heard it, however long that is down.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import FootnoteError, StorageUnavailable
from core.logs import get_logger
from core.telemetry import DOCUMENTS, FAILURES, stage
from ingestion.catalog.queue import Ticket
from ingestion.catalog.records import DocumentState, Work
from ingestion.tasks.failing import explain, may_retry
from ingestion.tasks.hand_off import PERMISSIONS, settle
from ingestion.tasks.parts import Parts
from ingestion.tasks.pausing import is_down, is_over, pause, resume
from retrieval.index.port import DocumentUpdate, SearchIndex

log = get_logger(__name__)

STAGE = "permissions"
BATCH = 2000
"""Documents that the index is told of at once: each time costs it a refresh, and an embedded one a walk through all
its rows."""
MAX_CHUNKS = 4096
"""Of the documents of one batch."""
FORGOTTEN = 200
"""Documents whose blobs and rows are deleted at once."""


def tell_index(parts: Parts, source_id: str | None = None) -> bool:
    """Tell the index what it has yet to hear, of a source or of all; whether it has heard everything.

    While the index is down this returns at once; what is left is told once it is back.
    """
    due = parts.catalog.index_due
    if due.any(source_id):
        if parts.catalog.pauses.active(STAGE):
            return False
        try:
            _tell_all(parts, source_id)
        except _DownError as error:
            pause(parts, STAGE, error.cause, PERMISSIONS)
            return False
    resume(parts, STAGE)
    return _forget(parts, source_id)


def permissions(parts: Parts) -> None:
    """The task: tell the index what it has yet to hear, and end the runs that waited for it."""
    if tell_index(parts):
        settle(parts, {run.source_id for run in parts.catalog.runs.active()})


class _DownError(Exception):
    """The index is down, or has no room."""

    def __init__(self, cause: FootnoteError) -> None:
        super().__init__(cause.message)
        self.cause = cause


def _tell_all(parts: Parts, source_id: str | None) -> None:
    after = ""
    stuck: FootnoteError | None = None
    while works := parts.catalog.index_due.next(BATCH, MAX_CHUNKS, source_id, after):
        with stage("ingest.permissions", documents=len(works)):
            stuck = _tell(parts, works) or stuck
        after = works[-1].record.id
    if stuck is not None:
        raise _DownError(stuck)


def _tell(parts: Parts, works: Sequence[Work]) -> FootnoteError | None:
    """Tell the index of a batch. A document that it doesn't take stands for itself: why one couldn't be told yet."""
    try:
        _write(parts.index_as_it_is, works)
    except FootnoteError as error:
        if is_down(parts, error):
            raise _DownError(error) from error
        if len(works) > 1:
            half = len(works) // 2
            reasons = [_tell(parts, some) for some in (works[:half], works[half:])]
            return reasons[0] or reasons[1]
        if may_retry(error) and not is_over(parts, STAGE):
            return error
        _refused(parts, works[0], error)
        return None
    parts.catalog.index_due.heard([Ticket(work.record.id, work.record.version) for work in works])
    return None


def _write(index: SearchIndex, works: Sequence[Work]) -> None:
    present = [work for work in works if work.record.state is not DocumentState.DELETING]
    if present:
        index.update_documents([_update_of(work) for work in present])
    gone = {work.record.id: work.record.version for work in works if work.record.state is DocumentState.DELETING}
    if gone:
        index.delete_documents(gone)


def _update_of(work: Work) -> DocumentUpdate:
    record = work.record
    return DocumentUpdate(
        record.id,
        acl=record.acl.terms(),
        metadata=record.metadata,
        uri=record.uri,
        up_to=record.version,
        # What is parsed anew keeps its old chunks until it is indexed: they go as chunks of an older version.
        restamp=record.state is DocumentState.UPDATING,
    )


def _refused(parts: Parts, work: Work, error: FootnoteError) -> None:
    """Old permissions must not stay in force because new ones can't be written: the document goes, and is a failure."""
    record = work.record
    try:
        parts.index_as_it_is.delete_documents({record.id: record.version})
    except FootnoteError as worse:
        raise _DownError(worse) from worse
    message = f"The index refuses its permissions and metadata, so it was taken out: {explain(error)}"
    if parts.catalog.index_due.refused(work, error_class=type(error).__name__, message=message):
        DOCUMENTS.labels("failed").inc()
        FAILURES.labels(STAGE, type(error).__name__).inc()
        log.warning("document.failed", document_id=record.id, stage=STAGE, error_class=type(error).__name__)


def _forget(parts: Parts, source_id: str | None) -> bool:
    """Delete blobs and rows of documents that are gone from the index; whether all could be."""
    left: list[str] = []
    while ids := parts.catalog.index_due.cleared(FORGOTTEN, source_id, left):
        with stage("ingest.delete", documents=len(ids)):
            done = [document_id for document_id in ids if _deleted(parts, document_id)]
            count = parts.catalog.removal.forget(done)
        DOCUMENTS.labels("deleted").inc(count)
        left += [document_id for document_id in ids if document_id not in set(done)]
        if len(left) >= FORGOTTEN:  # the store is down: recover has it tried again
            break
    return not left


def _deleted(parts: Parts, document_id: str) -> bool:
    try:
        parts.blobs.delete_prefix(f"documents/{document_id}")
    except StorageUnavailable as error:
        log.warning("blobs.left", document_id=document_id, reason=error.message)
        return False
    return True
