"""The folder connector: documents in a folder on this machine, and everything below it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import reduce
from itertools import islice
from pathlib import Path

from core.clock import Clock, SystemClock
from core.errors import (
    DocumentTooLarge,
    InvalidRequest,
    NotFound,
    SecretFile,
    SourceUnavailable,
    UnreadableDocument,
)
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.connectors.folder.config import FolderConfig
from ingestion.connectors.folder.rules import Rules
from ingestion.connectors.folder.scan import Found, Scanner, Unusable, never, uri_of
from ingestion.connectors.folder.sidecars import Sidecars, dump_facts, load_facts, written_in
from ingestion.connectors.port import (
    Change,
    ConnectorContext,
    Cursor,
    Known,
    Note,
    Page,
    Sink,
    Unreadable,
    Upsert,
    Withheld,
)
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.partitioning.facts import BadFacts, Facts, clean_tags
from ingestion.partitioning.front_matter import LONGEST, facts_at_top
from ingestion.partitioning.kinds import told_kind
from ingestion.secret_files import secret_by_content

_READING = 2
"""Raised when more is told from a file's bytes than before, so that all are read again."""
_PAGE = 200
_PIECE = 1 << 20
_SHOWN = 200
"""Characters of a path that a message repeats."""
_SETTLED = timedelta(seconds=2)
"""A file younger than this when it was read may change again within the clock tick of its time stamp, unseen."""


class FolderConnector:
    """Lists and reads a folder's documents. Every pass names every document, so that what it doesn't name is gone.

    A file is read again only if its size or time stamp differ from the last pass, and has changed only if its bytes
    then differ. A document's note remembers its file's size, time stamp, hash and front matter.

    Args:
        config: which folder, and what to say of its documents.
        max_file_bytes: files above this are listed but not read.
        clock: tells how old a file is.
        protected: where Footnote's own files are, which are never documents.
        default_acl: who may read what nobody says anything of.
    """

    config_model = FolderConfig

    def __init__(
        self,
        config: FolderConfig,
        max_file_bytes: int,
        clock: Clock | None = None,
        *,
        protected: ProtectedPaths | None = None,
        default_acl: AccessList | None = None,
    ) -> None:
        self._config = config
        self._max_bytes = max_file_bytes
        self._clock = clock or SystemClock()
        self._scanner = Scanner(config.path, config.include, config.exclude, protected)
        self._rules = Rules(config.rules)
        self._defaults = Facts(
            Metadata(department=config.department, tags=clean_tags(config.tags)).coming_from("source settings"),
            None if config.default_acl is None else AccessList.from_terms(config.default_acl),
        )
        self._fallback = Facts(acl=default_acl or AccessList.everyone())

    @classmethod
    def open(cls, config: FolderConfig, context: ConnectorContext) -> FolderConnector:
        """A connector to a folder; see :meth:`ingestion.connectors.port.Connector.open`.

        Raises:
            InvalidRequest: it isn't there, or no source may read it; or, when the source is made or changed, the folder
                holds Footnote's data directory, or lies in one.
        """
        path, protected = config.path, context.protected
        if (fault := _fault_of(path)) is not None:
            raise InvalidRequest(f"The path {str(path)[:_SHOWN]} {fault}. Name a folder that the worker can read.")
        forbidden = protected.forbids(path) or (protected.refuses(path) if context.creating else None)
        if forbidden is not None:
            raise InvalidRequest(f"The path {path} can't be a source: {forbidden}.")
        return cls(config, context.max_file_bytes, context.clock, protected=protected, default_acl=context.default_acl)

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        """Every document there is now; see :meth:`ingestion.connectors.port.Connector.changes`.

        An unchanged document comes with the revision that it had. What was in a folder that can't be listed now is
        named as unreadable; on a first pass, when nothing is known of it, the listing isn't complete.

        A listing that was cut off begins again: it looks at every file, and reads none that it has read.

        Raises:
            SourceUnavailable: the folder isn't there.
        """
        sidecars = Sidecars(self._config.path, self._scanner.contains)
        self._rules = Rules(self._config.rules)
        first = next(known.below(""), None) is None
        complete = True
        for found in _batches(self._scanner.scan()):
            closed = [one for one in found if isinstance(one, Unusable) and one.folder]
            complete = complete and not (closed and first)
            # It goes on where it began: that is told at its end alone.
            yield Page(changes=[*self._page(found, known, sidecars), *self._out_of_sight(closed, known)], cursor=cursor)
        warned = self._rules.warn_of_unused(cursor.get("unused_rules", []), self._config.path)
        yield Page(changes=(), cursor={"unused_rules": warned}, complete=complete)

    def _page(
        self, scanned: Sequence[Found | Unusable | Withheld], known: Known, sidecars: Sidecars
    ) -> Iterator[Change]:
        notes = known.notes([one.external_id for one in scanned if isinstance(one, Found)])
        for found in scanned:
            if isinstance(found, Withheld):
                yield found
            elif isinstance(found, Unusable):
                yield self._unreadable(found, sidecars)
            elif (change := self._change(found, notes.get(found.external_id), sidecars)) is not None:
                yield change

    def _change(self, found: Found, note: Note | None, sidecars: Sidecars) -> Change | None:
        try:
            return self._upsert(found, self._note(found, note), sidecars)
        except FileNotFoundError:
            return None
        except SecretFile as error:
            return Withheld(found.external_id, error.message)
        except (BadFacts, UnreadableDocument) as error:
            return Unreadable(found.external_id, uri_of(found.path), str(error))
        except OSError as error:
            reason = f"it can't be read: {error.strerror}"
            return self._unreadable(Unusable(found.external_id, found.path, reason, fault=True), sidecars)

    def _unreadable(self, found: Unusable, sidecars: Sidecars) -> Unreadable:
        """With its readers, if a fault of the system keeps its bytes away and they don't stand in those."""
        reason, acl = found.reason, None
        if found.fault and told_kind(found.path.name, None) != "markdown":
            try:
                acl = self._facts(found.external_id, Facts(), sidecars).acl
            except BadFacts as error:
                reason = f"{reason}, and {error}"
        return Unreadable(found.external_id, uri_of(found.path), reason, acl)

    def _out_of_sight(self, closed: Sequence[Unusable], known: Known) -> Iterator[Unreadable]:
        """Documents in folders that can't be listed now: not known to be gone, and so still named."""
        for folder in closed:
            for name, _ in known.below(folder.external_id):
                reason = f"{folder.external_id}: {folder.reason}"
                yield Unreadable(name, uri_of(self._config.path / name), reason)

    def _note(self, found: Found, known: Note | None) -> Note:
        """What is kept of a file: time stamp (None: too fresh to rely on), size, hash, front matter."""
        same = {"reading": _READING, "mtime_ns": found.mtime_ns, "size": found.size}
        if known is not None and same.items() <= known.items():
            return known
        if found.size > self._max_bytes:
            # Not read but for its top, and so known by what can be seen from outside.
            content_hash = f"unread:{found.size}:{found.mtime_ns}"
            return {**same, "hash": content_hash, "facts": dump_facts(written_in(found.path))}
        content_hash, head = _hash(found.path)
        if (secret := secret_by_content(found.external_id, head)) is not None:
            raise SecretFile(secret)
        facts = dump_facts(facts_at_top(head, found.path.name))
        age = self._clock.now().timestamp() - found.mtime_ns / 1e9
        settled = age > _SETTLED.total_seconds()
        return {**same, "mtime_ns": found.mtime_ns if settled else None, "hash": content_hash, "facts": facts}

    def _upsert(self, found: Found, note: Note, sidecars: Sidecars) -> Upsert:
        facts = self._facts(found.external_id, load_facts(note["facts"]), sidecars)
        assert facts.acl is not None
        content_revision = str(note["hash"])
        described = json.dumps([content_revision, dump_facts(facts)], sort_keys=True)
        return Upsert(
            external_id=found.external_id,
            uri=uri_of(found.path),
            revision=hashlib.sha256(described.encode()).hexdigest(),
            content_revision=content_revision,
            size=found.size,
            acl=facts.acl,
            metadata=facts.metadata,
            note=note,
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

    def fetch(self, external_id: str, into: Sink) -> None:
        """Write the bytes of one document; see :meth:`ingestion.connectors.port.Connector.fetch`.

        Raises:
            NotFound, SecretFile: it went, or isn't one of this source's documents.
            DocumentTooLarge: it is over the limit.
            SourceUnavailable: it is there but can't be read.
        """
        path = self._scanner.locate(external_id)
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size > self._max_bytes:
                    limit = f"{self._max_bytes / 1_000_000:g} MB (parsing.max_file_mb)"
                    raise DocumentTooLarge(f"{external_id} is larger than {limit}. Split it, or raise the limit.")
                head = file.read(_PIECE)
                if (secret := secret_by_content(external_id, head)) is not None:
                    raise never(external_id, secret)
                into.write(head)
                while piece := file.read(_PIECE):
                    into.write(piece)
        except FileNotFoundError:
            raise NotFound(f"{external_id} is no longer in {self._config.path}.") from None
        except OSError as error:
            raise SourceUnavailable(f"{path} can't be read: {error.strerror}.") from error

    def close(self) -> None:
        """Nothing is kept open."""


def _batches(scanned: Iterable[Found | Unusable | Withheld]) -> Iterator[list[Found | Unusable | Withheld]]:
    rest = iter(scanned)
    while batch := list(islice(rest, _PAGE)):
        yield batch


def _fault_of(path: Path) -> str | None:
    """What keeps a path from being a folder's."""
    try:
        if path.is_dir():
            return None
        return "is not a folder" if path.exists() else "does not exist"
    except OSError as error:  # too long, closed to us, a disk that fails
        return f"can't be looked up ({error.strerror})"


def _hash(path: Path) -> tuple[str, bytes]:
    """The SHA-256 of a file's bytes, and as many of the first as front matter may take."""
    digest, head = hashlib.sha256(), b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            head = head or piece[:LONGEST]
            digest.update(piece)
    return digest.hexdigest(), head
