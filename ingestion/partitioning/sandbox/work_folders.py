"""The folders that parser children work in: they hold what somebody's documents say, so none may stay behind.

A parent clears the folder of a child that it ends. One that is killed can't: then its child clears up and ends itself.
Should both be killed at once, as by an operator or for want of memory, the next child that is started on this machine
sweeps the folder. Who uses a folder holds a lock on a file in it, parent and child alike; the kernel lets go of it when
both are gone, which tells more than a process id: those are given out anew, and differ from container to container.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import stat
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PREFIX = "footnote-sandbox-"
_NEW = "footnote-starting-"
_LOCKED = "stderr"


def make_folder() -> tuple[Path, BinaryIO]:
    """A new folder, and a file in it for what the child says on stderr; sharing that file is what keeps it in use.

    Raises:
        OSError: the system's folder for temporary files can't be written.
    """
    made = Path(tempfile.mkdtemp(prefix=_NEW))
    try:
        errors = (made / _LOCKED).open("w+b")
        fcntl.flock(errors, fcntl.LOCK_EX)
        # Only locked ones go by the name that is swept.
        return made.rename(made.with_name(made.name.replace(_NEW, PREFIX))), errors
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        raise


def sweep() -> list[str]:
    """Delete the folders of this user that nobody uses any more; their names. Others are left for the next time."""
    swept = []
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name.startswith(PREFIX) and _is_ours(entry):
                    _delete_unused(Path(entry.path))
                    swept.append(entry.name)
    return swept


def _is_ours(entry: os.DirEntry[str]) -> bool:
    found = entry.stat(follow_symlinks=False)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _delete_unused(folder: Path) -> None:
    """Delete it. Raises OSError: somebody uses it, or it can't be deleted."""
    # Whatever a hostile document has put there instead, a link or a pipe, is not followed and not waited for.
    try:
        locked = os.open(folder / _LOCKED, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        locked = None  # its child cleared it, and ended
    try:
        if locked is not None:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        if locked is not None:
            os.close(locked)


def end_with_parent(requests: BinaryIO) -> None:
    """In a child: clear its folder and end it, and all that it started, as soon as nobody can send requests any more.

    From a thread, for a child that is busy with a document doesn't look whether its parent is still there.

    Args:
        requests: the pipe that they come through.
    """
    poller = select.poll()
    poller.register(requests, 0)  # nothing but that the other end was closed

    def wait() -> None:
        poller.poll()
        leave()

    threading.Thread(target=wait, name="parent", daemon=True).start()


def leave() -> None:
    """In a child whose parent is gone: clear the working directory, and end this process and all that it started."""
    folder = Path.cwd()
    if folder.name.startswith(PREFIX):
        # The folder itself stays, empty, where the kernel lets a child touch nothing outside it (see sandbox).
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)
