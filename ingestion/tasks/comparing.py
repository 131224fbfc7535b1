"""The compare task, and the mark by which the catalog knows its index.

The index keeps the name of its catalog and an epoch, which grows with each listing: permissions change with nothing
else. So a catalog that is new, or was restored from an older state, finds another mark than it left. It compares itself
with the index then; and now and again anyway, for whatever else may have gone wrong. Behind that, blobs that nothing
refers to are swept.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from core.errors import FootnoteError
from core.logs import get_logger
from ingestion.catalog.comparisons import Comparison
from ingestion.catalog.records import DocumentState
from ingestion.comparing import compare, count, put_right
from ingestion.tasks.hand_off import request_permissions, send_or_leave
from ingestion.tasks.parts import Parts

log = get_logger(__name__)

TASK = "footnote.compare"
STEP_S = 10.0
"""After so long a task lets others have its thread, and the next goes on."""
BLOB_PAGE = 500
BLOB_AGE = timedelta(days=1)
"""Blobs are written before the catalog refers to them: younger ones may be of a task that is still at it."""
_BLOBS = "blobs "
"""Before the position of a comparison that has come to the blobs."""
NOW_AND_AGAIN = "It is done now and again."
_UNMARKED = "The index was never compared with this catalog."
_LOST = "The index is gone: it has no generation, though documents of the catalog were in it."
_STRANGE = "The index was another catalog's: this one is new, or one of the two was exchanged."
_RESTORED = "The index is ahead of the catalog, which was restored from an older state."
_BEHIND = "The index is behind the catalog: it was restored from an older state, or was away for long."


def note_listing(parts: Parts) -> None:
    """Before a source is listed: see whose index this is, and mark it with the next epoch."""
    store = parts.catalog.comparisons
    try:
        above = check_mark(parts)
        if above is None:
            return
        epoch = store.next_epoch(above)
        parts.index_as_it_is.set_mark(_mark(store.get().catalog, epoch))
    except FootnoteError as error:  # no reason to keep a source from being listed; the next listing does it
        log.warning("index.not_marked", reason=error.message)
    else:
        store.told(epoch)


def check_mark(parts: Parts, *, strictly: bool = False) -> int | None:
    """Compare the index's mark with what the catalog left there; a comparison is begun if it is another one.

    Args:
        strictly: an older epoch of this catalog is another mark as well. Where several sources are listed at a time,
            one may be seen for an instant.

    Returns:
        The epoch that the next one must be above; None: there is no index to be marked yet.
    """
    index = parts.index_as_it_is
    if not index.generations():
        if parts.catalog.documents.totals().get(DocumentState.INDEXED) and parts.catalog.comparisons.begin(_LOST):
            log.warning("comparison.begun", reason=_LOST)
        return None
    known = parts.catalog.comparisons.get()
    catalog, _, number = index.mark().partition(" ")
    epoch = int(number or 0)
    reason = None
    if not catalog:
        reason = _UNMARKED
    elif catalog != known.catalog:
        reason = _STRANGE
    elif epoch > known.epoch:
        reason = _RESTORED
    elif strictly and epoch < known.told_epoch:
        reason = _BEHIND
    if reason is not None and parts.catalog.comparisons.begin(reason):
        log.warning("comparison.begun", reason=reason)
    return epoch if catalog == known.catalog else 0


def watch_index(parts: Parts, *, at_start: bool = False) -> None:
    """Begin a comparison when it is time or the index is another one, and have one that was begun go on."""
    store = parts.catalog.comparisons
    if at_start:
        try:
            above = check_mark(parts, strictly=True)
        except FootnoteError as error:
            log.warning("index.not_checked", reason=error.message)
        else:
            if above is not None and store.get().reason not in (None, NOW_AND_AGAIN):
                note_listing(parts)
    known = store.get()
    if known.reason is None and _is_time(parts, known):
        store.begin(NOW_AND_AGAIN)
        known = store.get()
    if known.reason is not None:
        send_or_leave(parts, TASK)


def compare_index(parts: Parts) -> None:
    """The task: go on with the comparison for a while, put right what differs, and send the next."""
    store, lease_s = parts.catalog.comparisons, parts.settings.sync.lease_s
    with parts.owners.new() as owner:
        known = store.claim(owner, lease_s)
        if known is None:
            return
        try:
            over = _go_on(parts, known, owner)
        except BaseException:
            store.release(owner)  # recover sends it again
            raise
        if not over:
            store.release(owner)
    if not over:
        send_or_leave(parts, TASK)


def _go_on(parts: Parts, known: Comparison, owner: str) -> bool:
    """Go through pages until the time is up; whether there is nothing left to do."""
    catalog, index = parts.catalog, parts.index_as_it_is
    until, lease_s = time.monotonic() + STEP_S, parts.settings.sync.lease_s
    found, checked, position = Counter(known.found), known.checked, known.position
    while time.monotonic() < until:
        if position.startswith(_BLOBS):
            behind, swept = sweep_blobs(parts, position.removeprefix(_BLOBS))
            found.update({"blobs": swept} if swept else {})
            if behind is None:
                if catalog.comparisons.finish(owner, found):
                    log.info("comparison.finished", checked=checked, reason=known.reason, **found)
                return True
            position = _BLOBS + behind
        else:
            page = compare(catalog, index, position)
            put_right(catalog, index, page.differences)
            request_permissions(parts)
            found.update(count(page.differences))
            checked += page.checked
            position = _BLOBS if page.position is None else page.position
        if not catalog.comparisons.advance(owner, position, checked, found, lease_s):
            return False
    return False


def sweep_blobs(parts: Parts, after: str) -> tuple[str | None, int]:
    """Delete what a kill left of superseded versions of the next documents: blobs that their documents don't refer to.

    Those of documents that the catalog doesn't know stay: it may be the wrong catalog.

    Returns:
        The last document's id, None at the end; and how many versions were deleted.
    """
    versions = parts.blobs.versions(after, BLOB_PAGE)
    if not versions:
        return None, 0
    wanted = parts.catalog.comparisons.hashes({version.document_id for version in versions})
    oldest = datetime.now(UTC) - BLOB_AGE  # as the store's own clock tells, not the catalog's
    unused = [
        version
        for version in versions
        if version.document_id in wanted
        and version.content_hash not in wanted[version.document_id]
        and version.modified < oldest
    ]
    for version in unused:
        parts.blobs.delete_prefix(f"documents/{version.document_id}/{version.content_hash}")
    if unused:
        log.info("blobs.swept", versions=len(unused))
    return max(version.document_id for version in versions), len(unused)


def _is_time(parts: Parts, known: Comparison) -> bool:
    every = timedelta(seconds=parts.settings.sync.compare_s)
    if known.finished_at is None:
        return False  # the first is begun by the mark
    return known.finished_at + every <= parts.catalog.clock.now()


def _mark(catalog: str, epoch: int) -> str:
    return f"{catalog} {epoch}"
