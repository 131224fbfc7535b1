"""The folder that an embedded index lives in: its lock, its list of generations, and what its errors mean."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.errors import Conflict, FootnoteError, IndexUnavailable, NotFound, StorageUnavailable
from retrieval.index.port import Generation, IndexRoom

LOCK_TIMEOUT_S = 120.0
"""How long a writer waits for the others: longer than the longest write, which is a compaction."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_MARKS = (
    "No space left on device",
    "database or disk is full",
    *(f"(os error {number})" for number in sorted(_FULL)),
)


@dataclass(frozen=True, slots=True)
class Record:
    """One generation as the pointer file names it."""

    name: str
    embedder: str
    dimensions: int
    model: str = ""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which generations there are, oldest first, and which one searches read.

    Attributes:
        number: how many were ever begun, so that a name is never used again.
        mark: what a catalog knows the index by.
    """

    live: str | None = None
    number: int = 0
    records: tuple[Record, ...] = ()
    mark: str = ""

    def get(self, name: str) -> Record:
        """The generation of that name; raises NotFound."""
        for record in self.records:
            if record.name == name:
                return record
        known = ", ".join(record.name for record in self.records) or "none"
        raise NotFound(f"There is no index generation {name!r}; there are: {known}.")

    def generation(self, record: Record) -> Generation:
        """The record as the port shows it."""
        live = record.name == self.live
        return Generation(record.name, record.embedder, record.dimensions, live, record.model)

    def with_new(self, embedder: str, dimensions: int, model: str = "") -> tuple[Pointer, Record]:
        """A pointer that has one generation more, and that generation."""
        number = self.number + 1
        record = Record(f"g{number:06d}", embedder, dimensions, model)
        return replace(self, number=number, records=(*self.records, record)), record

    def without(self, name: str) -> Pointer:
        """A pointer without that generation; raises NotFound and Conflict."""
        record = self.get(name)
        if name == self.live:
            raise Conflict(f"Index generation {name!r} is live; swap another one in before dropping it.")
        return replace(self, records=tuple(kept for kept in self.records if kept != record))


class Store:
    """The folder, shared by the processes that use it.

    Readers take no lock: the pointer file is replaced in one step, and a Lance table's versions are immutable.
    Writers, in whatever process or thread, go one after the other through a lock on a file, which the system lets
    go of when its holder dies.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pointer_file = path / "generations.json"
        self._mutex = threading.Lock()
        self._cached: tuple[tuple[int, int, int], Pointer] | None = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer. Raises IndexUnavailable when the others don't finish in time."""
        with self.reporting("write to"):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / "write.lock", timeout=LOCK_TIMEOUT_S, poll_interval=0.01)
            try:
                lock.acquire()
            except Timeout as error:
                raise IndexUnavailable(
                    f"The index in {self.path} was busy with another writer for {LOCK_TIMEOUT_S:.0f} s; try again."
                ) from error
            try:
                yield
            finally:
                lock.release()

    def room(self) -> IndexRoom:
        """How full the folder's disk is. Raises IndexUnavailable."""
        with self.reporting("look at the disk of"):
            place = next(one for one in (self.path.absolute(), *self.path.absolute().parents) if one.exists())
            disk = shutil.disk_usage(place)
        return IndexRoom(total=disk.total, free=disk.free)

    @contextmanager
    def reporting(self, doing: str) -> Iterator[None]:
        """Turn what LanceDB and the file system raise into errors of ours."""
        try:
            yield
        except FootnoteError:
            raise
        except (OSError, RuntimeError, ValueError, sqlite3.Error) as error:
            if _is_full(error):
                raise StorageUnavailable(
                    f"The disk (or quota) of {self.path} is full: nothing was changed. Make room and try again."
                ) from error
            reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            raise IndexUnavailable(f"Could not {doing} the index in {self.path}: {reason}") from error

    def pointer(self) -> Pointer:
        """The pointer as it is now. Read again only when the file was replaced."""
        with self.reporting("read the generations of"):
            try:
                status = self._pointer_file.stat()
            except FileNotFoundError:
                return Pointer()
            key = (status.st_ino, status.st_mtime_ns, status.st_size)
            with self._mutex:
                if self._cached is None or self._cached[0] != key:
                    self._cached = key, _parse(self._pointer_file)
                return self._cached[1]

    def point(self, pointer: Pointer) -> None:
        """Replace the pointer file in one step; only under :meth:`writing`."""
        fresh = self._pointer_file.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(pointer), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._pointer_file)


def _parse(file: Path) -> Pointer:
    try:
        raw: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        records = tuple(Record(**record) for record in raw["records"])
        return Pointer(raw["live"], raw["number"], records, raw.get("mark", ""))
    except (ValueError, KeyError, TypeError) as error:
        raise IndexUnavailable(
            f"{file} is damaged ({error}). Restore it from a backup, or delete the folder and ingest again."
        ) from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(mark in str(error) for mark in _FULL_MARKS)
