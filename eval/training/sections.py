"""Documents as sections, and questions made of what they say themselves."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DocumentError
from core.settings import Settings
from eval.datasets import Collection, DatasetError, Document
from ingestion.blobs import open_blobs, parsed_key
from ingestion.catalog.build import open_catalog
from ingestion.connectors.folder.scan import Found, Scanner
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner

SPLIT = "made"
_SHORTEST = 150
"""Characters of a section that can answer anything."""
_WORDS = 2
"""A heading of fewer words is asked together with its document's title."""
_TOO_COMMON = 3
"""A heading that stands over so many sections asks for none of them."""
_PAGE = 500
_LEFT_OUT = frozenset({ElementKind.HEADER, ElementKind.FOOTER, ElementKind.IMAGE})


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading. ``title`` is its document's."""

    document: str
    title: str
    heading: str
    text: str


def folder_sections(folder: Path, settings: Settings) -> list[Section]:
    """The sections of a folder's documents, read as they would be ingested; what can't be read is left out.

    Raises:
        DatasetError: the folder isn't there.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder: name one that holds documents.")
    sections: list[Section] = []
    partitioner = ChildProcessPartitioner(settings.parsing)
    try:
        for found in Scanner(folder, ["**"], []).scan():
            if not isinstance(found, Found):
                continue
            try:
                read = partitioner.partition(found.path.read_bytes(), name=found.path.name)
            except (DocumentError, OSError):
                continue
            sections += _sections(found.external_id, read.metadata.title, read.elements)
    finally:
        partitioner.close()
    return sections


def live_sections(settings: Settings, limit: int | None) -> list[Section]:
    """The sections of the knowledge base's documents that everybody may read, from the text that is kept of them.

    A model gives away what it was trained on, so that what only some may read is left out.

    Args:
        limit: how many sections are enough; documents are read until then.
    """
    catalog, blobs = open_catalog(settings), open_blobs(settings)
    sections: list[Section] = []
    try:
        for source in catalog.sources.list():
            offset = 0
            while page := catalog.documents.list(source.id, limit=_PAGE, offset=offset):
                offset += len(page)
                for record in page:
                    if limit is not None and len(sections) >= limit:
                        return sections
                    if record.content_hash is None or not record.acl.public or not record.chunks:
                        continue
                    parsed = ParsedDocument.from_bytes(blobs.get(parsed_key(record.id, record.content_hash)))
                    sections += _sections(record.id, record.title, _elements(parsed))
    finally:
        catalog.close()
    return sections


def _elements(parsed: ParsedDocument) -> Iterator[Element]:
    for placed in parsed.elements:
        yield Element(kind=placed.kind, text=parsed.text[placed.start : placed.end], level=placed.level)


def _sections(document: str, title: str, elements: Iterable[Element]) -> Iterator[Section]:
    heading, parts = "", list[str]()
    for element in elements:
        if element.kind is ElementKind.TITLE:
            yield from _section(document, title, heading, parts)
            heading, parts = _flat(element.text), []
        elif element.kind not in _LEFT_OUT:
            parts.append(element.text)
    yield from _section(document, title, heading, parts)


def _section(document: str, title: str, heading: str, parts: Sequence[str]) -> Iterator[Section]:
    text = "\n\n".join(parts).strip()
    if len(text) >= _SHORTEST:
        yield Section(document, _flat(title), heading, text)


def by_headings(name: str, sections: Sequence[Section], limit: int | None, seed: int) -> Collection:
    """Headings as questions for their sections, from which they were taken.

    The title of a document stays with its sections, as it does in the index; it is itself no question.

    Raises:
        DatasetError: no section has a heading that asks for anything.
    """
    common = Counter(section.heading.casefold() for section in sections)
    documents, queries, qrels = [], {}, {}
    for number, section in enumerate(sections):
        id = f"{section.document}#{number}"  # noqa: A001
        documents.append(Document(id, section.title, section.text))
        heading = section.heading
        if not heading or heading.casefold() == section.title.casefold() or common[heading.casefold()] >= _TOO_COMMON:
            continue
        queries[id] = heading if len(heading.split()) >= _WORDS else f"{section.title}: {heading}"
        qrels[id] = {id: 1}
    if not queries:
        raise DatasetError(
            f"{name}: none of its {len(sections)} sections has a heading of its own, so there is nothing to ask. Use "
            "documents with headings."
        )
    return _limited(Collection(name, tuple(documents), queries, qrels, SPLIT), limit, seed)


def by_titles(name: str, documents: Sequence[Document], limit: int | None, seed: int) -> Collection:
    """Titles as questions for their bodies. A body that repeats its title at its beginning loses it.

    Raises:
        DatasetError: no document has a title and a body.
    """
    bodies, queries, qrels = [], {}, {}
    for document in documents:
        title, text = _flat(document.title), document.text.strip()
        if title and _flat(text[: 2 * len(title)]).casefold().startswith(title.casefold().rstrip(" .")):
            text = text[len(title) :].strip(" .\n")
        if len(text) < _SHORTEST:
            continue
        bodies.append(Document(document.id, "", text))
        if title:
            queries[document.id], qrels[document.id] = title, {document.id: 1}
    if not queries:
        raise DatasetError(f"{name}: no document has both a title and a body of {_SHORTEST} characters.")
    return _limited(Collection(name, tuple(bodies), queries, qrels, SPLIT), limit, seed)


def limited(queries: Iterable[str], limit: int | None, seed: int) -> list[str]:
    """So many of the queries' ids, drawn by the seed, the same whatever their order; all where there is no limit."""
    ordered = sorted(queries, key=lambda query: hashlib.sha256(f"{seed}:{query}".encode()).digest())
    return ordered[:limit]


def _limited(collection: Collection, limit: int | None, seed: int) -> Collection:
    kept = limited(collection.queries, limit, seed)
    return Collection(
        collection.name,
        collection.documents,
        {query: collection.queries[query] for query in kept},
        {query: collection.qrels[query] for query in kept},
        collection.split,
    )


def _flat(text: str) -> str:
    return " ".join(text.split())
