"""A collection's documents as chunks: cut by the same code, in the same form, as ingested files are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator

from core.chunk import Chunk
from core.metadata import Metadata
from core.principal import AccessList
from eval.datasets import Collection, Document
from ingestion.chunking.port import Chunker
from ingestion.partitioning.port import Element, ElementKind, Partition

SOURCE = "eval"
_PARAGRAPHS = re.compile(r"\n\s*\n")
_SPACE = re.compile(r"\s+")


def fingerprint(collection: Collection) -> str:
    """Identifies documents, questions and judgments."""
    judged = [sorted(collection.queries.items()), sorted((q, sorted(g.items())) for q, g in collection.qrels.items())]
    return _digest([corpus_fingerprint(collection.documents), judged])


def corpus_fingerprint(documents: Iterable[Document]) -> str:
    """Identifies the documents."""
    return _digest([(document.id, document.title, document.text) for document in documents])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()[:16]


def chunks_of(documents: Iterable[Document], chunker: Chunker) -> Iterator[Chunk]:
    """The chunks of the documents, which everybody may read. A document without text has none.

    A document is a heading and its paragraphs, as the Markdown file that ``eval.bench.search.whole_path`` writes of it.
    """
    everyone = AccessList.everyone().terms()
    for document in documents:
        cut = chunker.chunk(Partition(elements=tuple(_elements(document))))
        for passage in cut.passages:
            yield Chunk(
                id=_digest([document.id, cut.text, passage.start, passage.end]),
                document_id=document.id,
                source_id=SOURCE,
                uri=document.id,
                ordinal=passage.ordinal,
                text=cut.text[passage.start : passage.end],
                start=passage.start,
                end=passage.end,
                heading_path=passage.heading_path,
                tokens=passage.tokens,
                metadata=Metadata(title=_flat(document.title)),
                acl=everyone,
            )


def _elements(document: Document) -> Iterator[Element]:
    title = _flat(document.title)
    if title:
        yield Element(kind=ElementKind.TITLE, text=title, level=1)
    for paragraph in _PARAGRAPHS.split(document.text):
        text = paragraph.strip()
        if text:
            yield Element(kind=ElementKind.TEXT, text=text)


def _flat(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
