"""Finding work that nobody is at any more. The catalog knows all of it, whatever became of messages and workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from core.errors import NotFound, Unavailable
from core.logs import get_logger
from ingestion.catalog.records import DocumentState, RunState
from ingestion.tasks.comparing import watch_index
from ingestion.tasks.failing import give_up
from ingestion.tasks.hand_off import PERMISSIONS, dispatch, send_listing, send_or_leave, settle, start_queued
from ingestion.tasks.memberships import MEMBERSHIPS
from ingestion.tasks.ownership import is_dead
from ingestion.tasks.parts import Parts

log = get_logger(__name__)

IsLost = Callable[[str | None], bool]


def recover(parts: Parts, *, at_start: bool = False) -> None:
    """Take over what dead workers held, and send what the queues have lost.

    Args:
        at_start: the worker just started. With the embedded broker it is the only one, on this host: what a process
            that is no more held, and every message that was sent before, need not be waited for.
    """
    alone = at_start and parts.settings.broker.url is None
    forgotten = parts.tasks.has_lost_everything()
    if forgotten:
        log.warning("broker.empty", consequence="everything that waits is sent again")

    def lost(owner: str | None) -> bool:
        gone = alone and (owner is None or is_dead(owner))
        unsent = forgotten and owner is None
        return gone or unsent or parts.owners.has_ended(owner)

    _recover_runs(parts, lost)
    _recover_documents(parts, lost)
    _recover_rebuild(parts, lost)
    _recover_memberships(parts, lost)
    for source_id in parts.catalog.queue.sources_with_pending():
        dispatch(parts, source_id)
    backlog = parts.catalog.queue.backlog()
    if backlog.parsed:
        send_or_leave(parts, "footnote.embed")
    if parts.catalog.index_due.any() or parts.catalog.index_due.cleared(1):
        send_or_leave(parts, PERMISSIONS)
    settle(parts, {run.source_id for run in parts.catalog.runs.active()})
    send_or_leave(parts, "footnote.purge")
    parts.catalog.tallies.sum_up()
    parts.catalog.standings.measure()
    parts.catalog.visibility.sum_up()
    watch_index(parts, at_start=at_start)


def _recover_runs(parts: Parts, lost: IsLost) -> None:
    for run_id in parts.catalog.runs.take_lost(parts.settings.sync.lease_s, lost):
        log.warning("run.taken_over", run_id=run_id)
        send_listing(parts, run_id)
    start_queued(parts)


def _recover_documents(parts: Parts, lost: IsLost) -> None:
    sync = parts.settings.sync
    taken = parts.catalog.queue.take_lost(sync.lease_s, lost, parts.owners.has_ended)
    given_up = set()
    for work in taken.blamed:
        if work.attempts < sync.max_attempts:
            continue
        stage = "parse" if work.record.state is DocumentState.QUEUED else "embed"
        error = WorkerLost(f"The worker died {work.attempts} times while it had this document and no other.")
        give_up(parts, work, None, stage, error)
        given_up.add(work.record.id)
    if taken.queued or taken.suspects or taken.blamed:
        counts = {"queued": len(taken.queued), "suspects": taken.suspects, "blamed": len(taken.blamed)}
        log.warning("documents.taken_over", **counts)
    for ticket in taken.queued:
        if ticket.document_id not in given_up:
            send_or_leave(parts, "footnote.parse", asdict(ticket))


def _recover_rebuild(parts: Parts, lost: IsLost) -> None:
    build = parts.catalog.rebuilds.take_lost(parts.settings.sync.lease_s, lost)
    if build is not None:
        log.warning("rebuild.taken_over", generation=build.generation, step=build.step)
        send_or_leave(parts, "footnote.rebuild", {"generation": build.generation, "step": build.step})


def _recover_memberships(parts: Parts, lost: IsLost) -> None:
    for source_id in parts.catalog.membership_syncs.free_lost(lost):
        log.warning("memberships.taken_over", source_id=source_id)
        send_or_leave(parts, MEMBERSHIPS, {"source_id": source_id})


class WorkerLost(Unavailable):
    """A worker died, more than once, at the same document, which it had alone."""

    slug = "worker-lost"


def sync_due(parts: Parts) -> None:
    """Start a run for every enabled source whose interval has passed."""
    lease_s = parts.settings.sync.lease_s
    for source in parts.catalog.sources.due():
        try:
            run, new = parts.catalog.runs.begin(source.id, lease_s)
        except NotFound as error:
            log.info("sync_due.skipped", source_id=source.id, reason=error.message)
            continue
        if new and run.state is RunState.RUNNING:
            send_listing(parts, run.id)
