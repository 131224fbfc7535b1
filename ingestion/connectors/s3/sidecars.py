"""What is written down around the objects of a bucket: sidecars, as a folder has them.

A listing shows keys in the order of their bytes, and a folder's sidecar in the midst of what it speaks of. So the
sidecars of folders are looked for before objects are listed. An object that is younger than that look may have come
together with a sidecar: for its folders the look is repeated, so that nobody sees it in between.

What can't be read is never passed over (docs/decisions/0009).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from botocore.exceptions import ClientError

from ingestion.connectors.s3.bucket import EMPTY, READ, Bucket, Gone
from ingestion.connectors.s3.clients import DENIED, translated
from ingestion.connectors.s3.keys import Keys, Object, SidecarKey, in_shadow
from ingestion.partitioning.facts import BadFacts, Facts
from ingestion.partitioning.front_matter import LONGEST
from ingestion.partitioning.sidecars import (
    FOLDER_SIDECAR,
    MOST_BYTES,
    SUFFIX,
    Sidecar,
    Strays,
    described_by,
    is_misnamed,
    is_sidecar,
    mentions_readers,
    misnamed,
    read_sidecar,
)
from ingestion.s3_blobs import error_code
from ingestion.secret_files import data_folders


@dataclass
class Survey:
    """What a first pass over all keys found.

    Attributes:
        at: when it began, by the service's clock; None: there was none.
        folders: sidecars of folders, by the folder's key.
        strays: keys of what seems to be meant for a sidecar and isn't one, by their folder.
        data: folders that hold data of a Footnote, relative to the root.
    """

    at: datetime | None = None
    folders: dict[str, list[Object]] = field(default_factory=dict)
    strays: dict[str, list[str]] = field(default_factory=dict)
    data: frozenset[str] = frozenset()


def survey(bucket: Bucket, keys: Keys) -> Survey:
    """Pass over all keys of a source."""
    found = Survey()
    found.data = data_folders(_survey(bucket, keys, found))
    return found


def _survey(bucket: Bucket, keys: Keys, found: Survey) -> Iterator[str]:
    before: list[str] = []
    for page in bucket.pages(keys.root):
        found.at = found.at or page.at
        for listed in page.objects:
            key = listed.key
            before = [one for one in before if in_shadow(key, one)]
            folder, _, name = key.rpartition("/")
            judged = keys.judge(key, listed.size)
            if isinstance(judged, SidecarKey):
                if judged.describes is None:
                    found.folders.setdefault(judged.folder, []).append(listed)
                elif judged.describes not in before:
                    found.strays.setdefault(judged.folder, []).append(key)
            elif is_misnamed(name) is not None:
                found.strays.setdefault(folder + "/" if folder else "", []).append(key)
            else:
                before.append(key)
            yield key.removeprefix(keys.root)


class Sidecars:
    """The sidecars of one listing; those of folders are read at most once.

    Raises, all over, :class:`ingestion.partitioning.facts.BadFacts` where what they say can't be told.
    """

    def __init__(self, bucket: Bucket, keys: Keys, found: Survey) -> None:
        self._bucket = bucket
        self._keys = keys
        self._survey = found
        self._looked: dict[str, tuple[datetime, list[Object]]] = {}
        self._folders: dict[tuple[str, str], Sidecar | BadFacts] = {}

    def own(self, names: list[Object]) -> Facts:
        """What an object's own sidecar says, of which there is one at least."""
        return self._one(names).facts

    def check_meant(self, key: str) -> None:
        """Refuse an object that has no sidecar, if something beside it seems to be meant for one."""
        folder, _, name = key.rpartition("/")
        folder += "/" if folder else ""
        self._refuse(folder, self._strays(folder).for_file(name), name, name + SUFFIX)

    def above(self, document: Object) -> list[Facts]:
        """What the sidecar of each of its folders says, up to the source's root, the nearest first."""
        facts, folder = [], document.key
        while folder != self._keys.root:
            folder = folder.rstrip("/").rpartition("/")[0]
            folder += "/" if folder else ""
            found = self._folder(folder, document.modified)
            facts.append(found.facts)
            if found.root:
                break
        return facts

    def _folder(self, folder: str, modified: datetime) -> Sidecar:
        at, names = self._looked.get(folder, (self._survey.at, self._survey.folders.get(folder, [])))
        if at is None or modified >= at:
            at, names = self._look(folder)
            self._looked[folder] = (at, names)
        if names:
            return self._kept(names)
        self._refuse(folder, self._strays(folder).for_folder(), "the documents in its folder", FOLDER_SIDECAR)
        return Sidecar(Facts())

    def _look(self, folder: str) -> tuple[datetime, list[Object]]:
        """A folder's sidecars as they are now: their names begin with one of these, whatever follows."""
        pages = [page for start in ("_f", "_F") for page in self._bucket.pages(folder + start)]
        found = [one for page in pages for one in page.objects if _speaks_of_folder(one.key, folder)]
        return pages[0].at, found

    def _strays(self, folder: str) -> Strays:
        strays = Strays()
        for key in self._survey.strays.get(folder, []):
            strays.add(_name(key))
        return strays

    def _refuse(self, folder: str, names: Iterable[str], what: str, right: str) -> None:
        for name in names:
            try:
                speaks = mentions_readers(self._content(folder + name, LONGEST))
            except BadFacts:
                speaks = True
            if speaks:
                raise misnamed(self._shown(folder + name), what, right)

    def _kept(self, names: list[Object]) -> Sidecar:
        place = (names[0].key, names[0].revision)
        if place not in self._folders:
            try:
                self._folders[place] = self._one(names)
            except BadFacts as error:
                self._folders[place] = error
        found = self._folders[place]
        if isinstance(found, BadFacts):
            raise found
        return found

    def _one(self, names: list[Object]) -> Sidecar:
        if len(names) > 1:
            both = " and ".join(self._shown(one.key) for one in names)
            raise BadFacts(f"{both} speak of the same: keep one of them")
        return read_sidecar(self._content(names[0].key, MOST_BYTES + 1), self._shown(names[0].key))

    def _content(self, key: str, most: int) -> bytes:
        try:
            with translated(self._bucket.where, READ):
                try:
                    return self._bucket.beginning(key, most)[0]
                except ClientError as error:
                    if error_code(error) in EMPTY:
                        return b""
                    if error_code(error) in DENIED:
                        raise BadFacts(f"the sidecar {self._shown(key)} can't be read: grant {READ}") from None
                    raise
        except Gone:
            raise BadFacts(f"the sidecar {self._shown(key)} went while it was to be read") from None

    def _shown(self, key: str) -> str:
        return key.removeprefix(self._keys.root)


def _speaks_of_folder(key: str, folder: str) -> bool:
    name = key.removeprefix(folder)
    return "/" not in name and is_sidecar(name) and described_by(name) is None


def _name(key: str) -> str:
    return key.rpartition("/")[2]
