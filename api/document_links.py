"""Where the links of a document lead for one reader: out, or to documents of its source that they may read."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from api.schemas.documents import LinkBody
from core.link import is_external, is_relative

if TYPE_CHECKING:
    from ingestion.catalog.documents import DocumentStore
    from ingestion.catalog.records import DocumentRecord
    from ingestion.parsed import ParsedDocument

_INDEXES = ("index.md", "README.md", "index.html")
_ENDINGS = (".md", ".html", ".markdown", ".htm")
_AT_A_TIME = 500
_MOST = 8000
"""Names that the links of one document are looked up under."""


def links_for(
    document: DocumentRecord, parsed: ParsedDocument, documents: DocumentStore, terms: Collection[str]
) -> list[LinkBody]:
    """The document's links that lead somewhere for a reader with these terms.

    A link to a document that the reader may not see is left out, as one that leads nowhere is: the text tells what its
    words tell, and nothing else. What is followed is decided here and not where a document was parsed, which may have
    been elsewhere and before.
    """
    links = [link for element in parsed.elements for link in element.links]
    targets = {link.target for link in links if is_relative(link.target)}
    paths = {target: tuple(_candidates(document.external_id, target)) for target in sorted(targets)}
    names = list(dict.fromkeys(name for candidates in paths.values() for name in candidates))[:_MOST]
    known: dict[str, str] = {}
    for at in range(0, len(names), _AT_A_TIME):
        known |= documents.readable_named(document.source_id, names[at : at + _AT_A_TIME], terms)
    found = []
    for link in links:
        place = {"start": link.start, "end": link.end}
        if is_external(link.target):
            found.append(LinkBody(**place, href=link.target, document_id=None))
            continue
        to = next((known[name] for name in paths.get(link.target, ()) if name in known), None)
        if to is not None and to != document.id:
            found.append(LinkBody(**place, href=None, document_id=to))
    return found


def _candidates(name: str, target: str) -> Iterator[str]:
    """What the documents may be called that a path leads to, the likeliest first."""
    path = unquote(target.partition("#")[0].partition("?")[0])
    base = "" if path.startswith("/") else posixpath.dirname(name)
    whole = posixpath.normpath(posixpath.join(base, path.lstrip("/")))
    if whole == ".":
        yield from _INDEXES
    elif whole != ".." and not whole.startswith("../"):
        yield whole
        if "." not in posixpath.basename(whole):
            yield from (whole + ending for ending in _ENDINGS)
            yield from (posixpath.join(whole, index) for index in _INDEXES)
