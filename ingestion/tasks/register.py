"""The tasks, as Celery knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import Celery, Task
from opentelemetry.trace import SpanKind

from core.errors import Unavailable
from core.logs import correlation_id, get_logger
from core.telemetry import stage
from core.tracing import HEADER, continued
from ingestion.tasks import (
    checking,
    comparing,
    deleting,
    embedding,
    hand_off,
    index_news,
    listing,
    memberships,
    parsing,
    rebuilding,
    recovering,
)
from ingestion.tasks.parts import Parts

log = get_logger(__name__)


def register(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register every task on an app. ``parts`` gives the process's parts, once a task runs."""

    def task(name: str, run: Callable[..., object]) -> None:
        def call(self: Task, **arguments: object) -> None:
            with _as_task(self):
                run(parts(), **arguments)

        app.task(call, name=name, bind=True)

    task("footnote.check", checking.check)
    task("footnote.sync", listing.sync)
    task("footnote.sync_due", recovering.sync_due)
    task("footnote.dispatch", hand_off.dispatch)
    task("footnote.settle", hand_off.settle)
    task("footnote.permissions", index_news.permissions)
    task("footnote.parse", parsing.parse)
    task("footnote.embed", embedding.embed)
    task("footnote.purge", deleting.purge)
    task("footnote.rebuild", rebuilding.rebuild)
    task("footnote.memberships", memberships.sync_memberships)
    task("footnote.memberships_due", memberships.memberships_due)
    task("footnote.compare", comparing.compare_index)
    task("footnote.recover", recovering.recover)


@contextmanager
def _as_task(task: Task) -> Iterator[None]:
    """Put the task's id into the logs, and its span into the trace of whoever sent it.

    A dependency that is down is no crash: the catalog has what is left to do.
    """
    token = correlation_id.set(task.request.id)
    name = task.name.replace("footnote.", "task.")
    sent_with = {HEADER: parent} if (parent := task.request.get(HEADER)) else {}
    try:
        with continued(task.name, sent_with, SpanKind.CONSUMER), stage(name):
            yield
    except Unavailable as error:
        log.warning("task.gave_up", task=task.name, error_class=type(error).__name__, reason=error.message)
    finally:
        correlation_id.reset(token)
