"""Files of JSON lines that grow while something long goes on, and survive its being killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from core.errors import Conflict
from eval.datasets import DatasetError

T = TypeVar("T", bound=BaseModel)


class Journal(Generic[T]):
    """A file of one kind of record, a line each, written to the end of it and to the disk before anything goes on.

    Args:
        kind: the record's model.
    """

    def __init__(self, file: Path, kind: type[T]) -> None:
        self.file = file
        self._kind = kind

    def read(self) -> list[T]:
        """All records, in the order in which they were written; a last line that was cut off is left out.

        Raises:
            DatasetError: another line isn't such a record, or the file can't be read.
        """
        return [record for record, _ in self._lines()]

    def append(self, record: T) -> None:
        """Write one more: it is on the disk once this returns. Raises OSError."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as out:
            out.write(record.model_dump_json().encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that writes to it; a last line that a kill has cut off is taken out.

        Raises:
            Conflict: another process writes to it.
            DatasetError: as :meth:`read`.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.file.with_name(self.file.name + ".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise Conflict(f"Another run writes to {self.file}: end it, or name another folder with --out.") from error
        try:
            whole = sum(length for _, length in self._lines())
            if self.file.exists() and self.file.stat().st_size > whole:
                os.truncate(self.file, whole)
            yield
        finally:
            lock.release()

    def _lines(self) -> Iterator[tuple[T, int]]:
        """Each record and how many bytes it takes; ends before a last line without its line break."""
        try:
            with self.file.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.endswith(b"\n"):
                        return
                    yield self._record(line, number), len(line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise DatasetError(f"{self.file} can't be read: {error}") from error

    def _record(self, line: bytes, number: int) -> T:
        try:
            return self._kind.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            at = ".".join(str(part) for part in fault["loc"]) or "the line"
            raise DatasetError(
                f"{self.file}, line {number}: {at}: {fault['msg']}. The file is written by `footnote eval`: put the "
                "line right or drop it; what it held is asked again."
            ) from error
