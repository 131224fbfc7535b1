"""What documents are read with here, as one line: a failure that was another reader's is worth another try."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.settings import ParsingSettings
from ingestion.partitioning.sandbox.programs import PROGRAMS, TESSERACT, Program

_READERS = 1
"""Raised whenever Footnote's own readers learn to read more: a release does it by itself."""
_PACKAGES = (
    "unstructured",
    "pdfminer.six",
    "pypdfium2",
    "openpyxl",
    "xlrd",
    "python-calamine",
    "python-oxmsg",
    "olefile",
    "lxml",
    "pillow",
    "filetype",
    "charset-normalizer",
)
_LIMITS = (
    "timeout_s",
    "memory_mb",
    "max_file_mb",
    "max_text_mb",
    "max_pages",
    "ocr_languages",
    "ocr_timeout_s",
    "max_attachments",
    "max_unpacked_mb",
    "max_inner",
    "max_depth",
)
"""Settings that decide whether a document can be read."""
_TIMEOUT_S = 30


def parser_version(settings: ParsingSettings) -> str:
    """Everything that decides whether a document can be read: Footnote, packages, programs of this system, settings.

    It changes when one of them is updated, installed, or set otherwise. Takes some milliseconds, and a second the
    first time, for programs are asked for their versions.
    """
    parts = [*_packages(), *(_program(program) for program in PROGRAMS), f"languages {_languages()}"]
    parts += [f"{name} {_plain(getattr(settings, name))}" for name in _LIMITS]
    # How many, for a password leaves no trace, not even as a hash.
    parts.append(f"pdf_passwords {len(settings.pdf_passwords)}")
    if settings.engine != "local":
        parts.append(f"{settings.engine} for {_plain(settings.cloud_kinds)}, {settings.cloud_timeout_s:g} s")
    return "; ".join(parts)


@cache
def _packages() -> tuple[str, ...]:
    """Versions of what this process has loaded, or will: a package updated meanwhile counts after a restart."""
    return (f"footnote {_version('footnote')} readers {_READERS}", *(f"{name} {_version(name)}" for name in _PACKAGES))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _program(program: Program) -> str:
    path = program.path()
    try:
        return f"{program.name}: {_said(path, Path(path).resolve().stat().st_mtime_ns) if path else 'none'}"
    except OSError:  # uninstalled at this moment
        return f"{program.name}: none"


@cache
def _said(path: str, _changed_ns: int) -> str:
    """What a program calls itself, asked once until its file changes."""
    return next((line.strip() for line in _output([path, "--version"]).splitlines() if line.strip()), "unknown")


def _languages() -> str:
    """What Tesseract can read: each language is a package of its own, and installed without touching the program."""
    path = TESSERACT.path()
    listed = _output([path, "--list-langs"]).splitlines()[1:] if path else []
    return _plain(tuple(sorted(filter(None, map(str.strip, listed))))) or "none"


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
