"""The data directory: whether this process can use it, and what to do when it can't."""

from __future__ import annotations

import errno
import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import StorageUnavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""A full disk, a quota, a limit on the size of files."""
_REFUSED = frozenset({errno.EACCES, errno.EPERM})
_ELSEWHERE = "or set data_dir (FOOTNOTE_DATA_DIR) to another folder"


def make_usable(data_dir: Path) -> None:
    """Make the data directory, for this user alone, where there is none; return once it is known to take files.

    Raises:
        StorageUnavailable: it can't be made or written; the message says whose it is and what to do.
    """
    check_usable(data_dir)
    with in_data_dir(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)


def check_usable(data_dir: Path) -> None:
    """Return when the data directory takes files, or could be made where it is to be; nothing is left behind.

    Raises:
        StorageUnavailable: as for :func:`make_usable`.
    """
    # A file without a name: what mode, owner and mount say of a folder is less than what happens there.
    with in_data_dir(data_dir), tempfile.TemporaryFile(dir=nearest(data_dir)):
        pass


@contextmanager
def in_data_dir(data_dir: Path) -> Iterator[None]:
    """Around work on files of the data directory: what the system says against it becomes a sentence.

    Raises:
        StorageUnavailable: in place of any :class:`OSError`.
    """
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(_explain(data_dir.absolute(), error)) from error


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that is there and can be looked at."""
    for place in (path.absolute(), *path.absolute().parents):
        with suppress(OSError):
            place.stat()
            return place
    return Path("/")


def _explain(data_dir: Path, error: OSError) -> str:
    if error.errno in _FULL:
        return f"The disk of the data directory {data_dir} is full: free some space, {_ELSEWHERE}."
    if error.errno == errno.EROFS:
        return f"The data directory {data_dir} is on a read-only file system: mount it for writing, {_ELSEWHERE}."
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"The data directory {data_dir} can't be made: a file is in its place. Move that away, {_ELSEWHERE}."
    if error.errno not in _REFUSED:
        return f"The data directory {data_dir} can't be used ({error.strerror}): look into its disk, {_ELSEWHERE}."
    return _explain_refusal(data_dir)


def _explain_refusal(data_dir: Path) -> str:
    me = _name(os.geteuid())
    place = nearest(data_dir)
    found = place.stat()
    owner, mode = _name(found.st_uid), f"{stat.S_IMODE(found.st_mode):o}"
    if place != data_dir:
        return (
            f"User {me} can't get to the data directory {data_dir}: {place} belongs to {owner} (mode {mode}). Make the "
            f"data directory and give it to {me} (`chown {me} {data_dir}`), {_ELSEWHERE}."
        )
    if found.st_uid != os.geteuid():
        return (
            f"User {me} can't use the data directory {data_dir}, which belongs to {owner}: run Footnote as that user, "
            f"give it to {me} (`chown -R {me} {data_dir}`), {_ELSEWHERE}."
        )
    return (
        f"User {me} can't use the data directory {data_dir} (mode {mode}), or a file in it: open it "
        f"(`chmod -R u+rwX {data_dir}`), or give all of it to {me} (`chown -R {me} {data_dir}`), {_ELSEWHERE}."
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
