"""Shuts a parser process in: limits, no network, and no files but the libraries' and its own.

On Linux by the kernel (seccomp and Landlock, both for processes without privileges, both inherited by the programs that
a parser starts). Elsewhere, and where a kernel doesn't have them, by a guard inside Python, which stops libraries that
mean no harm and not code that was smuggled in; :func:`enclose` says which of them hold.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPEN_FILES = 512
"""Descriptors of the process and of each one that it starts."""

FILE_BYTES = 2_000_000_000
"""Size of a file that it writes."""

_CAPABILITY_VERSION, _CAPABILITIES, _PR_CAPBSET_DROP = 0x20080522, 64, 24
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CONNECTING = {"x86_64": (42, 44, 46, 307), "aarch64": (203, 206, 211, 269)}
"""connect, sendto, sendmsg, sendmmsg."""
_LOCAL_FAMILY = 1
_IO_URING_SETUP = 425
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_X32 = 0x40000000
_READ_FILE, _READ_DIR, _EXECUTE = 1 << 2, 1 << 3, 1 << 0
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_ALL_ACCESS = (1 << 13) - 1
"""Everything that the first version of Landlock knows of files."""
_MAKE_SOCKET, _REMOVE_FILE = 1 << 9, 1 << 5
_DEVICES = _READ_FILE | 1 << 1
_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/nix", "/snap", "/var/cache/fontconfig"),
    *("/var/spool/libreoffice", "/var/lib/libreoffice", "/etc/locale.alias"),
    *("/proc", "/sys/devices/system", "/sys/fs/cgroup"),
    # One by one: what else is in /etc may be a service's configuration.
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/passwd", "/etc/group"),
    *(
        "/etc/nsswitch.conf",
        "/etc/fonts",
        "/etc/libreoffice",
        "/etc/alternatives",
        "/etc/mime.types",
        "/etc/paperspecs",
    ),
)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """What keeps a process in: whether the kernel forbids it the network, and other files than it needs."""

    network: bool
    files: bool


def limit() -> None:
    """Bound the files that this process writes and the descriptors that it opens, and forbid it core dumps."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, FILE_BYTES)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)


def _lower(which: int, wanted: int) -> None:
    _, hard = resource.getrlimit(which)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (value, value))


def enclose(own: Path, readable: Iterable[Path]) -> Enclosure:
    """Shut this process in, and all that it will start. There is no way back.

    Args:
        own: the folder that it may write to.
        readable: what it may read besides the system's own folders.
    """
    held = _enclose_by_kernel(own, readable)
    if not held.network:
        _guard_sockets()
    return held


def _enclose_by_kernel(own: Path, readable: Iterable[Path]) -> Enclosure:
    if sys.platform != "linux" or platform.machine() not in _AUDIT:
        return Enclosure(network=False, files=False)
    library = ctypes.CDLL(None, use_errno=True)
    _drop_capabilities(library)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Enclosure(network=False, files=False)
    files = _restrict_files(library, own, readable)
    return Enclosure(network=_forbid_network(library), files=files)


def _drop_capabilities(library: Any) -> None:
    """Give up what a service that runs as root would have: with CAP_PERFMON, Landlock doesn't hide other processes.

    See capset(2); without capabilities, as every service should run, this changes nothing.
    """
    for capability in range(_CAPABILITIES):
        library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION, 0), 8)
    library.capset(header, ctypes.create_string_buffer(24))


def _guard_sockets() -> None:
    """Refuse sockets in Python. It can't be undone, and it holds for this process alone."""

    def refuse(event: str, _: tuple[Any, ...]) -> None:
        if event in ("socket.__new__", "socket.getaddrinfo"):
            raise OSError(errno.EPERM, "a parser process has no network")

    sys.addaudithook(refuse)


def _forbid_network(library: Any) -> bool:
    """Refuse all sockets but local ones, and connecting those; and io_uring, which could do either by itself.

    LibreOffice insists on listening to a local socket, so that much is left. See Linux's
    Documentation/userspace-api/seccomp_filter.rst; ``struct seccomp_data`` holds the call's number at 0, the
    architecture at 4 and the first argument at 16.
    """
    machine = platform.machine()
    refused = (_RETURN, 0, 0, _REFUSE | errno.EPERM)
    program = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, _AUDIT[machine]),
        refused,
        (_LOAD, 0, 0, 0),
        (_JUMP_AT_LEAST, 0, 1, _X32),
        refused,
    ]
    for call in (_IO_URING_SETUP, *_CONNECTING[machine]):
        program += [(_JUMP_EQUAL, 0, 1, call), refused]
    program += [
        (_JUMP_EQUAL, 0, 3, _SOCKET[machine]),
        (_LOAD, 0, 0, 16),
        (_JUMP_EQUAL, 1, 0, _LOCAL_FAMILY),
        refused,
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    instructions = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(instructions)))
    return bool(library.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0) == 0)


def _restrict_files(library: Any, own: Path, readable: Iterable[Path]) -> bool:
    """Leave it the system's folders and ``readable`` to read, and its own to write.

    What it can't read then includes the service's data, its configuration, and, because Landlock also forbids looking
    into processes outside, the environment and memory of the process that started it. See
    Documentation/userspace-api/landlock.rst.
    """
    attributes = ctypes.create_string_buffer(struct.pack("=Q", _ALL_ACCESS), 8)
    rules = library.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    try:
        for path in (*map(Path, _SYSTEM), *readable):
            _allow(library, rules, path, _READING)
        for device in ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"):
            _allow(library, rules, Path(device), _DEVICES)
        _allow(library, rules, own, _ALL_ACCESS)
        # LibreOffice puts its socket here, whatever TMPDIR says.
        _allow(library, rules, Path("/tmp"), _MAKE_SOCKET | _REMOVE_FILE)  # noqa: S108
        return bool(library.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(library: Any, rules: int, path: Path, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            access &= _EXECUTE | _READ_FILE | 1 << 1
        rule = ctypes.create_string_buffer(struct.pack("=Qi", access, descriptor), 12)
        library.syscall(_LANDLOCK_ADD, rules, 1, rule, 0)
    finally:
        os.close(descriptor)
