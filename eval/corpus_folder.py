"""A collection as a folder of Markdown files, to be ingested like any other; and the way back from a URI to an id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from eval.datasets import Document


def file_name(document_id: str) -> str:
    """The name of a document's file: its id, with everything that a file name can't hold percent-encoded."""
    return f"{quote(document_id, safe='')}.md"


def write_corpus(documents: Iterable[Document], folder: Path) -> int:
    """Write ``# title`` and the text of each document into its file; how many were written.

    A document without any text is left out: there is nothing in it to find.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for document in documents:
        heading = f"# {' '.join(document.title.split())}\n\n" if document.title.strip() else ""
        if heading or document.text.strip():
            (folder / file_name(document.id)).write_text(f"{heading}{document.text}\n", encoding="utf-8")
            written += 1
    return written


def names_to_ids(documents: Iterable[Document]) -> dict[str, str]:
    """File name to document id."""
    return {file_name(document.id): document.id for document in documents}


def ranking(uris: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Document ids in the order of their best passages, from the URIs of passages, best first.

    Raises:
        LookupError: a URI is of no file of the collection.
    """
    found: dict[str, None] = {}
    for uri in uris:
        last = uri.rsplit("/", 1)[-1]
        name = last if last in names else unquote(last)  # a file:// URI encodes the name once more
        if name not in names:
            raise LookupError(f"{uri} is not a document of this collection")
        found.setdefault(names[name])
    return list(found)
