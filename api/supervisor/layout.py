"""Where the embedded stack keeps its files, and what it says of itself while it runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from core.data_dir import in_data_dir, make_usable
from core.settings import Settings

_BLOCK = 4096
_INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one data directory. All paths are absolute."""

    data_dir: Path

    @classmethod
    def of(cls, settings: Settings) -> Layout:
        """The layout of these settings' data directory."""
        return cls(settings.data_dir.expanduser().resolve())

    @property
    def run(self) -> Path:
        """State of what is running; worthless once it has stopped."""
        return self.data_dir / "run"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.data_dir / "logs"

    @property
    def state_file(self) -> Path:
        """:class:`StackState` as JSON."""
        return self.run / "state.json"

    @property
    def lock_file(self) -> Path:
        """Locked for as long as a supervisor lives, however it ends."""
        return self.run / "supervisor.lock"

    @property
    def admin_key_file(self) -> Path:
        """The key that the command line uses."""
        return self.data_dir / "admin.key"

    def mark_of(self, state: StackState) -> str:
        """What :data:`MARK` is in the environment of that stack's processes, if they are this data directory's."""
        return f"{state.mark} {self.data_dir}"

    def log_of(self, name: str) -> Path:
        """The log of the process with this name."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Create the folders, readable by this user alone: they hold documents.

        Raises:
            StorageUnavailable: they can't be, or the disk is full.
        """
        make_usable(self.data_dir)
        with in_data_dir(self.data_dir):
            for folder in (self.run, self.logs, self.data_dir / "valkey"):
                folder.mkdir(exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=self.run, buffering=0) as probe:
                probe.write(bytes(_BLOCK))  # a full disk still takes names
            if instance_of(self.data_dir) is None:
                draft = self.run / "instance.tmp"
                draft.write_text(secrets.token_hex(16), encoding="ascii")
                draft.replace(self.data_dir / _INSTANCE)


MARK = "_FOOTNOTE_STACK"
"""The environment variable by which what a killed supervisor left is known, whatever pids have come to name."""


@dataclass(slots=True)
class ChildState:
    """One supervised process.

    Attributes:
        created: the process's start time in seconds since the epoch; with ``pid`` it names a process for good.
        state: ``starting``, ``running``, ``waiting`` (died, and will be started again) or ``stopped``.
        last_exit: how it ended the last time, as a sentence; None if it never did.
    """

    name: str
    pid: int | None = None
    created: float | None = None
    state: str = "starting"
    restarts: int = 0
    last_exit: str | None = None


def instance_of(data_dir: Path) -> str | None:
    """The name of a data directory, by which the command line knows its own service; None before the first
    `footnote up`. It says nothing of the machine, so that anybody may be told.

    Raises:
        StorageUnavailable: this user may not read it.
    """
    with in_data_dir(data_dir), contextlib.suppress(FileNotFoundError):
        secret = (data_dir / _INSTANCE).read_text(encoding="ascii").strip()
        # With its place: a copy of the folder is another one. The secret keeps the place from being guessed.
        return hashlib.sha256(f"{secret} {data_dir.resolve()}".encode()).hexdigest()[:32]
    return None


@dataclass(slots=True)
class StackState:
    """What the supervisor last wrote of itself.

    Attributes:
        mark: random; part of :meth:`Layout.mark_of`, which every process that this supervisor starts has about it.
    """

    pid: int
    url: str
    started_at: str
    phase: str = "starting"
    error: str | None = None
    children: list[ChildState] = field(default_factory=list)
    mark: str = field(default_factory=lambda: secrets.token_hex(16))

    def write(self, path: Path) -> None:
        """Replace the file in one step, so that no reader sees half of it."""
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> StackState | None:
        """The state in the file; None if there is none or it was left damaged."""
        try:
            raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            children = [ChildState(**child) for child in raw.pop("children")]
            return cls(**raw, children=children)
        except (OSError, ValueError, TypeError, KeyError):
            return None


def process_of(child: ChildState) -> psutil.Process | None:
    """The live process of this state; None if it is gone or its pid now belongs to another."""
    if child.pid is None or child.created is None:
        return None
    try:
        process = psutil.Process(child.pid)
        same = abs(process.create_time() - child.created) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def marked(mark: str) -> list[psutil.Process]:
    """The live processes that carry this mark. Another user's can't be looked at, and are none of ours."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@contextlib.contextmanager
def exclusive(path: Path, patience_s: float = 2.0) -> Iterator[bool]:
    """Hold the lock for the block; yields False when another process still has it after ``patience_s``.

    The kernel drops the lock with its holder, so a killed supervisor leaves nothing to clean up. The patience is for
    :func:`is_up`, which holds the lock for an instant.
    """
    deadline = time.monotonic() + patience_s
    with path.open("a") as file:
        while not (held := _lock(file.fileno(), fcntl.LOCK_EX)) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield held


def is_up(layout: Layout) -> bool:
    """Whether a supervisor of this data directory is alive.

    Raises:
        StorageUnavailable: this user may not look.
    """
    with in_data_dir(layout.data_dir), contextlib.suppress(FileNotFoundError), layout.lock_file.open() as file:
        return not _lock(file.fileno(), fcntl.LOCK_SH)
    return False


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
