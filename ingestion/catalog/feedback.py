"""What readers say of answers, and of sources that are outdated."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, ForeignKey, Index, Integer, String, Table, Text, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.errors import NotFound
from ingestion.catalog.conversation_rows import TURNS, Turn, turn_of
from ingestion.catalog.database import Database
from ingestion.catalog.tables import DOCUMENTS, Base, DocumentRow, SourceRow

Rating = Literal["up", "down"]


class FeedbackRow(Base):
    """What one reader says of one answer; it goes with the answer."""

    __tablename__ = "answer_feedback"

    answer_id: Mapped[str] = mapped_column(
        ForeignKey("conversation_turns.answer_id", ondelete="CASCADE"), primary_key=True
    )
    reader: Mapped[str] = mapped_column(String(310), primary_key=True)
    rating: Mapped[str] = mapped_column(String(8))
    reasons: Mapped[list[str]]
    comment: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime]

    __table_args__ = (Index(None, "said_at"),)


class ReportRow(Base):
    """A reader says that a document is outdated. ``content_hash``: of its bytes as they were then."""

    __tablename__ = "outdated_reports"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    reader: Mapped[str] = mapped_column(String(310))
    comment: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str | None] = mapped_column(String(64))
    said_at: Mapped[datetime]

    __table_args__ = (Index("ux_outdated_reports_document", "document_id", "reader", unique=True),)


FEEDBACK = cast(Table, FeedbackRow.__table__)
REPORTS = cast(Table, ReportRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What one reader says of one answer. ``reader``: as in :class:`ConversationRow`'s owner."""

    answer_id: str
    reader: str
    rating: Rating
    reasons: Sequence[str]
    comment: str
    said_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedDocument:
    """A document that readers say is outdated.

    Attributes:
        readers: how many say so.
        comments: what they say, the latest first, empty ones left out.
        changed: its bytes have changed since the latest report.
    """

    document_id: str
    source_id: str
    external_id: str
    uri: str
    title: str
    readers: int
    comments: Sequence[str]
    first_said: datetime
    last_said: datetime
    changed: bool


class FeedbackStore:
    """Keeps what readers say. All methods block, and raise StorageUnavailable when the catalog doesn't answer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def say(self, answer_id: str, reader: str, rating: Rating, reasons: Sequence[str], comment: str) -> None:
        """Keep what a reader says of an answer, in the place of what they said before."""
        key = {"answer_id": answer_id, "reader": reader}
        values = {"rating": rating, "reasons": list(reasons), "comment": comment, "said_at": self._clock.now()}
        _put(self._database, FEEDBACK, key, values)

    def take_back(self, answer_id: str, reader: str) -> None:
        """Forget what a reader said of an answer."""
        mine = FeedbackRow.answer_id == answer_id, FeedbackRow.reader == reader
        with self._database.write() as connection:
            connection.execute(delete(FEEDBACK).where(*mine))

    def of(self, answer_ids: Collection[str], reader: str) -> dict[str, Feedback]:
        """What a reader said of these answers, by their ids."""
        wanted = select(FEEDBACK).where(FeedbackRow.answer_id.in_(answer_ids), FeedbackRow.reader == reader)
        with self._database.read() as connection:
            return {row.answer_id: Feedback(**row._mapping) for row in connection.execute(wanted)}

    def list(
        self, rating: Rating | None = None, limit: int = 100, offset: int = 0
    ) -> builtins.list[tuple[Feedback, Turn]]:
        """What was said, the latest first, each with the question, the answer and what it was made from.

        Who shows any of it to somebody asks first what they may read of it.
        """
        columns = [column.label(f"feedback_{column.name}") for column in FEEDBACK.columns]
        wanted = select(*columns, *TURNS.columns).join(TURNS, TURNS.c.answer_id == FEEDBACK.c.answer_id)
        if rating is not None:
            wanted = wanted.where(FeedbackRow.rating == rating)
        wanted = wanted.order_by(FeedbackRow.said_at.desc(), FeedbackRow.answer_id).limit(limit).offset(offset)
        names = Feedback.__slots__
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return [(Feedback(**{name: getattr(row, f"feedback_{name}") for name in names}), turn_of(row)) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many say what."""
        wanted = select(FeedbackRow.rating, func.count()).group_by(FeedbackRow.rating)
        with self._database.read() as connection:
            return {"up": 0, "down": 0} | {row[0]: int(row[1]) for row in connection.execute(wanted)}

    def report(self, document_id: str, reader: str, comment: str, content_hash: str | None) -> None:
        """Note that a reader says a document is outdated, in the place of what they said of it before."""
        values = {"comment": comment, "content_hash": content_hash, "said_at": self._clock.now()}
        _put(self._database, REPORTS, {"document_id": document_id, "reader": reader}, values)

    def outdated(self, limit: int = 100, offset: int = 0) -> tuple[builtins.list[OutdatedDocument], int]:
        """The documents that readers say are outdated, the latest said first, and how many there are."""
        kept = DOCUMENTS.join(SourceRow, SourceRow.id == DocumentRow.source_id)
        last = func.max(ReportRow.said_at).label("last")
        grouped = (
            select(ReportRow.document_id, last)
            .join(kept, DocumentRow.id == ReportRow.document_id)
            .where(~SourceRow.deleting)
            .group_by(ReportRow.document_id)
        )
        page = grouped.order_by(last.desc(), ReportRow.document_id).limit(limit).offset(offset)
        with self._database.read() as connection:
            total = int(connection.execute(select(func.count()).select_from(grouped.subquery())).scalar_one())
            return [_outdated(connection, row.document_id) for row in connection.execute(page).all()], total

    def settle(self, document_id: str) -> int:
        """Take a document off the list; how many had said that it is outdated.

        Raises:
            NotFound: nobody had.
        """
        with self._database.write() as connection:
            gone = connection.execute(delete(REPORTS).where(ReportRow.document_id == document_id)).rowcount
        if not gone:
            raise NotFound(f"Nobody says that there is an outdated document {document_id[:64]!r}.")
        return gone


def _outdated(connection: Connection, document_id: str) -> OutdatedDocument:
    document = connection.execute(select(DOCUMENTS).where(DocumentRow.id == document_id)).one()
    said = select(REPORTS).where(ReportRow.document_id == document_id).order_by(ReportRow.said_at.desc())
    reports = connection.execute(said).all()
    return OutdatedDocument(
        document_id=document_id,
        source_id=document.source_id,
        external_id=document.external_id,
        uri=document.uri,
        title=document.title,
        readers=len(reports),
        comments=[report.comment for report in reports if report.comment],
        first_said=reports[-1].said_at,
        last_said=reports[0].said_at,
        changed=document.content_hash != reports[0].content_hash,
    )


def _put(database: Database, table: Table, key: dict[str, str], values: dict[str, Any]) -> None:
    """Change the row of this key, or add it; NotFound where what it is about went meanwhile."""
    mine = [table.c[name] == value for name, value in key.items()]
    try:
        with database.write() as connection:
            if connection.execute(update(table).where(*mine).values(**values)).rowcount == 0:
                connection.execute(insert(table).values(**key, **values))
    except IntegrityError:
        raise NotFound("What this is about is not there any more.") from None
