"""The folder connector: documents in a folder on this machine, and everything below it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.clock import Clock, SystemClock
from core.errors import (
    DocumentTooLarge,
    NotFound,
    SecretFile,
    SourceUnavailable,
    UnreadableDocument,
)
from core.metadata import Metadata
from core.principal import AccessList
from core.section import AccessTerms
from ingestion.connectors.folder_metadata import Sidecars, dump_facts, load_facts, written_in
from ingestion.connectors.folder_scan import Found, Scanner, Unusable, never, uri_of
from ingestion.connectors.places import Places
from ingestion.connectors.port import Change, Cursor, Listing, Original, Unreadable, Upsert, Withheld
from ingestion.connectors.rules import Rule, Rules
from ingestion.partitioning.facts import BadFacts, Facts, clean_tags
from ingestion.partitioning.front_matter import LONGEST, facts_at_top
from ingestion.partitioning.kinds import told_kind
from ingestion.secret_files import secret_by_content

_CURSOR_VERSION = 2
"""Raised when more is told from a file's bytes than before, so that all are read again."""
_PIECE = 1 << 20
_SETTLED = timedelta(seconds=2)
"""A file younger than this when it was read may change again within the clock tick of its time stamp, unseen."""
_EXCLUDED = ["**/node_modules/**", "**/__pycache__/**", "**/~$*", "**/*.tmp", "**/Thumbs.db", "**/desktop.ini"]


class FolderConfig(BaseModel):
    """What a folder source is told.

    Attributes:
        path: the folder; ``~`` is the home of the user who runs the worker.
        include, exclude: globs relative to it, with ``**`` for any folders; hidden files are never documents.
        default_acl: who may read what nothing in the folder is said of, as terms (:mod:`core.principal`). None: as the
            folders above it say, and else as the installation is set up.
        department, tags: facts about what nothing else is said of.
        rules: facts by path; each of them counts where no sidecar and no front matter says otherwise, a later rule
            before an earlier one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    include: Annotated[list[str], Field(min_length=1)] = ["**/*"]
    exclude: list[str] = _EXCLUDED
    default_acl: AccessTerms | None = None
    department: str | None = None
    tags: list[str] = []
    rules: list[Rule] = []

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        # Links in it are kept: the folder's address is what people know it by.
        try:
            return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100
        except RuntimeError:
            raise ValueError(f"there is no home of the user that {str(path.parts[0])[:100]} names") from None


class FolderConnector:
    """Lists and reads a folder's documents. Every pass names every document, so that what it doesn't name is gone.

    A file is read again only if its size or time stamp differ from the last pass, and has changed only if its bytes
    then differ. The cursor remembers each file's size, time stamp, hash and front matter.

    Args:
        config: which folder, and what to say of its documents.
        max_file_bytes: files above this are listed but not read.
        clock: tells how old a file is.
        places: where Footnote's own files are, which are never documents.
        default_acl: who may read what nobody says anything of.
    """

    def __init__(
        self,
        config: FolderConfig,
        max_file_bytes: int,
        clock: Clock | None = None,
        *,
        places: Places | None = None,
        default_acl: AccessList | None = None,
    ) -> None:
        self._config = config
        self._max_bytes = max_file_bytes
        self._clock = clock or SystemClock()
        self._scanner = Scanner(config.path, config.include, config.exclude, places)
        self._rules = Rules(config.rules)
        self._defaults = Facts(
            Metadata(department=config.department, tags=clean_tags(config.tags)).coming_from("source settings"),
            None if config.default_acl is None else AccessList.from_terms(config.default_acl),
        )
        self._fallback = Facts(acl=default_acl or AccessList.everyone())

    def changes(self, cursor: Cursor) -> Listing:
        """Every document there is now; see :meth:`ingestion.connectors.port.Connector.changes`.

        An unchanged document comes with the revision that it had. What was in a folder that can't be listed now is
        named as unreadable; on a first pass, when nothing is known of it, the listing isn't complete.

        Raises:
            SourceUnavailable: from ``changes``, if the folder isn't there.
        """
        listing = Listing(iter(()))
        listing.changes = self._changes(cursor, listing)
        return listing

    def _changes(self, cursor: Cursor, listing: Listing) -> Iterator[Change]:
        known = cursor.get("files", {}) if cursor.get("version") == _CURSOR_VERSION else {}
        files: dict[str, Any] = {}
        sidecars = Sidecars(self._config.path, self._scanner.contains)
        self._rules = Rules(self._config.rules)
        complete = True
        for found in self._scanner.scan():
            if isinstance(found, Withheld):
                yield found
                continue
            if isinstance(found, Unusable):
                yield self._unreadable(found, sidecars)
                if found.folder:
                    lost = [name for name in known if name.startswith(found.external_id)]
                    complete = complete and bool(known)
                    files.update((name, known[name]) for name in lost)
                    yield from (self._out_of_sight(name, found) for name in lost)
                continue
            try:
                entry = self._entry(found, known.get(found.external_id))
                change: Change = self._upsert(found, entry, sidecars)
            except FileNotFoundError:
                continue
            except SecretFile as error:
                yield Withheld(found.external_id, error.message)
                continue
            except (BadFacts, UnreadableDocument) as error:
                yield Unreadable(found.external_id, uri_of(found.path), str(error))
                continue
            except OSError as error:
                reason = f"it can't be read: {error.strerror}"
                yield self._unreadable(Unusable(found.external_id, found.path, reason, fault=True), sidecars)
                continue
            files[found.external_id] = entry
            yield change
        warned = self._rules.warn_of_unused(cursor.get("unused_rules", []), self._config.path)
        listing.cursor = {"version": _CURSOR_VERSION, "files": files, "unused_rules": warned}
        listing.complete = complete

    def _unreadable(self, found: Unusable, sidecars: Sidecars) -> Unreadable:
        """With its readers, if a fault of the system keeps its bytes away and they don't stand in those."""
        reason, acl = found.reason, None
        if found.fault and told_kind(found.path.name, None) != "markdown":
            try:
                acl = self._facts(found.external_id, Facts(), sidecars).acl
            except BadFacts as error:
                reason = f"{reason}, and {error}"
        return Unreadable(found.external_id, uri_of(found.path), reason, acl)

    def _out_of_sight(self, external_id: str, folder: Unusable) -> Unreadable:
        """A document that was in a folder which can't be listed now: not known to be gone, and so still named."""
        return Unreadable(
            external_id, uri_of(self._config.path / external_id), f"{folder.external_id}: {folder.reason}"
        )

    def _entry(self, found: Found, known: list[Any] | None) -> list[Any]:
        """What the cursor keeps of a file: time stamp (None: too fresh to rely on), size, hash, front matter."""
        if known is not None and known[:2] == [found.mtime_ns, found.size]:
            return known
        if found.size > self._max_bytes:
            # Not read but for its top, and so known by what can be seen from outside.
            content_hash = f"unread:{found.size}:{found.mtime_ns}"
            return [found.mtime_ns, found.size, content_hash, dump_facts(written_in(found.path))]
        content_hash, head = _hash(found.path)
        if (secret := secret_by_content(found.external_id, head)) is not None:
            raise SecretFile(secret)
        facts = facts_at_top(head, found.path.name)
        age = self._clock.now().timestamp() - found.mtime_ns / 1e9
        settled = age > _SETTLED.total_seconds()
        return [found.mtime_ns if settled else None, found.size, content_hash, dump_facts(facts)]

    def _upsert(self, found: Found, entry: list[Any], sidecars: Sidecars) -> Upsert:
        facts = self._facts(found.external_id, load_facts(entry[3]), sidecars)
        assert facts.acl is not None
        content_revision = str(entry[2])
        described = json.dumps([content_revision, dump_facts(facts)], sort_keys=True)
        return Upsert(
            external_id=found.external_id,
            uri=uri_of(found.path),
            revision=hashlib.sha256(described.encode()).hexdigest(),
            content_revision=content_revision,
            size=found.size,
            acl=facts.acl,
            metadata=facts.metadata,
        )

    def _facts(self, external_id: str, written: Facts, sidecars: Sidecars) -> Facts:
        return reduce(Facts.over, self._layers(external_id, written, sidecars))

    def _layers(self, external_id: str, written: Facts, sidecars: Sidecars) -> list[Facts]:
        ruled = map(Facts, self._rules.said(external_id))
        inside = [sidecars.own(external_id), written, *sidecars.above(external_id), *ruled, self._defaults]
        return [*inside, *sidecars.outside(external_id), self._fallback]

    def layers(self, external_id: str) -> list[Facts]:
        """What each place says of a document; for each fact, the first that says it is the one that counts.

        Raises:
            NotFound, SecretFile: it went, or isn't one of this source's documents.
            UnreadableDocument: what is written of it can't be used, so that ingestion refuses it.
        """
        path = self._scanner.locate(external_id)
        try:
            return self._layers(external_id, written_in(path), Sidecars(self._config.path, self._scanner.contains))
        except BadFacts as error:
            raise UnreadableDocument(f"{external_id}: {error}.") from None
        except OSError as error:
            raise UnreadableDocument(f"{path} can't be read: {error.strerror}.") from error

    def fetch(self, external_id: str) -> Original:
        """The bytes of one document; see :meth:`ingestion.connectors.port.Connector.fetch`.

        Raises:
            NotFound, SecretFile: it went, or isn't one of this source's documents.
            DocumentTooLarge: it is over ``max_file_bytes``.
            SourceUnavailable: it is there but can't be read.
        """
        path = self._scanner.locate(external_id)
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                # One byte more than may be: a file that grows while it is read is noticed.
                content = b"" if size > self._max_bytes else file.read(self._max_bytes + 1)
        except FileNotFoundError:
            raise NotFound(f"{external_id} is no longer in {self._config.path}.") from None
        except OSError as error:
            raise SourceUnavailable(f"{path} can't be read: {error.strerror}.") from error
        if size > self._max_bytes or len(content) > self._max_bytes:
            limit = f"{self._max_bytes / 1_000_000:g} MB (parsing.max_file_mb)"
            raise DocumentTooLarge(f"{external_id} is larger than {limit}. Split it, or raise the limit.")
        if (secret := secret_by_content(external_id, content)) is not None:
            raise never(external_id, secret)
        return Original(content)

    def list_ids(self) -> Iterator[str]:
        """Every document's id, without reading any.

        Raises:
            SourceUnavailable: the folder, or one in it, can't be listed, so that the ids aren't all there are.
        """
        for found in self._scanner.scan():
            if isinstance(found, Found):
                yield found.external_id
            elif isinstance(found, Unusable) and found.folder:
                raise SourceUnavailable(f"{found.path}: {found.reason}.")

    def acl(self, external_id: str) -> AccessList:
        """Who may read it now.

        Raises:
            NotFound: it went, or isn't one of this source's documents.
            SourceUnavailable: what says so can't be read.
        """
        try:
            facts = reduce(Facts.over, self.layers(external_id))
        except UnreadableDocument as error:
            raise SourceUnavailable(f"Who may read {external_id} can't be told: {error.message}") from error
        assert facts.acl is not None
        return facts.acl


def _hash(path: Path) -> tuple[str, bytes]:
    """The SHA-256 of a file's bytes, and as many of the first as front matter may take."""
    digest, head = hashlib.sha256(), b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            head = head or piece[:LONGEST]
            digest.update(piece)
    return digest.hexdigest(), head
