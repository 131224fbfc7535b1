"""A real MariaDB server for tests, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEADLINE_S = 60


@contextmanager
def serve() -> Iterator[str]:
    """Run a server while the block runs; its URL, with a user who may do everything in the database ``test``."""
    home = Path(tempfile.mkdtemp(prefix="footnote-my-"))
    user = _user()
    if os.geteuid() == 0:
        os.chown(home, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    data, log, address = home / "data", home / "log", home / "socket"
    common = ["--no-defaults", f"--datadir={data}", f"--user={user}", f"--tmpdir={home}"]
    install = [_program("mariadb-install-db"), *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, timeout=DEADLINE_S, cwd=home, capture_output=True)
    quick = ["--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", f"--socket={address}", f"--log-error={log}"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ["--bind-address=127.0.0.1", f"--port={port}", f"--pid-file={home / 'pid'}"]
    command = [_program("mariadbd"), *common, *quick, *where]
    server = subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _prepare(server, address, log)
        yield f"mariadb+pymysql://footnote:footnote@127.0.0.1:{port}/test"
    finally:
        server.kill()
        server.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _prepare(server: subprocess.Popen[bytes], address: Path, log: Path) -> None:
    import pymysql

    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(address))
            break
        except OSError:
            said = log.read_text() if log.exists() else ""
            assert server.poll() is None, f"mariadbd ended:\n{said}"
            assert time.monotonic() < end, f"mariadbd doesn't answer:\n{said}"
            time.sleep(0.05)
    with pymysql.connect(unix_socket=str(address), user="root") as root, root.cursor() as cursor:
        cursor.execute("CREATE DATABASE test CHARACTER SET utf8mb4")
        cursor.execute("CREATE USER footnote@'127.0.0.1' IDENTIFIED BY 'footnote'")
        cursor.execute("GRANT ALL ON *.* TO footnote@'127.0.0.1' WITH GRANT OPTION")


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found, "MariaDB is not installed: apt-get install mariadb-server (CI does)"
    return found


def _user() -> str:
    return "mysql" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
