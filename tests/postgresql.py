"""A real PostgreSQL server for tests, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serve() -> Iterator[str]:
    """Run a server while the block runs; its URL, for the database ``postgres`` in it."""
    home = Path(tempfile.mkdtemp(prefix="footnote-pg-"))
    user = as_user()
    if user:
        os.chown(home, int(str(user["user"])), int(str(user["group"])))
    data = home / "data"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, timeout=60, cwd=home, capture_output=True, **user)  # type: ignore[call-overload]

    programs = binaries()
    run(f"{programs}/initdb", "-D", str(data), "-U", "footnote", "-A", "trust", "--no-sync", "-E", "UTF8")
    options = f"-k {home} -h '' -c fsync=off"
    run(f"{programs}/pg_ctl", "-D", str(data), "-w", "-l", str(home / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://footnote@/postgres?host={home}"
    finally:
        run(f"{programs}/pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


def binaries() -> Path:
    """The folder of its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if found:
        return found[-1]
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL is not installed: apt-get install postgresql (CI does)"
    return Path(on_path).parent


def as_user() -> dict[str, object]:
    """PostgreSQL refuses to run as root: Debian's package brings a user for it."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
