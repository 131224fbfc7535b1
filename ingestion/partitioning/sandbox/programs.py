"""The programs of the operating system that some kinds of documents need: found, named when missing, run.

They run inside the parser child: in its process group, so that they are killed with it, and under its limits.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UnreadableDocument


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is not installed with Footnote.

    Attributes:
        commands: its names on the search path, the first that is there is used.
        reads: what it is needed for.
        packages: what installs it, by package manager.
    """

    name: str
    commands: tuple[str, ...]
    reads: str
    packages: dict[str, str]

    def path(self) -> str | None:
        """Where it is; None if it isn't installed."""
        return next(filter(None, map(shutil.which, self.commands)), None)


LIBREOFFICE = Program(
    "LibreOffice",
    ("soffice", "libreoffice"),
    "DOC and PPT",
    {
        "apt": "apt-get install libreoffice-writer-nogui libreoffice-impress-nogui",
        "dnf": "dnf install libreoffice-writer libreoffice-impress",
        "brew": "brew install --cask libreoffice",
    },
)
PANDOC = Program(
    "Pandoc",
    ("pandoc",),
    "RTF, ODT, EPUB, reStructuredText and Org",
    {"apt": "apt-get install pandoc pandoc-data", "dnf": "dnf install pandoc", "brew": "brew install pandoc"},
)
TESSERACT = Program(
    "Tesseract",
    ("tesseract",),
    "images and scanned pages",
    {
        "apt": "apt-get install tesseract-ocr tesseract-ocr-eng",
        "dnf": "dnf install tesseract tesseract-langpack-eng",
        "brew": "brew install tesseract tesseract-lang",
    },
)
PROGRAMS = (LIBREOFFICE, PANDOC, TESSERACT)

_MOST_SAID = 200


def run(program: Program, arguments: Sequence[str], name: str, content: bytes = b"") -> bytes:
    """Run a program on a document and return what it prints.

    The time that it may take is the child's: both end together.

    Raises:
        UnreadableDocument: it isn't installed, or fails on this document.
    """
    command = program.path()
    if command is None:
        how = program.packages["apt"]
        raise UnreadableDocument(
            f"{name} needs {program.name}, which is not installed here. Install it ({how}; `footnote doctor` has other "
            "systems' lines), then retry."
        )
    done = subprocess.run([command, *arguments], input=content, capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-_MOST_SAID:]
        raise UnreadableDocument(f"{name} can't be read by {program.name}; it is probably corrupt ({said}).")
    return done.stdout


def scratch(name: str) -> Path:
    """A file of this name in the child's own folder, where anything may be written."""
    return Path.cwd() / name
