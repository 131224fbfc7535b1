"""The contract of a connector: what changed since last time, and the bytes of one document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from core.metadata import Metadata
from core.principal import AccessList

Cursor = Mapping[str, Any]
"""A connector's own bookmark, JSON; kept in the catalog between syncs."""


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
    """

    external_id: str
    uri: str
    revision: str
    content_revision: str
    size: int
    acl: AccessList
    metadata: Metadata = field(default_factory=Metadata)


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


Change = Upsert | Delete | Unreadable | Withheld


@dataclass(slots=True)
class Listing:
    """One pass over a source. Read ``changes`` to its end, then ``cursor`` and ``complete``.

    Attributes:
        changes: what changed since the cursor that the listing was asked for.
        cursor: where the next pass starts; valid once ``changes`` is exhausted.
        complete: whether ``changes`` named every document there is, so that what it didn't name is gone.
    """

    changes: Iterator[Change]
    cursor: Cursor = field(default_factory=dict)
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Original:
    """A document's bytes as the source has them; ``media_type`` is what the source says, None if it doesn't."""

    content: bytes
    media_type: str | None = None


@runtime_checkable
class Connector(Protocol):
    """One kind of source. Methods raise :class:`core.errors.SourceUnavailable` when it doesn't answer."""

    def changes(self, cursor: Cursor) -> Listing:
        """What changed since the cursor; an empty cursor lists everything."""
        ...

    def fetch(self, external_id: str) -> Original:
        """The bytes of one document.

        Raises:
            NotFound: it went since it was listed.
            DocumentTooLarge: it is over the configured limit; nothing of it was read.
        """
        ...

    def list_ids(self) -> Iterator[str]:
        """Every external id there is now, cheaply: no bytes are read."""
        ...

    def acl(self, external_id: str) -> AccessList:
        """Who may read it now."""
        ...
