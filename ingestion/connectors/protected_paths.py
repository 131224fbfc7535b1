"""Where a folder source may not go: Footnote's own files, the system's folders, what is outside of the allowed roots.

What is refused when a source is made or changed is more than what its listing leaves out. Making a source of a folder
that holds the data directory is refused; but there may be such a source from before, or the data directory may have
moved since, and so a listing leaves it out wherever it meets it.

The data directory may lie in the folder if it is hidden, as the default ``.footnote`` is, except in production:
``footnote ingest .`` in a folder of one's own is how Footnote is begun with, and no listing goes into hidden folders.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.settings import Settings
from ingestion.secret_files import DATA_FOLDERS, secret_by_name

SYSTEM = (Path("/proc"), Path("/sys"), Path("/dev"))
OWN = "it is Footnote's own data directory, with its keys and every document that it holds"
OWN_FILE = "it is a file of Footnote's own: its settings, its keys or its data"
OTHERS = "it looks like the data directory of a Footnote, with its keys and every document that it holds"
_SQLITE = b"SQLite format 3\0"
_KEY = b"fn_"


@dataclass(frozen=True, slots=True)
class ProtectedPaths:
    """What a process knows of them. The empty one knows none.

    Attributes:
        own: folders of Footnote's data.
        files: single files of Footnote's, as its settings.
        allowed: what folder sources must lie in; none: anything.
        hidden_is_fine: the data directory may lie in a source's folder if it is hidden there.
        bucket: where Footnote keeps its blobs, as ``s3://BUCKET/PREFIX``; None: not in S3.
        bucket_at: the server of ``bucket``; None: AWS.
    """

    own: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    allowed: tuple[Path, ...] = ()
    hidden_is_fine: bool = True
    bucket: str | None = None
    bucket_at: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> ProtectedPaths:
        """Those of these settings."""
        blobs = urlsplit(settings.blobs.url or "")
        local = [Path(blobs.path)] if blobs.scheme in ("", "file", "local") and blobs.path else []
        return cls(
            own=(settings.data_dir.expanduser().absolute(), *local),
            files=tuple(file for file in (settings.file, settings.sources.secret_key_file) if file),
            allowed=settings.sources.allowed_roots,
            hidden_is_fine=settings.environment != "production",
            bucket=settings.blobs.url if blobs.scheme == "s3" else None,
            bucket_at=settings.blobs.s3_endpoint,
        )

    def blobs_in(self, bucket: str, endpoint: str | None) -> str | None:
        """What keys of Footnote's own blobs begin with in a bucket (ends with ``/``, or is empty); None: it has none.

        A server that goes by two names isn't known to be one: blobs are then told by their keys alone
        (:mod:`ingestion.secret_files`).
        """
        own, _, prefix = (self.bucket or "").removeprefix("s3://").partition("/")
        if own != bucket or (self.bucket_at or "").rstrip("/") != (endpoint or "").rstrip("/"):
            return None
        inner = prefix.strip("/")
        return f"{inner}/" if inner else ""

    def forbids(self, root: Path) -> str | None:
        """Why no source may read this folder, now or ever; None if it may. Links are followed."""
        real = root.resolve()
        if real == Path(real.anchor):
            return "it is the root of the file system: name a folder of documents"
        system = next((folder for folder in SYSTEM if real.is_relative_to(folder)), None)
        if system is not None:
            return f"it lies in {system}, where the system keeps no documents: name a folder of documents"
        if self.allowed and not any(real.is_relative_to(allowed.resolve()) for allowed in self.allowed):
            folders = ", ".join(map(str, self.allowed))
            return f"it lies outside of sources.allowed_roots ({folders}), links followed: add its folder there"
        return None

    def refuses(self, root: Path) -> str | None:
        """Why no new source may be made of this folder; None if one may."""
        inside = self.withholds(root)
        if inside is not None:
            return f"{inside}: name a folder of documents"
        real = root.resolve()
        for own in self.own:
            place = own.resolve()
            if not place.is_relative_to(real):
                continue
            if self.hidden_is_fine and any(part.startswith(".") for part in place.relative_to(real).parts):
                continue
            return (
                f"Footnote's own data directory, {place}, lies in it: move that (data_dir), or name folders beside it"
            )
        return None

    def withholds(self, root: Path) -> str | None:
        """Why nothing in a source's folder is a document: it lies in a data directory. None if it doesn't."""
        seen = self.seen()
        for folder in (real := root.resolve(), *real.parents):
            state = _state(folder)
            if state is not None and seen.is_own_folder(state):
                return OWN
            if looks_like_data(folder):
                return OTHERS
        return secret_by_name((real / "any").as_posix())

    def seen(self) -> Seen:
        """The folders and files as they are on the disk now."""
        folders = [state for state in map(_state, self.own) if state is not None]
        files = [state for state in map(_state, (*self.files, *self._top())) if state is not None]
        return Seen(folders, files)

    def _top(self) -> Iterator[Path]:
        """The catalog, the key: what lies at the top of a data directory and is worth a hard link."""
        for folder in self.own:
            try:
                yield from folder.iterdir()
            except OSError:
                continue


class Seen:
    """Footnote's own files by what the system knows them by: another path, a link or a mount makes no difference."""

    def __init__(self, folders: Sequence[os.stat_result], files: Sequence[os.stat_result]) -> None:
        self._folders = {(state.st_dev, state.st_ino) for state in folders}
        self._files = {(state.st_dev, state.st_ino) for state in files}

    def is_own_folder(self, state: os.stat_result) -> bool:
        """Whether it is a folder of Footnote's data."""
        return (state.st_dev, state.st_ino) in self._folders

    def is_own_file(self, state: os.stat_result) -> bool:
        """Whether it is one of Footnote's files, by whatever name."""
        return (state.st_dev, state.st_ino) in self._files


def looks_like_data(folder: Path) -> bool:
    """Whether a folder is a data directory, of whatever Footnote: a catalog or a key, and what lies beside them."""
    files = _begins(folder / "catalog.sqlite3", _SQLITE) + _begins(folder / "admin.key", _KEY)
    return bool(files) and files + sum((folder / name).is_dir() for name in DATA_FOLDERS) > 1


def _begins(path: Path, beginning: bytes) -> bool:
    try:
        if not path.is_file():  # a pipe of that name would never end
            return False
        with path.open("rb") as file:
            return file.read(len(beginning)) == beginning
    except OSError:
        return False


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
