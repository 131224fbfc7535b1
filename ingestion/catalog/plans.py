"""What a listing would change, told without changing anything: a dry run's comparison with the catalog."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import func, select

from ingestion.catalog.database import Database
from ingestion.catalog.records import DocumentState, document_id
from ingestion.catalog.tables import DOCUMENTS, DocumentRow
from ingestion.connectors.port import Change, Delete, Present, Unreadable, Upsert, Withheld

KINDS = ("unchanged", "new", "changed", "permissions", "deleted", "unreadable")
"""What can become of a document. ``permissions``: only its permissions or metadata differ, its bytes don't."""
SHOWN = 20
"""Names that are kept of each."""
_UNCHANGED, _NEW, _CHANGED, _PERMISSIONS, _DELETED, _UNREADABLE, _NOTHING = range(7)
_PAGE = 5000
_STEADY = (DocumentState.INDEXED, DocumentState.UPDATING)


class Plan:
    """Collects what a listing says of a source, in nine bytes a document.

    The last word on a document counts, as it does in a sync. Documents that lie in others aren't counted: what becomes
    of them is known once those are read.
    """

    def __init__(self, database: Database, source_id: str) -> None:
        self._database = database
        self._source_id = source_id
        self._ids = array("Q")
        self._verdicts = array("B")
        self._names: dict[int, dict[int, str]] = {kind: {} for kind in range(len(KINDS))}

    def add(self, changes: Sequence[Change]) -> None:
        """Compare a page with the catalog."""
        for withheld in (one.external_id for one in changes if isinstance(one, Withheld)):
            for external_id in self._below(withheld) if withheld[-1:] in ("", "/") else [withheld]:
                self._add_all([Delete(external_id)])
        self._add_all([change for change in changes if not isinstance(change, Withheld)])

    def _add_all(self, changes: Sequence[Change]) -> None:
        ids = [document_id(self._source_id, change.external_id) for change in changes]
        columns = (DOCUMENTS.c.id, DOCUMENTS.c.revision, DOCUMENTS.c.content_revision, DOCUMENTS.c.state)
        there = DOCUMENTS.c.state != DocumentState.DELETING
        with self._database.read() as connection:
            rows = connection.execute(select(*columns).where(DOCUMENTS.c.id.in_(ids), there))
            known = {row.id: row for row in rows}
        for key, change in zip(ids, changes, strict=True):
            self._note(key, change.external_id, _verdict(change, known.get(key)))

    def _note(self, key: str, external_id: str, verdict: int) -> None:
        short = int(key[:16], 16)
        self._ids.append(short)
        self._verdicts.append(verdict)
        for kind, names in self._names.items():
            if kind == verdict and kind != _UNCHANGED and len(names) < SHOWN:
                names[short] = external_id
            elif kind != verdict:
                names.pop(short, None)

    def result(self, *, complete: bool) -> dict[str, Any]:
        """How many documents would be in each of :data:`KINDS`, with the first names; JSON.

        Args:
            complete: the listing named everything there is: what it didn't name would be deleted.
        """
        # The last word on each: the first of its kind in a list that is turned round.
        ids, first = np.unique(np.frombuffer(self._ids, dtype=np.uint64)[::-1], return_index=True)
        verdicts = np.frombuffer(self._verdicts, dtype=np.uint8)[::-1][first]
        counts = np.bincount(verdicts, minlength=len(KINDS))
        if complete:
            for key, external_id in self._known():
                short = np.uint64(int(key[:16], 16))
                place = np.searchsorted(ids, short)
                if place == len(ids) or ids[place] != short:
                    counts[_DELETED] += 1
                    if len(self._names[_DELETED]) < SHOWN:
                        self._names[_DELETED][int(short)] = external_id
        return {
            name: {"count": int(counts[kind]), "first": list(self._names[kind].values())}
            for kind, name in enumerate(KINDS)
        }

    def known(self) -> int:
        """How many documents the source has, those in others left out."""
        outer = select(func.count()).where(*self._outer())
        with self._database.read() as connection:
            return connection.execute(outer).scalar_one()

    def _known(self) -> Iterator[tuple[str, str]]:
        after = ""
        while True:
            page = select(DocumentRow.id, DocumentRow.external_id).where(*self._outer(), DocumentRow.id > after)
            with self._database.read() as connection:
                rows = connection.execute(page.order_by(DocumentRow.id).limit(_PAGE)).all()
            yield from ((row.id, row.external_id) for row in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].id

    def _below(self, folder: str) -> Iterator[str]:
        return (name for _, name in self._known() if name.startswith(folder))

    def _outer(self) -> tuple[Any, ...]:
        there = DocumentRow.state != DocumentState.DELETING
        return (DocumentRow.source_id == self._source_id, DocumentRow.parent_id.is_(None), there)


def _verdict(change: Change, row: Any) -> int:
    if isinstance(change, Delete):
        return _NOTHING if row is None else _DELETED
    if isinstance(change, Unreadable):
        return _UNREADABLE
    if row is None:
        return _NEW if isinstance(change, Upsert) else _NOTHING
    if isinstance(change, Present) or (isinstance(change, Upsert) and row.revision == change.revision):
        return _UNCHANGED
    same_bytes = isinstance(change, Upsert) and row.content_revision == change.content_revision
    return _PERMISSIONS if same_bytes and row.state in _STEADY else _CHANGED
