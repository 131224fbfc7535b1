"""What questions are made of: sections of documents that their reader may read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import FootnoteError
from core.principal import Principal
from core.settings import Settings
from eval.datasets import DatasetError
from ingestion.blobs import open_blobs, parsed_key
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.records import DocumentRecord
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import ElementKind

_PAGE = 1000
_LEFT_OUT = frozenset({ElementKind.HEADER, ElementKind.FOOTER, ElementKind.IMAGE, ElementKind.CODE})
_MOST_CHARS = 6000
"""Of a section: what a model is shown of it."""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading.

    Attributes:
        version: of its document, as sets of questions note it: the hash of its bytes. The catalog's own number grows
            with changed permissions too, and begins anew with a new catalog.
        tables: the text of each table in it: one row a line, as ``Country: Norway | Limit: 1,900``.
    """

    document: str
    version: str
    title: str
    heading: str
    text: str
    tables: tuple[str, ...] = ()
    department: str = ""
    type: str = ""
    language: str = ""


def sections(settings: Settings, reader: Principal, *, source: str | None, seed: int) -> Iterator[Section]:
    """Sections of the documents that this reader may read, documents in an order drawn by the seed, read as needed.

    Raises:
        DatasetError: there is none, or no such source.
    """
    catalog, blobs = open_catalog(settings), open_blobs(settings)
    try:
        records = sorted(_readable(catalog, reader, source), key=lambda one: _draw(seed, one.id))
        if not records:
            raise DatasetError(
                "The knowledge base holds no document that this reader may read. Ingest some, or name another reader: "
                "--as USER, --group GROUP."
            )
        for record in records:
            try:
                parsed = ParsedDocument.from_bytes(blobs.get(parsed_key(record.id, str(record.content_hash))))
            except FootnoteError:
                continue  # it went, or was replaced, since it was listed
            yield from _sections(record, parsed)
    finally:
        catalog.close()


def _draw(seed: int, document: str) -> bytes:
    return hashlib.sha256(f"{seed}:{document}".encode()).digest()


def _readable(catalog: Catalog, reader: Principal, source: str | None) -> Iterator[DocumentRecord]:
    named = [one for one in catalog.sources.list() if source in (None, one.id)]
    if not named:
        raise DatasetError(f"There is no source {source!r}: `footnote sources list` shows their ids.")
    for one in named:
        offset = 0
        while page := catalog.documents.list(one.id, limit=_PAGE, offset=offset):
            offset += len(page)
            yield from (
                record for record in page if record.content_hash and record.chunks and record.acl.allows(reader)
            )


def _sections(record: DocumentRecord, parsed: ParsedDocument) -> Iterator[Section]:
    heading, parts, tables = "", list[str](), list[str]()

    def section() -> Iterator[Section]:
        text = "\n\n".join(parts).strip()
        if text:
            facts = record.metadata
            yield Section(
                record.id, str(record.content_hash), _flat(record.title), heading, text[:_MOST_CHARS], tuple(tables),
                facts.department or "", facts.document_type or "", facts.language or "",
            )  # fmt: skip

    for element in parsed.elements:
        text = parsed.text[element.start : element.end]
        if element.kind is ElementKind.TITLE:
            yield from section()
            heading, parts, tables = _flat(text), [], []
        elif element.kind not in _LEFT_OUT:
            parts.append(text)
            if element.kind is ElementKind.TABLE:
                tables.append(text)
    yield from section()


def _flat(text: str) -> str:
    return " ".join(text.split())
