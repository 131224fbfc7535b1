"""The bounded hand-off between the queues, and the end of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from core.errors import BrokerUnavailable, Unavailable
from core.logs import get_logger
from ingestion.catalog.pauses import SOURCE
from ingestion.catalog.records import Run
from ingestion.tasks.parts import Parts

log = get_logger(__name__)

PERMISSIONS = "footnote.permissions"
"""The task of :mod:`ingestion.tasks.index_news`."""


def dispatch(parts: Parts, source_id: str) -> int:
    """Send as many of a source's pending documents to the parsers as it may have in flight; how many.

    Sources share the room by weight, so that none holds up another for more than what is in the queues. One that
    didn't answer is tried with a single document. If the broker is down, the documents go back to pending, and
    ``recover`` sends them once it is up.
    """
    sync, pauses = parts.settings.sync, parts.catalog.pauses
    if pauses.active("parse") or pauses.active(SOURCE, source_id):
        return 0
    silent = pauses.get(SOURCE, source_id) is not None
    in_flight = 1 if silent else sync.in_flight
    tickets = parts.catalog.queue.take_pending(source_id, in_flight, sync.lease_s, untried=silent)
    for sent, ticket in enumerate(tickets):
        try:
            parts.tasks.send("footnote.parse", asdict(ticket))
        except BrokerUnavailable as error:
            parts.catalog.queue.put_back(tickets[sent:])
            log.warning("dispatch.postponed", source_id=source_id, documents=len(tickets) - sent, reason=error.message)
            return sent
    return len(tickets)


def request_embedding(parts: Parts, added_chunks: int | None = None) -> None:
    """Have waiting chunks embedded, once there are enough for a full batch or no more are on their way.

    A suspect is embedded alone, so it waits for no batch.

    Args:
        added_chunks: how many the caller just added, so that one task is asked for per full batch, not one for each
            document; None: ask whenever there is enough.
    """
    full = parts.settings.sync.embed_chunks
    backlog = parts.catalog.queue.backlog()
    if backlog.parsed == 0:
        return
    if added_chunks is None:
        filled = backlog.chunks >= full or backlog.suspects > 0
    else:
        filled = backlog.chunks // full > max(backlog.chunks - added_chunks, 0) // full
    if filled or backlog.queued == 0:
        send_or_leave(parts, "footnote.embed")


def request_permissions(parts: Parts, source_id: str | None = None) -> None:
    """Have the index told what it has yet to hear, if there is something."""
    if parts.catalog.index_due.any(source_id):
        send_or_leave(parts, PERMISSIONS)


def send_or_leave(parts: Parts, task: str, arguments: Mapping[str, Any] | None = None, delay_s: float = 0) -> None:
    """Send a task; if the broker is down, leave the work to ``recover``, which finds it in the catalog."""
    try:
        parts.tasks.send(task, arguments, delay_s=delay_s)
    except BrokerUnavailable as error:
        log.warning("task.postponed", task=task, reason=error.message)


def send_listing(parts: Parts, run_id: str) -> None:
    """Send the listing of a run; if the broker is down, ``recover`` does it once it is up."""
    try:
        parts.tasks.send("footnote.sync", {"run_id": run_id})
    except BrokerUnavailable as error:
        parts.catalog.runs.unsent(run_id)
        log.warning("task.postponed", task="footnote.sync", reason=error.message)


def start_queued(parts: Parts, source_id: str | None = None) -> None:
    """Start the syncs that were asked for while their source was being listed, where that is over."""
    for run_id in parts.catalog.runs.start_queued(parts.settings.sync.lease_s, source_id):
        send_listing(parts, run_id)


def settle(parts: Parts, source_ids: Iterable[str]) -> None:
    """Finish the runs of these sources that have nothing left to do: what they wrote is made findable first."""
    for source_id in source_ids:
        done = parts.catalog.runs.done(source_id)
        if not done:
            continue
        if any(run.indexed or run.deleted for run in done):
            try:
                parts.index_as_it_is.refresh()
            except Unavailable as error:  # recover tries again
                log.warning("run.not_findable", source_id=source_id, reason=error.message)
                continue
        for run in parts.catalog.runs.finish_done(source_id, {run.id for run in done}):
            log.info("run.finished", **_summary(run))


def _summary(run: Run) -> dict[str, Any]:
    counts = ("seen", "unchanged", "indexed", "failed", "deleted", "warned", "retried", "superseded", "bytes")
    told = {count: getattr(run, count) for count in counts}
    return {"run_id": run.id, "source_id": run.source_id, "state": run.state.value, **told}
