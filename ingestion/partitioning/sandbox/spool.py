"""Files in a parser child's folder, instead of bytes in the pipe: large originals to it, attachments from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from ingestion.partitioning.port import Attachment

_FOLDER = "attachments"
Entry = list[str | None]


def take(name: str) -> bytes:
    """What the parent put into the working directory, which goes."""
    file = Path.cwd() / name
    content = file.read_bytes()
    file.unlink()
    return content


def spool(attachments: Sequence[Attachment]) -> list[Entry]:
    """Write attachments into the working directory; each one's name, media type and file."""
    folder = Path.cwd() / _FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    entries: list[Entry] = []
    for number, attachment in enumerate(attachments):
        folder.mkdir(exist_ok=True)
        (folder / str(number)).write_bytes(attachment.content)
        entries.append([attachment.name, attachment.media_type, str(number)])
    return entries


def collect(folder: Path, entries: Iterable[Entry]) -> list[Attachment]:
    """Read what a child in ``folder`` has spooled, and delete it."""
    found = []
    for name, media_type, file in entries:
        # The child has read a document that may be hostile: a file's name from it is only a number.
        path = folder / _FOLDER / str(int(file or ""))
        if path.is_symlink():
            raise ValueError(f"{path} is a link")
        found.append(Attachment(name=name or "", media_type=media_type, content=path.read_bytes()))
        path.unlink()
    return found
