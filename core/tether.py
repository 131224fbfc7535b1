"""Ends a process with the one that started it, however that one ends: a killed parent can't tell its children.

On Linux by the kernel, which sends a signal when the parent is gone (prctl(2), PR_SET_PDEATHSIG). Elsewhere nothing
happens here, and what is left is ended by the next ``footnote up`` or ``footnote down``.

Run as a file, ``tether.py PARENT SIGNAL COMMAND...``, it becomes the command, which is then tethered whatever it is.
It imports nothing but Python's own modules, so that this costs a process some milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NOT_STARTED = 127
"""The status by which a shell says that it found no such command."""


def tether(parent: int, number: signal.Signals) -> None:
    """See to it that this process gets the signal when ``parent`` ends, which may have happened already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number.value, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was told
        os.kill(os.getpid(), number)


def tethered(command: tuple[str, ...], number: signal.Signals) -> tuple[str, ...]:
    """The command line that runs ``command`` as a child of this process, tethered to it."""
    if sys.platform != "linux":
        return command
    # Without site and the environment's say in what is imported: only this file and the standard library.
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()), str(number.value), *command)


def _main() -> None:
    parent, number, *command = sys.argv[1:]
    tether(int(parent), signal.Signals(int(number)))
    try:
        os.execvp(command[0], command)  # noqa: S606 - what the caller would have run itself
    except OSError as error:
        sys.stderr.write(f"{command[0]} can't be started: {error.strerror}\n")
        sys.exit(_NOT_STARTED)


if __name__ == "__main__":
    _main()
