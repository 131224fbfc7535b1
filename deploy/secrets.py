"""``python -m deploy.secrets``: whether a file of the repository is, or holds, a secret. A part of ``make audit``.

What Footnote looks for in documents it looks for in itself: known files of keys and passwords, private keys, tokens of
services, logins in addresses. Tests and data sets are left out, which hold examples
of all of these on purpose, and the file that says what private keys begin with.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.secrets import find_secrets
from ingestion.secret_files import secret_file

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("tests/", "eval/", "ingestion/secret_files.py")


def main() -> int:
    """Look through what git knows; the exit status is 1 if something was found."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)  # noqa: S607
    names = [name for name in listed.stdout.split("\0") if name and not name.startswith(LEFT_OUT)]
    findings = [
        f"{name}: {found}" for name in names if (ROOT / name).is_file() for found in found_in(ROOT / name, name)
    ]
    sys.stdout.write("".join(f"{finding}\n" for finding in findings))
    sys.stdout.write(f"{len(names)} files, {len(findings)} with secrets\n")
    return 1 if findings else 0


def found_in(path: Path, name: str) -> Iterator[str]:
    """What a file is, or holds; nothing of what it holds is repeated."""
    content = path.read_bytes()
    whole = secret_file(name, content)
    if whole:
        yield whole
        return
    text = content.decode("utf-8", errors="replace")
    if text:
        yield from find_secrets([Element(kind=ElementKind.TEXT, text=text)])


if __name__ == "__main__":
    sys.exit(main())
