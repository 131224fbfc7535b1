"""The worker process, as ``footnote up`` runs it, twice::

    python -m celery -A ingestion.worker worker -P threads -c 2 -Q parse,embed
    python -m celery -A ingestion.worker worker -P threads -c 4 -Q sync,permissions -B

The second lists sources and tells the index of permissions and deletions. It needs no parser and no model, and has
threads of its own, so that no document, however slow, holds a revocation up. Where there is more to do, run parsing and
embedding apart as well: parsing wants many cores (``-Q parse``), embedding wants the GPU, and few threads
(``-Q embed -c 1``). Exactly one process, of any kind, runs the schedule (``-B``, or ``celery beat``).
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from celery.signals import setup_logging, worker_init, worker_ready, worker_shutdown
from prometheus_client import start_http_server

from core.errors import BrokerUnavailable
from core.logs import configure_logs, get_logger
from core.settings import Settings
from core.settings_source import load_settings
from ingestion.broker import TaskQueue, create_celery
from ingestion.tasks.parts import Parts
from ingestion.tasks.register import register

log = get_logger(__name__)
_lock = threading.Lock()


@cache
def _settings() -> Settings:
    return load_settings()


@cache
def _build_parts() -> Parts:
    return Parts(_settings(), TaskQueue(app))


def _parts() -> Parts:
    with _lock:  # functools.cache alone would let two threads build two
        return _build_parts()


app = create_celery(_settings)
register(app, _parts)


def _set_up_logging(**_: Any) -> None:
    configure_logs(_settings().telemetry)


def _check_settings(**_: Any) -> None:
    _settings()  # a wrong setting stops the worker here, with its sentence


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
    try:
        start_http_server(port, host)
    except OSError as error:
        # The documents are worth more than their metrics.
        log.warning("metrics.not_served", setting="telemetry.worker_metrics_port", port=port, reason=error.strerror)
    else:
        log.info("metrics.served", port=port, host=host)


def _close(**_: Any) -> None:
    if _build_parts.cache_info().currsize:
        _parts().close()


setup_logging.connect(_set_up_logging, weak=False)
worker_init.connect(_check_settings, weak=False)
worker_ready.connect(_serve_metrics, weak=False)
worker_ready.connect(_recover_at_start, weak=False)
worker_shutdown.connect(_close, weak=False)
