"""Pausing a stage while something that every document needs is down, or a source: that is no document's fault.

Documents wait where they are, no attempt is counted, and the stage tries again after a while, with little work, until
it gets through. What is a document's own doing is told apart by asking the dependency: an index that answers, and
refuses one document, isn't down.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.errors import (
    FootnoteError,
    IndexUnavailable,
    ModelUnavailable,
    SourceUnavailable,
    StorageUnavailable,
    Unavailable,
)
from core.filters import All
from core.logs import get_logger
from ingestion.catalog.pauses import SOURCE
from ingestion.catalog.records import Pause
from ingestion.tasks.failing import backoff_s
from ingestion.tasks.hand_off import send_or_leave
from ingestion.tasks.parts import Parts

log = get_logger(__name__)

LONGEST_S = 60.0
"""What is back is noticed within a minute, however long it was gone. Sources are asked more rarely."""


def pause_for(
    parts: Parts, stage: str, error: Exception, task: str, arguments: Mapping[str, Any] | None = None
) -> Pause | None:
    """Pause a stage if the error says that something is down; None if the document, or the source, is to answer for it.

    Args:
        task: what is sent once the pause is over, with these arguments; ``recover`` sends it too, if it gets lost.
    """
    if not isinstance(error, FootnoteError) or not is_down(parts, error):
        return None
    paused = pause(parts, stage, error, task, arguments)
    # Patience ends some day, so that a fault that nobody mends shows up as failures; the next sync tries them again.
    return None if is_over(parts, stage) else paused


def pause(
    parts: Parts, stage: str, error: FootnoteError, task: str, arguments: Mapping[str, Any] | None = None
) -> Pause:
    """Pause a stage, or pause it once more; see :func:`pause_for`."""

    def delay_s(tries: int) -> float:
        return min(LONGEST_S, backoff_s(parts.settings.sync, tries))

    paused, begun = parts.catalog.pauses.begin(stage, error.message, delay_s)
    if begun:
        wait_s = (paused.until - parts.catalog.clock.now()).total_seconds()
        log.warning("stage.paused", stage=stage, reason=error.message, tries=paused.tries, wait_s=round(wait_s, 1))
        send_or_leave(parts, task, arguments, max(wait_s, 0.01))
    return paused


def pause_source(
    parts: Parts, source_id: str, error: SourceUnavailable, task: str, arguments: Mapping[str, Any]
) -> Pause | None:
    """Pause a source that doesn't answer, and no other; None once it has waited longer than patience lasts.

    Waits grow up to ``sync.retry_max_s``. Arguments are those of :func:`pause_for`.
    """

    def delay_s(tries: int) -> float:
        return backoff_s(parts.settings.sync, tries)

    paused, begun = parts.catalog.pauses.begin(SOURCE, error.message, delay_s, source_id)
    if begun:
        wait_s = (paused.until - parts.catalog.clock.now()).total_seconds()
        log.warning("source.paused", source_id=source_id, reason=error.message, tries=paused.tries, wait_s=wait_s)
        send_or_leave(parts, task, arguments, max(wait_s, 0.01))
    return None if is_over(parts, SOURCE, source_id) else paused


def is_over(parts: Parts, stage: str, source_id: str = "") -> bool:
    """Whether a stage, or a source, has waited longer than patience lasts."""
    found = parts.catalog.pauses.get(stage, source_id)
    longest = timedelta(seconds=parts.settings.sync.max_pause_s)
    return found is not None and found.until - found.since > longest


def resume(parts: Parts, stage: str, source_id: str = "") -> bool:
    """Note that a stage, or a source, got through; whether it had been paused."""
    found = parts.catalog.pauses.get(stage, source_id)
    if found is None:
        return False
    parts.catalog.pauses.end(stage, source_id)
    log.info("stage.resumed", stage=stage, source_id=source_id, since=found.since.isoformat(), tries=found.tries)
    return True


def is_down(parts: Parts, error: FootnoteError) -> bool:
    """Whether an error says that something is down, so that no document is to blame."""
    if isinstance(error, IndexUnavailable):
        return not _index_answers(parts)
    return isinstance(error, StorageUnavailable | ModelUnavailable)


def _index_answers(parts: Parts) -> bool:
    try:
        # Needs every shard, unlike a ping, which a node answers long before it can serve.
        parts.index_as_it_is.fetch(["footnote-probe"], All(()))
    except Unavailable:
        return False
    except FootnoteError:
        return True  # it refuses us: somebody has to see that
    return True
