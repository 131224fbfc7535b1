"""How far an index has heard of each document, so that what comes late is known as late.

A fence is kept for each document, beside its chunks and after them: of a document that was deleted it is all that is
left. It is a mark that only rises. What is written under a lower mark is refused; what is written under an equal one is
the same task once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.chunk import Chunk


def mark(version: int, *, content: bool) -> int:
    """A document's mark at a version.

    Args:
        content: the content of that version was written; otherwise its permissions were told, or that it is gone.
            What an index holds of earlier content is still the document's then, and may be written to another
            generation.
    """
    return 2 * version + content


def version_of(fence: int) -> int:
    """The version that a mark is of."""
    return fence // 2


def marks_of(chunks: Iterable[Chunk], as_of: Mapping[str, int]) -> dict[str, int]:
    """By document, the mark under which its chunks are written.

    Args:
        as_of: see :meth:`retrieval.index.port.SearchIndex.upsert`.

    Raises:
        ValueError: a document's chunks are of several versions.
    """
    found: dict[str, int] = {}
    for chunk in chunks:
        told = permissions_version(chunk, as_of)
        own = mark(told, content=chunk.version == told)
        if found.setdefault(chunk.document_id, own) != own:
            raise ValueError(f"Chunks of {chunk.document_id} are of several versions: write one after the other.")
    return found


def permissions_version(chunk: Chunk, as_of: Mapping[str, int]) -> int:
    """The version of its document that a chunk's permissions and metadata are of."""
    return max(chunk.version, as_of.get(chunk.document_id, 0))
