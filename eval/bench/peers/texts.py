"""What both sides are given of a collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.chunk import Chunk
from core.metadata import Metadata
from eval.datasets import Collection, DatasetError, Document
from retrieval.embedding.port import Embedder
from retrieval.embedding.windows import cut_windows

_PIECE = "#"


def first(collection: Collection, most: int) -> Collection:
    """The collection's first documents, and its questions that have a relevant one among them.

    Raises:
        DatasetError: no question has.
    """
    documents = collection.documents[:most]
    kept = {document.id for document in documents}
    qrels = {
        query: {document: grade for document, grade in grades.items() if document in kept}
        for query, grades in collection.qrels.items()
    }
    qrels = {query: grades for query, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    if not qrels:
        raise DatasetError(f"No question of {collection.name} has a relevant one among its first {most} documents.")
    return replace(collection, documents=documents, queries={q: collection.queries[q] for q in qrels}, qrels=qrels)


def texts_of(documents: Sequence[Document], embedder: Embedder, *, fit: bool) -> list[dict[str, str]]:
    """Documents as ``id``, ``title`` and ``text``; those without any text are left out.

    Args:
        fit: cut them to the model's window, so that both sides embed the same number of the same texts.
    """
    whole = [document for document in documents if document.title.strip() or document.text.strip()]
    if not fit:
        return [{"id": each.id, "title": each.title, "text": each.text} for each in whole]
    return [
        {"id": f"{document.id}{_PIECE}{number}", "title": "", "text": piece}
        for document in whole
        for number, piece in enumerate(cut_windows(_chunk(document), embedder))
    ]


def document_of(text_id: str, *, fit: bool) -> str:
    """The id of the document that a text was made of."""
    return text_id.rpartition(_PIECE)[0] if fit else text_id


def covered(texts: Sequence[dict[str, str]], embedder: Embedder) -> float:
    """The share of the texts' tokens that a model sees which reads only the first window of each."""
    counts = [embedder.tokenizer.count(f"{text['title']}\n{text['text']}") for text in texts]
    return sum(min(count, embedder.window_tokens) for count in counts) / max(1, sum(counts))


def _chunk(document: Document) -> Chunk:
    return Chunk(
        id=document.id,
        document_id=document.id,
        source_id="",
        uri=document.id,
        ordinal=0,
        text=document.text,
        start=0,
        end=len(document.text),
        metadata=Metadata(title=document.title),
    )
