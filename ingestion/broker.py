"""The task queue: where it is, how Celery is set up on it, and sending tasks to it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from core.errors import BrokerUnavailable
from core.settings import Settings
from core.tracing import trace_headers

_MAX_SOCKET_PATH = 100
"""Bytes; the kernel's limit is 108, less on some systems."""

QUEUES = {
    "footnote.check": "check",
    "footnote.sync": "sync",
    "footnote.sync_due": "sync",
    "footnote.dispatch": "sync",
    "footnote.settle": "sync",
    "footnote.purge": "sync",
    "footnote.recover": "sync",
    "footnote.compare": "sync",
    "footnote.memberships": "sync",
    "footnote.memberships_due": "sync",
    "footnote.permissions": "permissions",
    "footnote.parse": "parse",
    "footnote.rebuild": "embed",
    "footnote.embed": "embed",
}
"""The queue of each task, by the task's name. Listing, permissions and deletions never wait in a queue behind content;
workers of their own for ``sync`` and ``permissions`` keep them from waiting for a thread as well. Somebody waits for
each ``check``: it stands behind nothing but others."""


def valkey_socket(settings: Settings) -> Path:
    """Where the embedded Valkey listens: in the data directory, or in the temporary one when that path is too long."""
    data_dir = settings.data_dir.absolute()
    inside = data_dir / "run" / "valkey.sock"
    if len(bytes(inside)) <= _MAX_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(bytes(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"footnote-{digest}" / "valkey.sock"


def broker_url(settings: Settings) -> str:
    """The broker's URL, a password in it included: never log it."""
    if settings.broker.url is not None:
        return settings.broker.url.get_secret_value()
    return f"redis+socket://{valkey_socket(settings)}"


def valkey_url(settings: Settings) -> str:
    """The broker's URL as Valkey's own clients write it, a password in it included: never log it."""
    return broker_url(settings).replace("redis+socket://", "unix://", 1)


def cache_url(settings: Settings) -> str:
    """Where answers are kept, a password in it included: never log it."""
    own = settings.cache.url
    return valkey_url(settings) if own is None else own.get_secret_value()


def limits_url(settings: Settings) -> str:
    """Where requests are counted, a password in it included: never log it."""
    own = settings.limits.url
    return valkey_url(settings) if own is None else own.get_secret_value()


def broker_client(settings: Settings) -> redis.Redis:
    """A client of the broker's Valkey, for what processes share besides tasks. It connects when it is first used."""
    return redis.Redis.from_url(valkey_url(settings), socket_connect_timeout=1, socket_timeout=2)


def queue_depths(settings: Settings) -> dict[str, int]:
    """How many tasks wait in each queue, those that a worker has taken not among them.

    Raises:
        BrokerUnavailable: the broker doesn't answer.
    """
    names = sorted(set(QUEUES.values()))
    try:
        with broker_client(settings) as client:
            return dict(zip(names, (int(client.llen(name)) for name in names), strict=True))
    except (redis.RedisError, OSError) as error:
        raise BrokerUnavailable(_explain(error)) from error


def create_celery(load: Callable[[], Settings]) -> Celery:
    """A Celery app set up for Footnote's queues. The settings are loaded when they are first needed."""
    app = Celery("footnote", set_as_current=False)
    app.add_defaults(lambda: _configuration(load()))
    return app


def _configuration(settings: Settings) -> dict[str, Any]:
    every_s = settings.sync.recover_s
    return {
        "broker_url": broker_url(settings),
        "broker_connection_timeout": 5,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            # A task that was taken and not acknowledged goes to another worker after this long.
            "visibility_timeout": settings.broker.visibility_timeout_s,
            "socket_connect_timeout": 5,
            "socket_timeout": 30,
            "socket_keepalive": settings.broker.url is not None,
            "queue_order_strategy": "round_robin",
        },
        "task_routes": {name: {"queue": queue} for name, queue in QUEUES.items()},
        "task_default_queue": "sync",
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "task_publish_retry": True,
        "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.3},
        "beat_schedule": {
            "sync-due": {"task": "footnote.sync_due", "schedule": 60.0, "options": {"expires": 60}},
            "memberships-due": {"task": "footnote.memberships_due", "schedule": 60.0, "options": {"expires": 60}},
            "recover": {"task": "footnote.recover", "schedule": float(every_s), "options": {"expires": every_s}},
        },
        "timezone": "UTC",
    }


def _explain(error: Exception) -> str:
    if "MISCONF" in str(error):  # it runs, and refuses to take what it can't keep
        return "The task queue can't write to its disk, so nothing was started: free some space there."
    return "The task queue doesn't answer, so nothing was started: check that the broker (Valkey or Redis) runs."


_MARK = "footnote:mark"


class TaskQueue:
    """Sends tasks to the workers."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, task: str, arguments: Mapping[str, Any] | None = None, *, delay_s: float = 0) -> None:
        """Put a task in its queue, to run ``delay_s`` seconds from now at the earliest. It goes on with our trace.

        Raises:
            BrokerUnavailable: the broker doesn't answer; the task was not sent.
        """
        try:
            self._app.send_task(
                task,
                kwargs=dict(arguments or {}),
                queue=QUEUES[task],
                countdown=delay_s or None,
                headers=trace_headers(),
            )
        except (OperationalError, redis.RedisError, OSError) as error:
            raise BrokerUnavailable(_explain(error)) from error

    def has_lost_everything(self) -> bool:
        """Whether the broker has forgotten what it was told: it is new, or was restarted without its data.

        Says so once each time; False while the broker doesn't answer.
        """
        try:
            with self._app.pool.acquire(block=True) as connection:
                return bool(connection.default_channel.client.set(_MARK, "1", nx=True))
        except (OperationalError, redis.RedisError, OSError):
            return False
