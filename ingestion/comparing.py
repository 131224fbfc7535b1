"""Catalog and index side by side: where they differ, and how that is put right.

Both are read page by page in the order of document ids, so that the memory needed doesn't grow with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.logs import get_logger
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.comparisons import Known
from ingestion.catalog.records import DocumentState
from retrieval.index.port import DocumentUpdate, IndexedDocument, SearchIndex

log = get_logger(__name__)

PAGE = 500


class Kind(StrEnum):
    """How a document differs.

    ``unknown``: the index holds it, the catalog doesn't know it. ``newer``: the index holds a later version than the
    catalog knows, so the catalog was restored from an older state. ``permissions``: others may read it than should.
    ``missing``: chunks that the index should hold aren't there. ``stale``: chunks that should be gone are there.
    """

    UNKNOWN = "unknown"
    NEWER = "newer"
    PERMISSIONS = "permissions"
    MISSING = "missing"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that differs.

    Attributes:
        known: as the catalog has it; None: it has none of that id.
        held: what the index holds of it; None: nothing.
    """

    document_id: str
    kind: Kind
    known: Known | None
    held: IndexedDocument | None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the comparison.

    Attributes:
        position: the last id that it covers; None: there is nothing behind it.
        checked: how many documents there were.
    """

    position: str | None
    checked: int
    differences: Sequence[Difference]


def compare(catalog: Catalog, index: SearchIndex, position: str = "") -> Page:
    """Compare the next documents behind a position.

    What changes at this moment looks different too, so what differs is looked at twice.
    """
    page, seen = _look(catalog, index, position)
    if not page.differences:
        return page
    if index.generations():
        index.refresh()
    again, now = _look(catalog, index, position)
    stayed = {(one.document_id, one.kind) for one in page.differences}
    sure = [
        one
        for one in again.differences
        if (one.document_id, one.kind) in stayed and seen.get(one.document_id) == now.get(one.document_id)
    ]
    return Page(page.position, page.checked, sure)


def differences(catalog: Catalog, index: SearchIndex) -> Iterator[Page]:
    """Compare everything, page by page."""
    position: str | None = ""
    while position is not None:
        page = compare(catalog, index, position)
        yield page
        position = page.position


def count(found: Sequence[Difference]) -> Mapping[str, int]:
    """How many there are of each kind."""
    return Counter(one.kind.value for one in found)


def _look(catalog: Catalog, index: SearchIndex, position: str) -> tuple[Page, dict[str, Known]]:
    # The index first: a document is in the catalog before it is in the index.
    held = index.documents(position, PAGE) if index.generations() else []  # one that was lost holds nothing
    known = catalog.comparisons.known(position, held[-1].document_id if held else None, PAGE)
    last = held[-1].document_id if held else known[-1].id if known else None
    if len(known) == PAGE:
        last = known[-1].id
    by_id = {one.id: one for one in known}
    in_index = {one.document_id: one for one in held if last is not None and one.document_id <= last}
    found = []
    for document_id in sorted(by_id.keys() | in_index.keys()):
        kind = _kind(by_id.get(document_id), in_index.get(document_id))
        if kind is not None:
            found.append(Difference(document_id, kind, by_id.get(document_id), in_index.get(document_id)))
    return Page(last, len(by_id.keys() | in_index.keys()), found), by_id


def _kind(known: Known | None, held: IndexedDocument | None) -> Kind | None:
    if known is None:
        return Kind.UNKNOWN
    if held is None:
        return Kind.MISSING if known.state is DocumentState.INDEXED and known.chunks > 0 else None
    if held.latest > known.version and known.state is not DocumentState.DELETING:
        return Kind.NEWER
    if known.index_due:
        return None  # it is being told
    return _content(known, held) or (Kind.PERMISSIONS if held.acl != known.acl else None)


def _content(known: Known, held: IndexedDocument) -> Kind | None:
    """Whether the index holds too much or too little of a document."""
    never = known.state is DocumentState.FAILED and known.indexed_version is None
    if known.state is DocumentState.DELETING or never:
        return Kind.STALE
    if known.is_moving:
        return None
    if known.state is DocumentState.INDEXED and held.versions.get(known.indexed_version or 0, 0) != known.chunks:
        return Kind.MISSING
    return Kind.STALE if len(held.versions) > 1 else None


def put_right(
    catalog: Catalog, index: SearchIndex, found: Sequence[Difference], *, delete_unknown: bool = False
) -> None:
    """Put right what differs. What the catalog doesn't know is hidden from everybody, until somebody decides.

    What the workers have to do for it they find in the catalog.

    Args:
        delete_unknown: it was decided: what the catalog doesn't know is deleted from the index.
    """
    by_kind = {kind: [one for one in found if one.kind is kind] for kind in Kind}
    if unknown := [one.held for one in by_kind[Kind.UNKNOWN] if one.held is not None]:
        if delete_unknown:
            index.delete_documents({one.document_id: one.latest for one in unknown})
        else:
            _hide(index, unknown)
    for one in by_kind[Kind.STALE]:
        if one.known is not None and one.known.state is not DocumentState.DELETING and one.known.indexed_version:
            index.delete_stale({one.document_id: one.known.indexed_version})
        elif one.known is not None and one.held is not None:
            index.delete_documents({one.document_id: max(one.known.version, one.held.latest)})
    catalog.comparisons.tell_again([one.known for one in by_kind[Kind.PERMISSIONS] if one.known is not None])
    catalog.comparisons.read_again([one.known for one in by_kind[Kind.MISSING] if one.known is not None])
    _distrust(catalog, index, by_kind[Kind.NEWER])
    if found:
        catalog.visibility.move_all()


def _hide(index: SearchIndex, documents: Sequence[IndexedDocument]) -> None:
    shown = [one for one in documents if one.acl != frozenset()]
    if shown:
        updates = [DocumentUpdate(one.document_id, acl=(), up_to=one.latest, restamp=False) for one in shown]
        index.update_documents(updates)
        log.warning("index.hidden", documents=len(shown), reason="the catalog doesn't know them")


def _distrust(catalog: Catalog, index: SearchIndex, found: Sequence[Difference]) -> None:
    """Hide documents until their source says who may read them: it is listed from the start."""
    sources: set[str] = set()
    for one in found:
        if one.known is not None and one.held is not None:
            catalog.comparisons.distrust(one.known, one.held.latest)
            sources.add(one.known.source_id)
    _hide(index, [one.held for one in found if one.held is not None])
    for source_id in {source.id for source in catalog.sources.list()} & sources:
        catalog.cursors.forget(source_id)
        run, new = catalog.runs.begin(source_id, 0)
        if new:
            catalog.runs.unsent(run.id)
