"""A real Valkey for tests."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.supervisor.children import valkey_binary
from tests.integration.stacks import until


@contextmanager
def serving(*options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address while it runs, and its process."""
    with tempfile.TemporaryDirectory() as home:
        socket = Path(home) / "valkey.sock"
        command = [str(valkey_binary()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", home]
        valkey = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(socket.exists, "Valkey's socket")
            yield f"unix://{socket}", valkey
        finally:
            valkey.kill()
            valkey.wait(10)
