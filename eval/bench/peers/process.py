"""The harness's end of a side: start its process, call it, give up on it."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from core.errors import FootnoteError
from eval.bench.peers import serving

START_S = 300.0
"""Importing torch and a library around it, on a busy machine."""
CPU = "cpu_s"
"""The key of an answer's CPU seconds."""
_STOP_S = 30.0
_LAST_LINES = 5


class SideFailed(FootnoteError):
    """A side of the comparison ended, was too slow, or answered with an error; names the side and its log."""


class SideProcess:
    """A side that runs in a process of its own, under a Python of its own.

    Args:
        name: for messages.
        python: the interpreter that has the side's libraries.
        side: the side's file.
        log: where its standard error goes.
        environment: all of its environment variables.

    Raises:
        SideFailed: it can't be started.
    """

    def __init__(self, name: str, python: str, side: Path, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._log = log
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # -P: the folder of serving.py must not shadow what the libraries import.
        command = [python, "-P", serving.__file__, str(side)]
        try:
            with log.open("ab") as errors:
                self._process = subprocess.Popen(  # noqa: S603 - no shell
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=dict(environment),
                    encoding="utf-8",
                )
        except OSError as error:
            raise SideFailed(f"{name}: {python} can't be run ({error.strerror}).") from error
        self._reader = threading.Thread(target=self._read, name=f"answers of {name}", daemon=True)
        self._reader.start()
        try:
            self._result(START_S, "start")
        except SideFailed:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def call(self, method: str, *, timeout_s: float, **arguments: Any) -> Any:
        """Call a method of the side and wait for its answer: an object gets ``cpu_s``, the CPU seconds it took.

        Raises:
            SideFailed: it answered with an error, ended, or didn't answer in time (and was ended).
        """
        try:
            stream: IO[str] = self._pipe
            stream.write(json.dumps({"call": method, "arguments": arguments}) + "\n")
            stream.flush()
        except OSError as error:
            raise SideFailed(f"{self.name} has ended. {self._last_words()}") from error
        return self._result(timeout_s, method)

    def close(self) -> None:
        """End the process; whatever it is doing, if it doesn't end by itself."""
        if self._process.poll() is None:
            try:
                self.call(serving.CLOSE, timeout_s=_STOP_S)
                self._pipe.close()
                self._process.wait(_STOP_S)
            except (SideFailed, OSError, subprocess.TimeoutExpired):
                self._kill()
        self._reader.join(_STOP_S)
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # what was left to be sent to a process that has ended
                if stream is not None:
                    stream.close()

    @property
    def _pipe(self) -> IO[str]:
        assert self._process.stdin is not None  # asked for above
        return self._process.stdin

    def _result(self, timeout_s: float, what: str) -> Any:
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self._kill()
            raise SideFailed(f"{self.name}: {what} took more than {timeout_s:g} s. {self._last_words()}") from None
        if line is None:
            self._process.wait(_STOP_S)
            raise SideFailed(
                f"{self.name} ended with status {self._process.returncode} at {what}. {self._last_words()}"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise SideFailed(f"{self.name}, {what}: {answer['error']}. Its log: {self._log}")
        result = answer["result"]
        return {**result, CPU: answer[CPU]} if isinstance(result, dict) else result

    def _read(self) -> None:
        assert self._process.stdout is not None  # asked for above
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait(_STOP_S)

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"Its log, {self._log}, ends with: {' / '.join(lines[-_LAST_LINES:])}" if lines else ""
