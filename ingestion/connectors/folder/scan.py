"""Walking a folder: what is a document, what can't be one, what is left alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import NotFound, SecretFile, SourceUnavailable
from core.logs import get_logger
from ingestion.connectors.globs import compile_globs
from ingestion.connectors.port import Withheld
from ingestion.connectors.protected_paths import OTHERS, OWN, OWN_FILE, ProtectedPaths, looks_like_data
from ingestion.partitioning.sidecars import described_by, is_sidecar
from ingestion.secret_files import secret_by_name

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A document, by its path relative to the root, with ``/``."""

    external_id: str
    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that can't be read.

    Attributes:
        folder: it is one that can't be listed, so that what is in it is not known.
        fault: it is a document as far as anybody knows, and the system failed to look at it.
    """

    external_id: str
    path: Path
    reason: str
    folder: bool = False
    fault: bool = False


class Scanner:
    """Walks one folder, in the order of names.

    Hidden files and folders (a leading dot) and sidecars are left alone. Links are followed to files inside the root
    and nowhere else: what a link reaches outside is not this source's to publish, and folders reached twice would be
    listed twice or for ever.

    Secret files and data of Footnote are withheld, whatever the globs say. What the globs leave out isn't mentioned.
    """

    def __init__(
        self, root: Path, include: list[str], exclude: list[str], protected: ProtectedPaths | None = None
    ) -> None:
        self.root = root
        self._protected = protected or ProtectedPaths()
        self._seen = self._protected.seen()
        self._include = compile_globs(include)
        self._exclude = compile_globs(exclude)

    def wants(self, external_id: str) -> bool:
        """Whether a file of this relative path would be a document."""
        parts = external_id.split("/")
        if any(part.startswith(".") or not part for part in parts) or is_sidecar(parts[-1]):
            return False
        return bool(self._include.match(external_id)) and not self._exclude.match(external_id)

    def contains(self, path: Path) -> bool:
        """Whether the path, its links followed, is inside the root."""
        return path.resolve().is_relative_to(self.root.resolve())

    def locate(self, external_id: str) -> Path:
        """The file of an external id, after the checks of a listing: ids come back from outside this process.

        Raises:
            NotFound: it went, or isn't one of this source's documents.
            SecretFile: it is never a document, which its bytes may say too.
            SourceUnavailable: it can't be looked at.
        """
        path = self.root / external_id
        if ".." in external_id.split("/") or not self.contains(path):
            raise NotFound(f"{external_id} is not a document of {self.root}.")
        if path.is_file() and (secret := secret_by_name(external_id)) is not None:
            raise never(external_id, secret)
        if not self.wants(external_id):
            raise NotFound(f"{external_id} is not a document of {self.root}.")
        if not path.is_file():
            raise NotFound(f"{external_id} is no longer in {self.root}.")
        try:
            above = self._protected.withholds(path.parent)
            secret = above or self._secret(path, external_id) or self._own_file(path.stat())
        except OSError as error:
            raise SourceUnavailable(f"{path} can't be looked at: {error.strerror}.") from error
        if secret is not None:
            raise never(external_id, secret)
        return path

    def _secret(self, path: Path, external_id: str) -> str | None:
        """By its name, and for a link by its target's: that is as secret under another name."""
        named = secret_by_name(external_id)
        if named is not None or not path.is_symlink() or not self.contains(path):
            return named
        target = path.resolve()
        inside = target.relative_to(self.root.resolve()).as_posix()
        return secret_by_name(inside) or self._protected.withholds(target.parent)

    def _data(self, folder: Path) -> str | None:
        if self._seen.is_own_folder(folder.stat()):
            return OWN
        return OTHERS if looks_like_data(folder) else None

    def _own_file(self, state: os.stat_result) -> str | None:
        return OWN_FILE if self._seen.is_own_file(state) else None

    def scan(self) -> Iterator[Found | Unusable | Withheld]:
        """Every document there is, and what is withheld.

        Raises:
            SourceUnavailable: the root isn't there, or can't be listed.
        """
        if (reason := self._protected.withholds(self.root)) is not None:
            yield Withheld("", reason)
            return
        try:
            entries = self._list(self.root)
        except OSError as error:
            raise SourceUnavailable(
                f"The folder {self.root} can't be read: {error.strerror}. Check that it exists and is mounted."
            ) from error
        yield from self._entries(entries, "")

    @staticmethod
    def _list(folder: Path) -> list[os.DirEntry[str]]:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)

    def _entries(self, entries: list[os.DirEntry[str]], prefix: str) -> Iterator[Found | Unusable | Withheld]:
        names = {entry.name for entry in entries}
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if is_sidecar(entry.name) and (lost := described_by(entry.name)) not in (None, *names):
                reason = f"it describes {lost}, which is not in this folder; remove it, or give it the file's name"
                yield Unusable(prefix + entry.name, Path(entry.path), reason)
                continue
            if not _is_utf8(entry.name):
                shown = prefix + _escaped(entry.name)
                reason = "its name is not UTF-8; rename it"
                yield Unusable(shown, self.root / shown, reason)
            elif entry.is_dir(follow_symlinks=False):
                yield from self._folder(Path(entry.path), f"{prefix}{entry.name}/")
            elif self.wants(prefix + entry.name):
                path, external_id = Path(entry.path), prefix + entry.name
                found = self._withheld(path, external_id) or self._file(path, external_id)
                if found is not None:
                    yield found

    def _folder(self, path: Path, prefix: str) -> Iterator[Found | Unusable | Withheld]:
        # What matches anything below it is excluded as a whole: node_modules need not be walked to be left out.
        if self._exclude.match(prefix + "\x00"):
            return
        try:
            if (data := self._data(path)) is not None:
                yield Withheld(prefix, data)
                return
            entries = self._list(path)
        except FileNotFoundError:
            return
        except OSError as error:
            yield Unusable(prefix, path, f"the folder can't be listed: {error.strerror}", folder=True)
            return
        yield from self._entries(entries, prefix)

    def _withheld(self, path: Path, external_id: str) -> Withheld | None:
        try:
            secret = self._secret(path, external_id) or self._own_file(path.stat())
        except OSError:
            return None  # what is wrong with it is said when it is looked at as a document
        return Withheld(external_id, secret) if secret is not None else None

    def _file(self, path: Path, external_id: str) -> Found | Unusable | None:
        try:
            if path.is_symlink() and (reason := self._bad_link(path)) is not None:
                return Unusable(external_id, path, reason) if reason else None
            state = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            return Unusable(external_id, path, f"it can't be read: {error.strerror}", fault=True)
        if not stat.S_ISREG(state.st_mode):
            return Unusable(external_id, path, "it is not a file but a pipe, a socket or a device")
        return Found(external_id, path, state.st_size, state.st_mtime_ns)

    def _bad_link(self, path: Path) -> str | None:
        """Why a link isn't followed; empty if nobody need hear of it, None if it is followed."""
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return "it is a link to nothing"
        if not target.is_relative_to(self.root.resolve()):
            return "it is a link that leads out of the folder; such links are not followed"
        inside = target.relative_to(self.root.resolve()).parts
        if target.is_dir() or any(part.startswith(".") for part in inside):
            # Its target is listed where it is, or is hidden on purpose.
            return ""
        return None


def uri_of(path: Path) -> str:
    """A file's address."""
    # Not percent-encoded: it ends with the path as people write it, which Path.as_uri() would change.
    return f"file://{path.as_posix()}"


def never(external_id: str, secret: str) -> SecretFile:
    """The error of a file that is no document for what it is."""
    return SecretFile(f"{external_id} is never a document: {secret}. Keep it elsewhere.")


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _escaped(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
