"""The bounded hand-off between the queues, and the end of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import BrokerUnavailable
from core.logs import get_logger
from ingestion.tasks.parts import Parts

log = get_logger(__name__)


def dispatch(parts: Parts, source_id: str) -> int:
    """Send as many of a source's pending documents to the parsers as it may have in flight; how many.

    Each source has its own room, so that a slow one doesn't hold up another. If the broker is down, the documents
    go back to pending, and ``recover`` sends them once it is up.
    """
    sync = parts.settings.sync
    if parts.catalog.pauses.active("parse"):
        return 0
    tickets = parts.catalog.queue.take_pending(source_id, sync.in_flight, sync.lease_s)
    for sent, ticket in enumerate(tickets):
        try:
            parts.tasks.send("footnote.parse", {"document_id": ticket.document_id, "version": ticket.version})
        except BrokerUnavailable as error:
            parts.catalog.queue.put_back(tickets[sent:])
            log.warning("dispatch.postponed", source_id=source_id, documents=len(tickets) - sent, reason=error.message)
            return sent
    return len(tickets)


def request_embedding(parts: Parts, added_chunks: int | None = None) -> None:
    """Have waiting chunks embedded, once there are enough for a full batch or no more are on their way.

    Args:
        added_chunks: how many the caller just added, so that one task is asked for per full batch, not one for each
            document; None: ask whenever there is enough.
    """
    full = parts.settings.sync.embed_chunks
    backlog = parts.catalog.queue.backlog()
    if backlog.parsed == 0:
        return
    if added_chunks is None:
        filled = backlog.chunks >= full
    else:
        filled = backlog.chunks // full > max(backlog.chunks - added_chunks, 0) // full
    if filled or backlog.queued == 0:
        send_or_leave(parts, "footnote.embed")


def send_or_leave(parts: Parts, task: str, arguments: Mapping[str, Any] | None = None, delay_s: float = 0) -> None:
    """Send a task; if the broker is down, leave the work to ``recover``, which finds it in the catalog."""
    try:
        parts.tasks.send(task, arguments, delay_s=delay_s)
    except BrokerUnavailable as error:
        log.warning("task.postponed", task=task, reason=error.message)


def settle(parts: Parts, source_ids: Iterable[str]) -> None:
    """Finish the runs of these sources that have nothing left to do, and make what they wrote findable."""
    finished = [run for source_id in source_ids for run in parts.catalog.runs.finish_done(source_id)]
    if any(run.indexed or run.deleted for run in finished):
        parts.index.refresh()
    for run in finished:
        log.info(
            "run.finished",
            run_id=run.id,
            source_id=run.source_id,
            state=run.state.value,
            seen=run.seen,
            unchanged=run.unchanged,
            indexed=run.indexed,
            failed=run.failed,
            deleted=run.deleted,
            warned=run.warned,
            retried=run.retried,
        )
