"""The service's work in the background, supervised: what fails is logged, tried again, and shown by ``/readyz``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import anyio
import anyio.to_thread

from api.reviewing import sample_week
from api.wiring import Services
from core.errors import FootnoteError
from core.lazy import StillStarting
from core.logs import get_logger

log = get_logger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 15.0
FLUSH_S = 60.0
AUDIT_FLUSH_S = 1.0
PRUNE_S = 3600.0
USAGE_S = 10.0
CANARY_S = 5.0
EXPIRE_S = 3600.0
REVIEWS_S = 900.0


@dataclass(slots=True)
class BackgroundTask:
    """Work that blocks, done once or again and again, in a thread of its own.

    Attributes:
        name: what readiness and logs call it.
        work: done in a thread; abandoned when the service stops.
        every_s: how long after one round the next begins; None: it is done once.
        done: whether a round has come to its end.
        error: why the latest round failed; None if it didn't.
    """

    name: str
    work: Callable[[], None]
    every_s: float | None = None
    done: bool = False
    error: str | None = None

    async def run(self) -> None:
        """Do the work; returns when it is done for good. A round that fails is done again, later each time."""
        retry_s, threads = FIRST_RETRY_S, anyio.CapacityLimiter(1)
        while True:
            try:
                # Abandoned on shutdown: loading a model can't be interrupted, and must not hold the process up.
                await anyio.to_thread.run_sync(self.work, abandon_on_cancel=True, limiter=threads)
            except StillStarting:  # nothing has failed: another thread is at it
                await anyio.sleep(FIRST_RETRY_S)
                continue
            except Exception as error:  # noqa: BLE001  the boundary of a task: its death must not be the service's, or silent
                self._fail(error, retry_s)
                await anyio.sleep(retry_s)
                retry_s = min(2 * retry_s, LONGEST_RETRY_S)
                continue
            self.done, self.error, retry_s = True, None, FIRST_RETRY_S
            if self.every_s is None:
                return
            await anyio.sleep(self.every_s)

    def _fail(self, error: Exception, retry_s: float) -> None:
        if isinstance(error, FootnoteError):
            self.error = error.message
            log.warning("background.failed", task=self.name, reason=error.message, retry_in_s=retry_s)
        else:
            self.error = f"It failed with {type(error).__name__}; the log says more."
            log.error("background.failed", task=self.name, retry_in_s=retry_s, exc_info=error)


class Background:
    """The tasks of the service.

    Attributes:
        models: loads what asking needs; ``done`` once it is there.
        key_usage: writes down the configuration's keys at once, and each minute when keys were last used.
        audit_log: writes what readers did.
        usage: adds up what answers used.
        canary: adds up how its answers ended, and takes it back where it is worse.
        audit_retention: removes what is older than ``audit.keep_days``.
        conversations: deletes those that were kept for long enough.
        reviews: draws a week's answers for reviewers.
    """

    def __init__(self, services: Services) -> None:
        self.models = BackgroundTask("models", services.warm_up)
        self.key_usage = BackgroundTask("key usage", lambda: flush_keys(services), every_s=FLUSH_S)
        self.audit_log = BackgroundTask("audit log", services.audit.flush, every_s=AUDIT_FLUSH_S)
        self.usage = BackgroundTask("usage", services.usage.flush, every_s=USAGE_S)
        self.canary = BackgroundTask("canary", services.canary.refresh, every_s=CANARY_S)
        self.audit_retention = BackgroundTask("audit retention", services.audit.prune, every_s=PRUNE_S)
        self.conversations = BackgroundTask("conversations", lambda: expire(services), every_s=EXPIRE_S)
        self.reviews = BackgroundTask("reviews", lambda: sample_week(services), every_s=REVIEWS_S)

    async def run(self) -> None:
        """Run all of them."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.models.run)
            tasks.start_soon(self.key_usage.run)
            tasks.start_soon(self.audit_log.run)
            tasks.start_soon(self.usage.run)
            tasks.start_soon(self.canary.run)
            tasks.start_soon(self.audit_retention.run)
            tasks.start_soon(self.conversations.run)
            tasks.start_soon(self.reviews.run)


def flush_keys(services: Services) -> None:
    """Write down the configuration's keys, and when keys were last used.

    Raises:
        StorageUnavailable: the catalog can't be written now.
    """
    services.keys.get().flush()


def expire(services: Services) -> None:
    """Delete the conversations that were kept for long enough; all of them where none are to be kept.

    Raises:
        StorageUnavailable: the catalog can't be written now.
    """
    settings, catalog = services.settings.conversations, services.catalog.get()
    if not settings.keep:
        gone = catalog.conversations.expire(None)
    elif settings.retention_days:
        gone = catalog.conversations.expire(catalog.clock.now() - timedelta(days=settings.retention_days))
    else:
        return
    if gone:
        log.info("conversations.expired", count=gone)
