"""The sync task: what a source has, entered into the catalog; what it no longer has, removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

from core.errors import FootnoteError, SourceUnavailable
from core.logs import get_logger
from core.telemetry import stage
from ingestion.catalog.pauses import SOURCE
from ingestion.catalog.records import Run, RunKind
from ingestion.connectors.port import Change, Delete, Page, Present, Unreadable, Upsert, Withheld
from ingestion.tasks.comparing import note_listing
from ingestion.tasks.failing import backoff_s, explain, log_unexpected, may_retry
from ingestion.tasks.guarding import Guard
from ingestion.tasks.hand_off import dispatch, send_or_leave, settle, start_queued
from ingestion.tasks.index_news import tell_index
from ingestion.tasks.ownership import kept_alive
from ingestion.tasks.parts import Parts
from ingestion.tasks.pausing import pause_for, pause_source, resume
from ingestion.tasks.planning import plan

log = get_logger(__name__)

BATCH = 200
STAGE = "list"
TELL_AT = 2000
"""Changes after which the index is told of them, as each time costs it a refresh; earlier after some seconds."""
TELL_S = 15.0
_NAMED = 20
"""Withheld files that a line of the log names."""


class _LeaseLostError(Exception):
    """The run ended or is to end, its source is paused, or another worker took it over."""


def sync(parts: Parts, run_id: str) -> None:
    """List the source of a run. Does nothing for a run that is listed already, or that a living worker is at."""
    with parts.owners.new() as owner:
        run = parts.catalog.runs.claim(run_id, owner, parts.settings.sync.lease_s)
        if run is None:
            return
        try:
            _sync(parts, run, owner)
        except _LeaseLostError:
            why = parts.catalog.runs.let_go(run_id, owner)
            log.warning("sync.stopped", run_id=run_id, why=why or "taken over")
            settle(parts, [run.source_id])
        except Exception as error:  # noqa: BLE001 - the boundary of the task: whatever it is, the run must not hang
            _failed(parts, run, owner, error)
        else:
            resume(parts, STAGE)
            resume(parts, SOURCE, run.source_id)
            dispatch(parts, run.source_id)
            settle(parts, [run.source_id])
    start_queued(parts, run.source_id)


def _sync(parts: Parts, run: Run, owner: str) -> None:
    lease_s = parts.settings.sync.lease_s
    runs = parts.catalog.runs

    def hold() -> None:
        if not runs.hold(run.id, owner, lease_s):
            raise _LeaseLostError

    with kept_alive(lambda: runs.hold(run.id, owner, lease_s), lease_s), stage("ingest.list"):
        if run.kind is RunKind.PLAN:
            ended = runs.end_plan(run.id, owner, plan(parts, run, hold))
        else:
            ended = runs.end_listing(run.id, owner, _list(parts, run, Guard(parts, run, hold)))
    if not ended:
        raise _LeaseLostError


def _failed(parts: Parts, run: Run, owner: str, error: Exception) -> None:
    sync_settings = parts.settings.sync
    if isinstance(error, SourceUnavailable):
        pause = pause_source(parts, run.source_id, error, "footnote.sync", {"run_id": run.id})
    else:
        pause = pause_for(parts, STAGE, error, "footnote.sync", {"run_id": run.id})
    if pause is not None:
        wait_s = (pause.until - parts.catalog.clock.now()).total_seconds()
        parts.catalog.runs.release(run.id, owner, wait_s, counted=False)
        return
    attempts = parts.catalog.runs.attempts(run.id)
    if not isinstance(error, FootnoteError):
        log_unexpected(parts, "sync.unexpected", run.source_id, error, run_id=run.id)
    if may_retry(error) and attempts < sync_settings.max_attempts:
        delay_s = backoff_s(sync_settings, attempts)
        parts.catalog.runs.release(run.id, owner, delay_s + sync_settings.lease_s)
        send_or_leave(parts, "footnote.sync", {"run_id": run.id}, delay_s)
        log.warning("sync.retry", run_id=run.id, error_class=type(error).__name__, delay_s=round(delay_s, 1))
        return
    parts.catalog.runs.fail(run.id, explain(error))
    log.error("sync.failed", run_id=run.id, source_id=run.source_id, error_class=type(error).__name__)


def _list(parts: Parts, run: Run, guard: Guard) -> str | None:
    source = parts.catalog.sources.get(run.source_id)
    note_listing(parts)
    parser = parts.parser()
    cursors = parts.catalog.cursors
    start = cursors.start(source.id, run.id, full=run.full)
    last = Page(changes=(), cursor=start.cursor, complete=start.listed)
    if not start.listed:
        news = _News(parts, source.id)
        with closing(parts.connector(source)) as connector:
            for page in connector.changes(start.cursor, parts.catalog.known(source.id)):
                _turn(parts, run, page, parser, guard)
                news.entered(len(page.changes))
                last = page
        news.tell()
    return _conclude(parts, run, last, guard, parser)


class _News:
    """Tells the index of a listing's permissions and deletions while it goes on, before anything of it is parsed.

    Should the source fall silent, or the listing fail, ``recover`` does it: the catalog knows what is due.
    """

    def __init__(self, parts: Parts, source_id: str) -> None:
        self._parts = parts
        self._source_id = source_id
        self._entered = 0
        self._told = time.monotonic()

    def entered(self, changes: int) -> None:
        """So many more changes are in the catalog."""
        self._entered += changes
        if self._entered >= TELL_AT or time.monotonic() - self._told > TELL_S:
            self.tell()

    def tell(self) -> None:
        """Tell the index of all that it has yet to hear."""
        tell_index(self._parts, self._source_id)
        self._entered, self._told = 0, time.monotonic()


def _turn(parts: Parts, run: Run, page: Page, parser: int, guard: Guard) -> None:
    """Enter a page; a listing that is cut off goes on behind it."""
    for batch in _batches(page.changes):
        guard.hold()
        _enter(parts, run, batch, parser, guard)
        # Parsing starts while the listing goes on.
        dispatch(parts, run.source_id)
    parts.catalog.cursors.save(run.source_id, run.id, page)


def _conclude(parts: Parts, run: Run, last: Page, guard: Guard, parser: int) -> str | None:
    guard.hold()
    if last.complete:
        parts.catalog.warnings.forget_unmet(run.source_id, run.id)
        guard.prune()
    else:
        # An incremental listing doesn't name what failed last time, so it is brought up here.
        parts.catalog.outcomes.retry_failed(run.source_id, run.id, parser=parser)
    if guard.refused is None:  # else the cursor stays: the next listing sees the same
        parts.catalog.cursors.conclude(run.source_id, last.cursor)
        guard.end()
    return guard.refused


def _enter(parts: Parts, run: Run, changes: Sequence[Change], parser: int, guard: Guard) -> None:
    found = [_storable(change) for change in changes if isinstance(change, Upsert | Unreadable | Present)]
    gone: Sequence[str] = [change.external_id for change in changes if isinstance(change, Delete)]
    withheld = [change for change in changes if isinstance(change, Withheld)]
    if found:
        withheld += parts.catalog.intake.apply(run.id, run.source_id, found, parser=parser)
    if withheld:
        _withhold(parts, run, withheld, guard.hold)
    if gone := guard.named(gone):
        parts.catalog.removal.mark_named(run.source_id, gone, run.id)


def _withhold(parts: Parts, run: Run, withheld: Sequence[Withheld], hold: Callable[[], None]) -> None:
    """Take out what is never a document, should an older version have taken it in, and say what was met.

    Not left to pruning, which a listing that isn't complete, or that lacks too much, doesn't come to.
    """
    named = [one.external_id for one in withheld]
    removal = parts.catalog.removal
    removal.mark_named(run.source_id, [name for name in named if name[-1:] not in ("", "/")], run.id)
    for folder in (name for name in named if name[-1:] in ("", "/")):
        while removal.mark_below(run.source_id, folder, BATCH, run.id):
            hold()
            tell_index(parts, run.source_id)
    parts.catalog.warnings.withhold(run.source_id, run.id, withheld)
    log.warning("sync.withheld", run_id=run.id, source_id=run.source_id, files=len(named), names=named[:_NAMED])


def _storable(change: Upsert | Unreadable | Present) -> Upsert | Unreadable | Present:
    """A name that is not Unicode can't be kept in a database; the document is reported instead of stopping the sync."""
    name = change.external_id
    if _is_text(name) and (isinstance(change, Present) or _is_text(change.uri)):
        return change
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\0")
    return Unreadable(shown, shown, f"The name {shown!r} is not valid Unicode: rename the document in its source.")


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Cut into batches that name each document once: the last word on it counts."""
    batch: list[Change] = []
    for change in changes:
        batch.append(change)
        if len(batch) == BATCH:
            yield _last_words(batch)
            batch = []
    if batch:
        yield _last_words(batch)


def _last_words(batch: list[Change]) -> list[Change]:
    return list({change.external_id: change for change in batch}.values())
