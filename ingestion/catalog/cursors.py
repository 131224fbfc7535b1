"""How far the listing of a source has come, and what connectors noted of its documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ForeignKey, String, Table, and_, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from ingestion.catalog.database import Database
from ingestion.catalog.records import DocumentState, document_id
from ingestion.catalog.tables import DOCUMENTS, Base, DocumentRow, Json
from ingestion.connectors.port import Cursor, Note, Page

_PAGE = 500


class CursorRow(Base):
    """The cursor of a source; ``page`` is that of the last page that ``run_id``, which isn't through, has entered."""

    __tablename__ = "cursors"

    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    cursor: Mapped[Json]
    run_id: Mapped[str | None] = mapped_column(String(32))
    page: Mapped[Json]
    complete: Mapped[bool]


CURSORS = cast(Table, CursorRow.__table__)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a listing starts.

    Attributes:
        listed: the run has entered its last page, which was complete: what is left is to conclude.
    """

    cursor: Cursor
    listed: bool = False


class CursorStore:
    """Reads and writes cursors. Each method is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, source_id: str, run_id: str, *, full: bool = False) -> Start:
        """Where a run's listing starts: behind the last page that this same run entered, or where the last one ended.

        Another run's pages don't count: what it saw isn't marked as seen by this one.

        Args:
            full: as if there had been no other.
        """
        with self._database.read() as connection:
            row = connection.execute(select(CURSORS).where(CursorRow.source_id == source_id)).first()
        if row is None:
            return Start({})
        if row.run_id == run_id:
            return Start(row.page, row.complete)
        return Start({} if full else row.cursor)

    def save(self, source_id: str, run_id: str, page: Page) -> None:
        """Keep that a run has entered a page."""
        self._put(source_id, run_id=run_id, page=dict(page.cursor), complete=page.complete)

    def conclude(self, source_id: str, cursor: Cursor) -> None:
        """Keep where the next run's listing starts."""
        self._put(source_id, cursor=dict(cursor), run_id=None, page={}, complete=False)

    def forget(self, source_id: str) -> None:
        """Have the source listed from the start next time, by whichever run."""
        with self._database.write() as connection:
            connection.execute(delete(CURSORS).where(CursorRow.source_id == source_id))

    def _put(self, source_id: str, **values: Any) -> None:
        blank: dict[str, Any] = {"cursor": {}, "run_id": None, "page": {}, "complete": False}
        with self._database.write() as connection:
            done = connection.execute(update(CURSORS).where(CursorRow.source_id == source_id).values(**values))
            if not done.rowcount:  # only one process lists a source at a time
                connection.execute(insert(CURSORS).values(source_id=source_id, **{**blank, **values}))


class KnownDocuments:
    """What the catalog knows of one source's documents: :class:`ingestion.connectors.port.Known`."""

    def __init__(self, database: Database, source_id: str) -> None:
        self._database = database
        self._source_id = source_id

    def unknown(self, external_ids: Collection[str]) -> set[str]:
        """Those of these documents that the catalog hasn't, or couldn't read."""
        return set(external_ids) - {name for name, _ in self._look_up(external_ids)}

    def notes(self, external_ids: Collection[str]) -> Mapping[str, Note]:
        """The notes of these documents, those that have one."""
        return {name: note for name, note in self._look_up(external_ids) if note is not None}

    def below(self, prefix: str) -> Iterator[tuple[str, Note]]:
        """Documents whose external ids begin so, and their notes; empty for those without."""
        after = ""
        outer = (DocumentRow.source_id == self._source_id, DocumentRow.parent_id.is_(None))
        # Not LIKE, to which SQLite's small and capital letters are the same.
        named = func.substr(DocumentRow.external_id, 1, len(prefix)) == prefix
        there = DocumentRow.state != DocumentState.DELETING
        while True:
            which = select(DocumentRow.id, DocumentRow.external_id, DocumentRow.note)
            which = which.where(*outer, named, there, DocumentRow.id > after).order_by(DocumentRow.id).limit(_PAGE)
            with self._database.read() as connection:
                rows = connection.execute(which).all()
            yield from ((row.external_id, row.note or {}) for row in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].id

    def _look_up(self, external_ids: Collection[str]) -> list[tuple[str, Note | None]]:
        names = {document_id(self._source_id, name): name for name in external_ids}
        # One that couldn't be read has no revision: whatever is said of it next is news.
        read = and_(DOCUMENTS.c.state != DocumentState.DELETING, DOCUMENTS.c.revision != "")
        found: list[tuple[str, Note | None]] = []
        ids = list(names)
        with self._database.read() as connection:
            for start in range(0, len(ids), _PAGE):
                some = DOCUMENTS.c.id.in_(ids[start : start + _PAGE])
                rows = connection.execute(select(DOCUMENTS.c.id, DOCUMENTS.c.note).where(some, read))
                found += [(names[row.id], row.note) for row in rows]
        return found
