"""The parts of an installation as services that can be killed, frozen and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from api.supervisor.children import valkey_binary
from core.errors import FootnoteError
from deploy.opensearch.node import Node
from tests import postgresql, s3_server

START_S = 300
LOOK_S = 0.2


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether something takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Service:
    """A process that a thread keeps alive, as systemd, Kubernetes or ``footnote up`` would.

    Args:
        ready: whether it can be used.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        ready: Callable[[], bool],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        user: Mapping[str, object] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.ready = ready
        self._command = list(command)
        self._log = log
        self._options: dict[str, object] = {"env": {**os.environ, **(environment or {})}, **(user or {}), "cwd": folder}
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name=f"keeps {name}", daemon=True)

    def start(self) -> None:
        """Start it, and start it again whenever it has ended."""
        self._thread.start()

    def pids(self) -> list[int]:
        """It and its children."""
        process = self._process
        if process is None or process.poll() is not None:
            return []
        with suppress(psutil.NoSuchProcess):
            return [process.pid, *(one.pid for one in psutil.Process(process.pid).children(recursive=True))]
        return []

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its children."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """End it as a crash does: its children are left to themselves."""
        for pid in self.pids()[:1]:
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End it for good."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(START_S)
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)

    def _supervise(self) -> None:
        while not self._ending.wait(LOOK_S):
            if self._process is None or self._process.poll() is not None:
                self._launch()

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                self._command, stdout=log, stderr=log, start_new_session=True, **self._options
            )


class OpenSearch(Service):
    """A node, which starts itself."""

    def __init__(self, home: Path, port: int) -> None:
        self._node = Node(home, http_port=port)
        super().__init__("index", (), lambda: answers(port) and self._node.running, home / "none")

    def pids(self) -> list[int]:
        """The virtual machine."""
        process = self._node._process()
        return [] if process is None else [process.pid]

    def close(self) -> None:
        """End it for good."""
        self._ending.set()
        self._thread.join(START_S)
        self._node.stop()

    def _supervise(self) -> None:
        while not self._ending.wait(LOOK_S):
            if not self._node.running:
                with suppress(FootnoteError):  # killed while it started: once more
                    self._node.start(timeout_s=START_S)


class PostgreSQL(Service):
    """A server for the catalog, on a port."""

    def __init__(self, home: Path, port: int) -> None:
        user = postgresql.as_user()
        data = home / "data"
        if user:
            os.chown(home, int(str(user["user"])), int(str(user["group"])))
        make = [f"{postgresql.binaries()}/initdb", "-D", str(data), "-U", "footnote", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*make, "--no-sync"], check=True, timeout=120, cwd=home, capture_output=True, **user)  # type: ignore[call-overload]
        small = {"fsync": "off", "min_wal_size": "32MB", "max_wal_size": "64MB", "max_connections": "200"}
        options = [part for name, value in small.items() for part in ("-c", f"{name}={value}")]
        command = [f"{postgresql.binaries()}/postgres", "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
        command += ["-k", str(home), *options]
        super().__init__("catalog", command, lambda: answers(port), home.parent / "pg.log", user=user, folder=home)
        self.disk = home

    def stop(self) -> None:
        """Have it end in order, which breaks every connection; it is started again."""
        for pid in self.pids()[:1]:
            os.kill(pid, signal.SIGINT)


def valkey(home: Path, port: int) -> Service:
    """The broker, with a log of what it was told, as ``footnote up`` runs it."""
    home.mkdir()
    command = [str(valkey_binary()), "--port", str(port), "--save", "", "--appendonly", "yes", "--dir", str(home)]
    return Service("broker", command, lambda: answers(port), home / "valkey.log")


def s3(home: Path, port: int) -> Service:
    """The blob store."""
    command = [str(s3_server.binary()), "--access", s3_server.KEY, "--secret", s3_server.SECRET]
    command += ["--port", f"127.0.0.1:{port}", "posix", str(home)]
    return Service("blobs", command, lambda: answers(port), home.parent / "s3.log")


class SmallDisk:
    """A file system of its own that can be filled.

    Attributes:
        real: whether it is one; where none may be mounted, it is a folder that can't be filled.
    """

    def __init__(self, path: Path, megabytes: int) -> None:
        path.mkdir()
        self.path = path
        size = f"size={megabytes}m"
        mount = ["mount", "-t", "tmpfs", "-o", size, "none", str(path)]
        self.real = subprocess.run(mount, capture_output=True, check=False, timeout=30).returncode == 0

    def fill(self) -> None:
        """Leave no block."""
        with (self.path / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(os.statvfs(self.path).f_bsize))

    def make_room(self) -> None:
        """Take away what filled it."""
        (self.path / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        if self.real:
            subprocess.run(["umount", "-l", str(self.path)], check=True, timeout=30)
        shutil.rmtree(self.path, ignore_errors=True)


def wait_for(condition: Callable[[], bool], what: str, deadline_s: float) -> float:
    """Poll until it holds; the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < deadline_s, f"{what}: not within {deadline_s} s"
        time.sleep(LOOK_S)
    return time.monotonic() - began
