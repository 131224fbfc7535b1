"""What to ask after an answer, by rule: the sections beside the cited ones, of documents that its reader may read."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from api.schemas.facets import CitedPassage, FollowUpBody
from core.errors import FootnoteError
from core.logs import get_logger
from core.principal import Principal

if TYPE_CHECKING:
    from api.wiring import Services
    from ingestion.catalog.records import DocumentRecord
    from ingestion.parsed import ParsedDocument

_MOST_DOCUMENTS = 3
"""Each is read whole, which may be megabytes."""
_SHORTEST, _LONGEST = 4, 80
_WORDS = re.compile(r"[^\W\d_]{3}")

log = get_logger(__name__)


def follow_ups(
    cited: Sequence[CitedPassage], most: int, principal: Principal, services: Services
) -> list[FollowUpBody]:
    """Sections that can be asked about next, of each document in turn. Blocks.

    Args:
        cited: of documents that the principal may not read, they are as if they weren't there.
        most: sections.

    Raises:
        StorageUnavailable: the catalog doesn't answer.
    """
    documents = services.catalog.get().documents
    readable = documents.readable({one.document_id for one in cited}, principal)
    first = [one for one in dict.fromkeys(one.document_id for one in cited) if one in readable][:_MOST_DOCUMENTS]
    records = {record.id: record for record in documents.get_many(first)}
    found: list[list[FollowUpBody]] = []
    for document in first:
        parsed = _read(records.get(document), services)
        if parsed is not None:
            found.append(_beside(records[document], parsed, [one for one in cited if one.document_id == document]))
    in_turn = [one for one in chain.from_iterable(zip_longest(*found)) if one is not None]
    by_heading = {one.heading_path[-1].casefold(): one for one in reversed(in_turn)}
    return [one for one in in_turn if by_heading[one.heading_path[-1].casefold()] is one][:most]


def _beside(document: DocumentRecord, parsed: ParsedDocument, cited: Sequence[CitedPassage]) -> list[FollowUpBody]:
    """A document's sections that aren't cited and have a heading to ask by, the nearest to what is cited first."""
    from ingestion.chunking.placing import heading_paths  # noqa: PLC0415  brings the chunking package

    title = document.metadata.title or document.title or parsed.title
    begins: dict[tuple[str, ...], int] = {}
    for element, path in zip(parsed.elements, heading_paths(parsed.text, parsed.elements), strict=True):
        begins.setdefault(path, element.start)
    starts = [one.start for one in parsed.passages]
    places = [starts[one.ordinal] if one.start is None else one.start for one in cited if one.ordinal < len(starts)]
    told = {
        max((path for path in begins if begins[path] <= place), key=begins.__getitem__, default=()) for place in places
    }
    above = {path[:depth] for path in told for depth in range(len(path) + 1)}
    near = sorted(
        (min((abs(start - place) for place in places), default=start), start, path)
        for path, start in begins.items()
        if path and path not in above and _asks(path[-1], title)
    )
    return [
        FollowUpBody(
            document_id=document.id, title=title, ordinal=max(bisect_right(starts, start) - 1, 0), heading_path=path
        )
        for _, start, path in near
    ]


def _asks(heading: str, title: str) -> bool:
    """Whether a heading says what its section is about."""
    said = heading.strip()
    return _SHORTEST <= len(said) <= _LONGEST and bool(_WORDS.search(said)) and said.casefold() != title.casefold()


def _read(document: DocumentRecord | None, services: Services) -> ParsedDocument | None:
    from ingestion.blobs import parsed_key  # noqa: PLC0415  brings fsspec
    from ingestion.parsed import ParsedDocument  # noqa: PLC0415  brings the chunking package

    if document is None or document.content_hash is None:
        return None
    try:
        return ParsedDocument.from_bytes(services.blobs.get().get(parsed_key(document.id, document.content_hash)))
    except FootnoteError as error:  # suggestions are worth less than an error
        log.warning("follow_ups.unread", document_id=document.id, error=type(error).__name__)
        return None
