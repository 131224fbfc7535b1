"""Audit logs outside the catalog: a file of lines, and syslog."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.errors import StorageUnavailable
from ingestion.catalog.audit_entries import GENESIS, AuditEntry, digest

_TAIL = 1 << 20
"""Longer than any line."""
_AUDIT_NOTICE = 13 * 8 + 5
"""Facility "log audit", severity "notice" (RFC 5424, 6.2.1)."""


class AuditSink(Protocol):
    """Somewhere that entries are written to."""

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries.

        Raises:
            StorageUnavailable: they can't be written.
        """
        ...


class FileSink:
    """A line of JSON for each entry, in one chain, whichever processes of a machine write.

    A file that is gone or empty, as after a rotation, begins a chain of its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """See :class:`AuditSink`."""
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                number, previous = _end_of(handle)
                lines = "".join(_chained(entries, number, previous))
                _write_all(handle, lines.encode())
                os.fsync(handle)
            finally:
                os.close(handle)  # gives the lock back
        except OSError as error:
            reason = f"The audit log can't be written ({error.strerror}): check audit.file and its disk."
            raise StorageUnavailable(reason, where=str(self._path)) from error


class SyslogSink:
    """A message of RFC 5424 for each entry. Each process has a chain of its own, named in its messages.

    Args:
        address: a socket's path, or host:port (UDP).
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._chain = secrets.token_hex(8)
        self._number, self._previous = 0, GENESIS

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """See :class:`AuditSink`."""
        try:
            with self._connected() as syslog:
                for entry in entries:
                    previous = digest(self._previous, self._number + 1, entry.line())
                    said = {"chain": self._chain, "number": self._number + 1, **entry.line(), "hash": previous}
                    head = f"<{_AUDIT_NOTICE}>1 {said['at']} {socket.gethostname()} footnote {os.getpid()} audit - "
                    syslog.send((head + json.dumps(said)).encode())
                    self._number, self._previous = self._number + 1, previous
        except OSError as error:
            reason = f"The audit log can't be written ({error}): check audit.syslog."
            raise StorageUnavailable(reason, where=self._address) from error

    def _connected(self) -> socket.socket:
        host, _, port = self._address.rpartition(":")
        if not port.isdigit():
            syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            address: Any = self._address
        else:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host.strip("[]"), int(port), type=socket.SOCK_DGRAM
            )[0]
            syslog = socket.socket(family, kind, protocol)
        syslog.settimeout(2)
        try:
            syslog.connect(address)
        except OSError:
            syslog.close()
            raise
        return syslog


@dataclass(frozen=True, slots=True)
class VerifiedLines:
    """What was found of lines, as of a file or an export.

    Attributes:
        checked: how many fit.
        last: the number of the last one that does.
        hash: its hash.
        broken: the line that doesn't fit, from 1; None where all do.
        begun: the number of the first one. From 1 on, the chain is whole; from another on, the first is taken as good.
    """

    checked: int
    last: int
    hash: str
    broken: int | None
    begun: int


def verify_lines(lines: Iterable[str]) -> VerifiedLines:
    """Follow the chain through lines of JSON."""
    checked, number, previous, begun = 0, 0, GENESIS, 0
    for line in lines:
        try:
            entry = json.loads(line)
            told, said = entry.pop("number"), entry.pop("hash")
            taken = checked == 0 and told > 1
            fits = told > number and (taken or digest(previous, told, entry) == said)
        except (ValueError, KeyError, TypeError, AttributeError):
            fits = False
        if not fits:
            return VerifiedLines(checked, number, previous, checked + 1, begun)
        checked, number, previous, begun = checked + 1, told, said, begun or told
    return VerifiedLines(checked, number, previous, None, begun)


def _chained(entries: Sequence[AuditEntry], number: int, previous: str) -> Iterable[str]:
    for entry in entries:
        number += 1
        previous = digest(previous, number, entry.line())
        yield json.dumps({"number": number, **entry.line(), "hash": previous}) + "\n"


def _end_of(handle: int) -> tuple[int, str]:
    """The last entry's number and hash. What was cut off behind it, by a kill or a full disk, is taken away."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, _TAIL, max(0, size - _TAIL))
    whole, newline, rest = tail.rpartition(b"\n")
    if rest:
        os.ftruncate(handle, size - len(rest))
    if not newline:
        return 0, GENESIS
    try:
        last = json.loads(whole.rpartition(b"\n")[2])
        return int(last["number"]), str(last["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageUnavailable(
            "The audit log's last line is no entry: move the file away, then a new one is begun (audit.file)."
        ) from error


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]
