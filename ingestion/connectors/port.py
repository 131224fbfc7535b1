"""The contract of a connector: what changed since last time, and the bytes of one document.

``ingestion/connectors/README.md`` leads through writing one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from core.clock import Clock
from core.metadata import Metadata
from core.principal import AccessList
from core.section import AccessTerms
from ingestion.connectors.budget import LocalBudget, SourceBudget
from ingestion.connectors.protected_paths import ProtectedPaths

Cursor = Mapping[str, Any]
"""A connector's own bookmark, JSON and small (4 kB at most); kept in the catalog between syncs."""
Note = Mapping[str, Any]
"""What a connector wants to remember of one document, JSON and small; kept with the document, and gone with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """A document that is new, or that may have changed.

    Attributes:
        external_id: its stable name within the source: a folder's is the path relative to the root, with ``/``.
        uri: where a person opens it.
        revision: changes whenever bytes, metadata or permissions change; equal means nothing to do.
        content_revision: changes whenever the bytes change; equal while ``revision`` differs means that only
            metadata or permissions did, which needs no parsing and no embedding.
        metadata: what the source knows of it; facts found in the document itself fill what is missing.
        note: what the connector wants to be told of it by :class:`Known` next time; None: nothing.
    """

    external_id: str
    uri: str
    revision: str
    content_revision: str
    size: int
    acl: AccessList
    metadata: Metadata = field(default_factory=Metadata)
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """A document that is still there, and of which nothing is new.

    For sources that can list keys alone, or that say themselves that something is unchanged. It is passed over if it is
    one of :meth:`Known.unknown`: such a document has to come as an :class:`Upsert`.
    """

    external_id: str


@dataclass(frozen=True, slots=True)
class Delete:
    """A document that the source says is gone."""

    external_id: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that should be a document but can't be read; recorded as a failure, never dropped.

    Attributes:
        acl: who may read it, where that is known although its bytes aren't, as of a locked file: what the index holds
            of it stays findable for them. None: nobody knows who may read it, so nobody is shown it.
    """

    external_id: str
    uri: str
    reason: str
    acl: AccessList | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """Something that is never a document, for it holds secrets. What is known of it is removed, and that is said.

    Attributes:
        external_id: one that ends with ``/`` is a folder with all that is below it, an empty one the whole source.
        reason: what it is, to follow its name: ``a private SSH key``.
    """

    external_id: str
    reason: str


Change = Upsert | Present | Delete | Unreadable | Withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some changes, and where a listing goes on behind them. Pages hold some hundred changes, never a whole source.

    Attributes:
        cursor: kept once the page is entered. A listing that is cut off goes on with the cursor of its last page; the
            cursor of the last page is where the next listing starts.
        complete: on the last page only: the pages together named every document there is (as :class:`Upsert`,
            :class:`Present` or :class:`Unreadable`), so that what they didn't name is gone. A listing that goes on
            where another was cut off counts as one with it.
    """

    changes: Collection[Change]
    cursor: Cursor = field(default_factory=dict)
    complete: bool = False


class Known(Protocol):
    """What the catalog knows of a source's documents, for a connector that compares."""

    def unknown(self, external_ids: Collection[str]) -> set[str]:
        """Those of these documents that the catalog hasn't, or couldn't read: :class:`Present` doesn't do for them."""
        ...

    def notes(self, external_ids: Collection[str]) -> Mapping[str, Note]:
        """The notes of these documents, those that have one; none of :meth:`unknown` has."""
        ...

    def below(self, prefix: str) -> Iterator[tuple[str, Note]]:
        """Documents whose external ids begin so, and their notes; empty for those without. All, if it is empty."""
        ...


class Sink(Protocol):
    """Where a document's bytes go, piece by piece, so that a large one never lies whole in memory."""

    def write(self, piece: bytes, /) -> object:
        """Take the next bytes.

        Raises:
            DocumentTooLarge: that is more than a document may have. Let it through.
        """
        ...


@dataclass(frozen=True, slots=True)
class Membership:
    """Who is in a group of the source: its whole list.

    Attributes:
        group: as the connector names it in access lists (:meth:`ConnectorContext.group`).
        users: the ids of readers, e-mail addresses in small letters; members of groups within it are among them.
    """

    group: str
    users: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The last word on a document that was pushed.

    Attributes:
        sequence: grows with each word on any document of the source.
        blob: where its bytes are; None: it is deleted.
        content_hash: SHA-256 of its bytes, in hex.
        acl: None: nothing was said of its readers.
    """

    sequence: int
    external_id: str
    blob: str | None
    content_hash: str
    size: int
    media_type: str | None
    uri: str | None
    acl: AccessList | None
    metadata: Metadata


class Inbox(Protocol):
    """What was pushed to a source."""

    def after(self, sequence: int, limit: int) -> Sequence[Pushed]:
        """The words behind a sequence number, in their order; of so many documents at most."""
        ...

    def copy(self, external_id: str, into: Sink) -> Pushed:
        """Write a document's bytes; the word on it.

        Raises:
            NotFound: it is deleted, or was never there.
            StorageUnavailable: its bytes can't be read now.
        """
        ...


class SourceConfig(BaseModel):
    """What every source is told; a connector's own model adds its fields, and declares secrets as ``SecretStr``.

    Attributes:
        default_acl: who may read what the source says nothing of, as terms (:mod:`core.principal`). None: as the
            installation is set up.
        department, tags: facts about documents of which nothing else says them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    default_acl: AccessTerms | None = None
    department: str | None = None
    tags: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorContext:
    """What a connector gets besides its configuration.

    Attributes:
        source_id: the source that it works for.
        max_file_bytes: a document of more is never fetched: :meth:`Connector.fetch` raises ``DocumentTooLarge`` where
            the source tells the size, and its sink does where it doesn't.
        default_acl: who may read what neither the source nor its configuration says anything of.
        clock: what time it is.
        protected: where Footnote's own files are; of use to sources that read this machine's disk.
        budget: how often the source may be asked, for :class:`ingestion.connectors.http.SourceClient`.
        proxy: the URL of the proxy that leads to the web, for the same; None: none.
        creating: the source is being made or changed: what a listing would merely leave out is refused now.
        inbox: what was pushed to the source; None in a process that has no catalog.
    """

    source_id: str
    max_file_bytes: int
    default_acl: AccessList
    clock: Clock
    protected: ProtectedPaths
    budget: SourceBudget = field(default_factory=LocalBudget)
    proxy: str | None = field(default=None, repr=False)
    creating: bool = False
    inbox: Inbox | None = None

    def group(self, name: str) -> str:
        """A group of the source as access lists and :class:`Membership` name it: no other source's is the same."""
        return f"{self.source_id}/{name}"

    def readers(self, config: SourceConfig) -> AccessList:
        """Who may read what the source says nothing of."""
        return self.default_acl if config.default_acl is None else AccessList.from_terms(config.default_acl)


@runtime_checkable
class Connector(Protocol):
    """One kind of source. The class itself is what a kind's name stands for; it is opened anew for each listing and
    each batch of documents.

    Methods raise :class:`core.errors.SourceUnavailable` when the source doesn't answer or says to come back later, and
    :class:`core.errors.SourceRefuses` when it doesn't let us in, or has gone: that waits for a person.
    """

    config_model: ClassVar[type[SourceConfig]]

    @classmethod
    def open(cls, config: Any, context: ConnectorContext) -> Connector:
        """A connector with this configuration, of ``config_model``.

        Raises:
            InvalidRequest: the configuration can't be used on this machine. Asks nothing of the source itself.
        """
        ...

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        """What changed since the cursor; an empty cursor lists everything."""
        ...

    def fetch(self, external_id: str, into: Sink) -> str | None:
        """Write the bytes of one document; its media type as the source has it, None if it doesn't say.

        Raises:
            NotFound: it went since it was listed.
            DocumentTooLarge: it is over the limit.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class KnowsGroups(Protocol):
    """A connector whose source has groups of its own."""

    def memberships(self) -> Iterator[Membership]:
        """Every group that access lists may name, with its members. Read to its end, it is the whole truth.

        Raises:
            SourceUnavailable, SourceRefuses: as for :class:`Connector`. What was known stays.
        """
        ...
