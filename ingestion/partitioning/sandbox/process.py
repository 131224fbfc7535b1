"""One parser child as its parent sees it: started, asked, watched, killed."""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import IO, Any

import psutil

from core.errors import StorageUnavailable, Unavailable
from core.logs import get_logger
from ingestion.partitioning.content import Content, beginning_of, size_of
from ingestion.partitioning.sandbox.isolation import Enclosure
from ingestion.partitioning.sandbox.wire import LENGTHS, pack
from ingestion.partitioning.sandbox.work_folders import make_folder, sweep
from ingestion.partitioning.unstructured_setup import ENVIRONMENT, link_sentence_model

_PIECE = 1 << 20
_WATCH_S = 0.1
"""How often the child's memory is looked at while it works."""
_START_S = 120
_log = get_logger(__name__)
_ROOT = Path(__file__).resolve().parents[3]


class ChildDied(Exception):
    """The child ended before it answered."""


class OverTime(Exception):
    """It didn't answer in time."""


class OverMemory(Exception):
    """It grew over its limit."""


class OverOutput(Exception):
    """Its answer is longer than may be."""


class Child:
    """A process that reads documents, one at a time. Not thread safe.

    Args:
        memory_mb: memory above which it is killed, on top of what it holds once it is up.
        max_reply_bytes: length of an answer above which it is killed.
        module: what it runs.

    Raises:
        Unavailable: it doesn't come up.
    """

    def __init__(
        self, *, memory_mb: int, max_reply_bytes: int, module: str = "ingestion.partitioning.sandbox.child"
    ) -> None:
        self._module = module
        self._memory: float = math.inf
        self._max_reply = max_reply_bytes
        self._baseline = 0
        if swept := sweep():
            _log.warning("parser_folders.swept", folders=len(swept), reason="their parsers were killed")
        try:
            self._folder, self._errors = make_folder()
        except OSError as error:
            raise Unavailable(f"A document parser can't be started: {error}.") from error
        try:
            link_sentence_model(self._folder)
            self._process = self._spawn()
            self._watched = psutil.Process(self._process.pid)
        except BaseException as error:
            self._clear()
            if isinstance(error, (OSError, psutil.Error)):
                raise Unavailable(f"A document parser can't be started: {error}.") from error
            raise
        try:
            said = json.loads(self._receive(time.monotonic() + _START_S))
        except BaseException as error:
            reason = self._last_words()
            self.kill()
            if isinstance(error, (ChildDied, OverTime)):
                raise Unavailable(f"A document parser doesn't come up: {reason or error!r}.") from error
            raise
        self.enclosure = Enclosure(network=said["network_forbidden"], files=said["files_forbidden"])
        self._baseline, self._memory = self._resident_bytes(), memory_mb * 1_000_000

    def _spawn(self) -> subprocess.Popen[bytes]:
        # Nothing of this process's environment but what finds the interpreter: it may hold secrets.
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
            "PYTHONPATH": str(_ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            **ENVIRONMENT,
        }
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=self._folder,
            env=environment,
            start_new_session=True,
        )
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        return process

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id, which is also its process group's."""
        return self._process.pid

    @property
    def folder(self) -> Path:
        """Its own folder, the only one that it has a reason to write to; it goes when the child does."""
        return self._folder

    def grown_bytes(self) -> int:
        """How much more memory it holds now than when it was new."""
        return self._resident_bytes() - self._baseline

    def _resident_bytes(self) -> int:
        with contextlib.suppress(psutil.Error):
            return int(self._watched.memory_info().rss)
        return 0

    def ask(self, head: dict[str, Any], content: Content, timeout_s: float) -> bytes:
        """Send one request and wait for its reply's JSON. After any exception the child must be killed.

        Large files are put into the child's folder, piece by piece, and the rest goes through the pipe.

        Raises:
            ChildDied, OverTime, OverMemory, OverOutput: as named.
            StorageUnavailable: the disk of temporary files is full.
        """
        deadline = time.monotonic() + timeout_s
        if isinstance(content, bytes):
            self._send(pack(head, content), deadline)
        elif size_of(content) <= _PIECE:
            self._send(pack(head, beginning_of(content, _PIECE)), deadline)
        else:
            self._send(pack({**head, "file": self._put(content)}), deadline)
        return self._receive(deadline)

    def _put(self, content: IO[bytes]) -> str:
        """A copy of a file for the child, under a new name: it can change its copy, and nothing else by it."""
        name = f"original-{uuid.uuid4().hex}"
        content.seek(0)
        try:
            # A child that read a hostile document may have left links here: none is followed.
            with (self._folder / name).open("xb") as copy:
                shutil.copyfileobj(content, copy, _PIECE)
        except OSError as error:
            raise StorageUnavailable(
                f"A document can't be handed to its parser ({error.strerror}): free some space in the folder for "
                "temporary files, or set TMPDIR to another one."
            ) from error
        return name

    def go_on(self, timeout_s: float) -> bytes:
        """Wait again for the reply's JSON, after the child has answered that it needs more time; see :meth:`ask`."""
        return self._receive(time.monotonic() + timeout_s)

    def _send(self, frame: bytes, deadline: float) -> None:
        assert self._process.stdin is not None
        descriptor, rest = self._process.stdin.fileno(), memoryview(frame)
        while rest:
            self._wait(descriptor, selectors.EVENT_WRITE, deadline)
            try:
                rest = rest[os.write(descriptor, rest[:_PIECE]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise ChildDied from None

    def _receive(self, deadline: float) -> bytes:
        head, body = LENGTHS.unpack(self._read(LENGTHS.size, deadline))
        if head + body > self._max_reply:
            raise OverOutput
        return self._read(head + body, deadline)

    def _read(self, length: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor, found = self._process.stdout.fileno(), bytearray()
        while len(found) < length:
            self._wait(descriptor, selectors.EVENT_READ, deadline)
            try:
                piece = os.read(descriptor, min(length - len(found), _PIECE))
            except BlockingIOError:
                continue
            if not piece:
                raise ChildDied
            found += piece
        return bytes(found)

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            while not selector.select(_WATCH_S):
                if time.monotonic() > deadline:
                    raise OverTime
                if self.grown_bytes() > self._memory:
                    raise OverMemory

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def interrupt(self) -> None:
        """End it and everything that it started, leaving the clearing up to whoever is waiting for its answer."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End it and everything that it started, at once. Idempotent."""
        self.interrupt()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._clear()

    def _clear(self) -> None:
        self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)
