"""The element model, and the port of what turns bytes into elements."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from core.link import Link
from core.metadata import Metadata
from core.place import Line, PageSize
from core.principal import AccessList
from ingestion.partitioning.content import Content


class ElementKind(StrEnum):
    """What a piece of a document is."""

    TITLE = "title"
    TEXT = "text"
    LIST_ITEM = "list_item"
    TABLE = "table"
    CODE = "code"
    CAPTION = "caption"
    HEADER = "header"
    FOOTER = "footer"
    IMAGE = "image"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A piece of a document in reading order.

    Attributes:
        text: never empty; for a table, one row a line with its column names.
        page: the page it begins on, from 1; None where the format has no pages.
        level: a heading's depth, from 1; None for everything else.
        cells: a table's rows; None for everything else.
        place: where in a spreadsheet it is, as ``Rates!A3:C5``; None in everything else.
        lines: where its text stands on its pages, in the order of the text; empty where that isn't known. A table's
            are its cells: the text of a row repeats the names of its columns, which stand in the header.
        links: in its text, those that may be followed; empty in formats whose links aren't read.
    """

    kind: ElementKind
    text: str
    page: int | None = None
    level: int | None = None
    cells: tuple[tuple[str, ...], ...] | None = None
    place: str | None = None
    lines: tuple[Line, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file within a document: an attachment of a message, a member of an archive.

    Attributes:
        name: unique within its document; an archive's member has its path in it.
        media_type: what the document says that it is, None if it doesn't.
    """

    name: str
    content: bytes
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class InnerReaders:
    """Who may read everything in a document, by what the documents in it say.

    Attributes:
        terms: access terms; whoever may read the document must be named by one of these. None: nobody may.
        reason: what in it says so.
    """

    terms: tuple[str, ...]
    reason: str

    def include(self, acl: AccessList) -> bool:
        """Whether all readers of an access list are among them."""
        return set(acl.terms()) <= set(self.terms)

    def refusal(self) -> str:
        """Why nobody may read the document, if its own access list has other readers."""
        named = f"that names nobody but {' or '.join(self.terms)}" if self.terms else "that is empty, or mend that file"
        return f"{self.reason}. Give the document a sidecar with an access list {named}, or unpack it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A document as read.

    Attributes:
        elements: in reading order.
        metadata: facts found in the document itself (properties, front matter, first heading).
        media_type: what the bytes turned out to be.
        parser: name and version of what read it.
        warnings: what was left out, and why, a sentence each.
        secrets: what an administrator should look at, a sentence each: which kinds of secrets stand where in its text,
            and which files within it were left out for being secret. Never the secrets themselves.
        attachments: files within it, which are documents of their own.
        pages: the size of each page, where pages have one.
        readers: who may read everything in it, if documents in it say.
    """

    elements: tuple[Element, ...]
    metadata: Metadata = field(default_factory=Metadata)
    media_type: str = "application/octet-stream"
    parser: str = ""
    warnings: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    pages: tuple[PageSize, ...] = ()
    readers: InnerReaders | None = None


@runtime_checkable
class Partitioner(Protocol):
    """Reads documents."""

    def partition(self, content: Content, *, name: str, media_type: str | None = None) -> Partition:
        """Read one document.

        Raises:
            UnreadableDocument: corrupt, encrypted, or of a kind that can't be read.
            EmptyDocument: no text in it.
            DocumentTooLarge: over a limit on size, time, memory or output.
        """
        ...

    def close(self) -> None:
        """End child processes, if it has any."""
        ...
