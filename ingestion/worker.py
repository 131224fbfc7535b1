"""The worker process, as ``footnote up`` runs it, twice::

    python -m celery -A ingestion.worker worker -P threads -c 2 -Q parse,embed
    python -m celery -A ingestion.worker worker -P threads -c 4 -Q sync,permissions,check -B

The second lists sources and tells the index of permissions and deletions. It needs no parser and no model, and has
threads of its own, so that no document, however slow, holds a revocation up. Where there is more to do, run parsing and
embedding apart as well: parsing wants many cores (``-Q parse``), embedding wants the GPU, and few threads
(``-Q embed -c 1``). Exactly one process, of any kind, runs the schedule (``-B``, or ``celery beat``).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import cache
from typing import Any

from celery.signals import (
    beat_embedded_init,
    setup_logging,
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from prometheus_client import start_http_server

from core.data_dir import check_usable
from core.errors import BrokerUnavailable, ConfigurationError, FootnoteError
from core.logs import configure_logs, get_logger
from core.settings import Settings
from core.settings_source import load_settings
from core.telemetry import BUILD
from core.tether import tether
from core.tracing import set_up_tracing
from core.version import footnote_version
from ingestion.broker import TaskQueue, create_celery
from ingestion.catalog.build import check_catalog
from ingestion.tasks.parts import Parts
from ingestion.tasks.register import register

log = get_logger(__name__)
_lock = threading.Lock()
_MISCONFIGURED = 2
"""The exit status of a process that its settings keep from running."""
NICENESS = 10
"""Of a worker: beside a service that is at work it gets a tenth of a core, alone all of them."""


@cache
def _settings() -> Settings:
    return load_settings()


@cache
def _build_parts() -> Parts:
    return Parts(_settings(), TaskQueue(app))


def _parts() -> Parts:
    with _lock:  # functools.cache alone would let two threads build two
        return _build_parts()


def _settings_or_end() -> Settings:
    """The settings. Where they can't be used, their sentence is the worker's last: Celery would put it into a stack."""
    try:
        settings = _settings()
        if settings.catalog.url is None:
            check_usable(settings.data_dir)
    except FootnoteError as error:
        sys.stderr.write(f"{error.message}\n")
        raise SystemExit(_MISCONFIGURED) from None
    return settings


app = create_celery(_settings_or_end)
register(app, _parts)


def _set_up_logging(**_: Any) -> None:
    configure_logs(_settings().telemetry)


def _set_up_tracing(**_: Any) -> None:
    try:
        set_up_tracing(_settings().telemetry, "worker")
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        raise SystemExit(_MISCONFIGURED) from None


def _check_catalog(**_: Any) -> None:
    try:
        check_catalog(_settings())
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        raise SystemExit(_MISCONFIGURED) from None


def _give_way(**_: Any) -> None:
    """Let whoever answers a reader on this machine go first; the threads and child processes to come inherit it."""
    os.nice(NICENESS)


def _recover_at_start(**_: Any) -> None:
    try:
        TaskQueue(app).send("footnote.recover", {"at_start": True})
    except BrokerUnavailable as error:
        log.warning("recover.postponed", reason=error.message)


def _serve_metrics(**_: Any) -> None:
    telemetry = _settings().telemetry
    port, host = telemetry.worker_metrics_port, telemetry.worker_metrics_host
    if port is None:
        return
    BUILD.info({"version": footnote_version()})
    try:
        start_http_server(port, host)
    except OSError as error:
        # The documents are worth more than their metrics.
        log.warning("metrics.not_served", setting="telemetry.worker_metrics_port", port=port, reason=error.strerror)
    else:
        log.info("metrics.served", port=port, host=host)


def _end_with_worker(**_: Any) -> None:
    """The schedule (``-B``) is a process that the worker forks: one that is killed would leave it behind."""
    tether(os.getppid(), signal.SIGKILL)


_SCHEDULE = "schedule"
_stopping = threading.Event()


def _note_stop(**_: Any) -> None:
    _stopping.set()


def _end_with_schedule(sender: Any, **_: Any) -> None:
    """The other way round: Celery doesn't miss a schedule that is killed, and nothing would be synced or recovered.

    So the worker ends in order, and whoever keeps it alive starts both.
    """
    schedule = getattr(sender.controller, "beat", None)
    watched = any(thread.name == _SCHEDULE for thread in threading.enumerate())  # it is ready after each reconnection
    if schedule is None or watched:
        return

    def watch() -> None:
        schedule.join()
        if not _stopping.is_set():
            log.error("schedule.ended", exit=schedule.exitcode, consequence="the worker ends, to be started with it")
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name=_SCHEDULE, daemon=True).start()


def _close(**_: Any) -> None:
    if _build_parts.cache_info().currsize:
        _parts().close()


beat_embedded_init.connect(_end_with_worker, weak=False)
setup_logging.connect(_set_up_logging, weak=False)
worker_init.connect(_give_way, weak=False)
worker_init.connect(_set_up_tracing, weak=False)
worker_init.connect(_check_catalog, weak=False)
worker_ready.connect(_serve_metrics, weak=False)
worker_ready.connect(_recover_at_start, weak=False)
worker_ready.connect(_end_with_schedule, weak=False)
worker_shutting_down.connect(_note_stop, weak=False)
worker_shutdown.connect(_close, weak=False)
