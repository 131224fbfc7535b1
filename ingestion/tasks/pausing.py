"""Pausing a stage while something that every document needs is down: that is no document's fault.

Documents wait where they are, no attempt is counted, and the stage tries again after a while, with little work, until
it gets through. What is a document's own doing is told apart by asking the dependency: an index that answers, and
refuses one document, isn't down.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.errors import FootnoteError, IndexUnavailable, ModelUnavailable, StorageUnavailable, Unavailable
from core.filters import All
from core.logs import get_logger
from ingestion.catalog.records import Pause
from ingestion.tasks.failing import backoff_s
from ingestion.tasks.hand_off import send_or_leave
from ingestion.tasks.parts import Parts

log = get_logger(__name__)

LONGEST_S = 60.0
"""What is back is noticed within a minute, however long it was gone."""


def pause_for(
    parts: Parts, stage: str, error: Exception, task: str, arguments: Mapping[str, Any] | None = None
) -> Pause | None:
    """Pause a stage if the error says that something is down; None if the document, or the source, is to answer for it.

    Args:
        task: what is sent once the pause is over, with these arguments; ``recover`` sends it too, if it gets lost.
    """
    if not isinstance(error, FootnoteError) or not _is_down(parts, error):
        return None

    def delay_s(tries: int) -> float:
        return min(LONGEST_S, backoff_s(parts.settings.sync, tries))

    pause, begun = parts.catalog.pauses.begin(stage, error.message, delay_s)
    if begun:
        wait_s = (pause.until - parts.catalog.clock.now()).total_seconds()
        log.warning("stage.paused", stage=stage, reason=error.message, tries=pause.tries, wait_s=round(wait_s, 1))
        send_or_leave(parts, task, arguments, max(wait_s, 0.01))
    # Patience ends some day, so that a fault that nobody mends shows up as failures; the next sync tries them again.
    return None if pause.until - pause.since > timedelta(seconds=parts.settings.sync.max_pause_s) else pause


def resume(parts: Parts, stage: str) -> None:
    """Note that a stage got through."""
    pause = parts.catalog.pauses.get(stage)
    if pause is not None:
        parts.catalog.pauses.end(stage)
        log.info("stage.resumed", stage=stage, since=pause.since.isoformat(), tries=pause.tries)


def _is_down(parts: Parts, error: FootnoteError) -> bool:
    if isinstance(error, IndexUnavailable):
        return not _index_answers(parts)
    return isinstance(error, StorageUnavailable | ModelUnavailable)


def _index_answers(parts: Parts) -> bool:
    try:
        # Needs every shard, unlike a ping, which a node answers long before it can serve.
        parts.index.fetch(["footnote-probe"], All(()))
    except Unavailable:
        return False
    except FootnoteError:
        return True  # it refuses us: somebody has to see that
    return True
