"""What was pushed to sources, and has no other home: the last word on each document, in the order in which it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, Connection, ForeignKey, Index, Row, String, Table, Text, func, insert, select
from sqlalchemy import delete as delete_from
from sqlalchemy import update as update_rows
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog.database import Database
from ingestion.catalog.listings import lock_source
from ingestion.catalog.tables import Base, Json
from ingestion.connectors.port import Pushed


class InboxRow(Base):
    """The last word on a document of a source. ``sequence`` grows with each word; that on a deleted one stays.

    ``blob`` is where its bytes are; None: it is deleted. ``acl``: its readers, as terms; None: its source's default.
    """

    __tablename__ = "inbox"

    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(Text, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[bool]
    blob: Mapped[str | None] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str | None] = mapped_column(String(200))
    uri: Mapped[str | None] = mapped_column(Text)
    acl: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    facts: Mapped[Json]
    received_at: Mapped[datetime]

    __table_args__ = (Index("ux_inbox_source_id_sequence", "source_id", "sequence", unique=True),)


INBOX = cast(Table, InboxRow.__table__)


class Word(StrEnum):
    """What came of a word on a document."""

    STORED = "stored"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    """Its version is the one that is there."""
    OLDER = "older"
    """Its version is older than the one that is there: nothing was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A word on a document.

    Attributes:
        version: the caller's; the greatest one counts. None: it counts, whatever is there.
        blob: where its bytes are; None: it is deleted.
        acl: None: the source's default.
    """

    external_id: str
    version: int | None = None
    blob: str | None = None
    content_hash: str = ""
    size: int = 0
    media_type: str | None = None
    uri: str | None = None
    acl: AccessList | None = None
    metadata: Metadata = field(default_factory=Metadata)


@dataclass(frozen=True, slots=True)
class Received:
    """What came of it.

    Attributes:
        version: the one that is there now.
        obsolete: the blob that nothing refers to any more: the former one, or the one that came.
    """

    word: Word
    version: int
    obsolete: str | None


class InboxStore:
    """Keeps what was pushed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def receive(self, source_id: str, incoming: Incoming) -> Received:
        """Keep a word on a document, if it is the last one.

        Raises:
            NotFound: there is no such source.
        """
        with self._database.write() as connection:
            # One at a time: whoever lists by sequence must not see a number while a smaller one isn't there yet.
            lock_source(connection, source_id)
            row = connection.execute(_one(source_id, incoming.external_id)).first()
            version = incoming.version
            if version is None:
                version = 0 if row is None else row.version + 1
            elif row is not None and version <= row.version:
                word = Word.UNCHANGED if version == row.version else Word.OLDER
                return Received(word, row.version, incoming.blob)
            if incoming.blob is None and incoming.version is None and (row is None or row.deleted):
                return Received(Word.UNCHANGED, 0 if row is None else row.version, None)
            values = {**_values(incoming), "version": version, "received_at": self._clock.now()}
            _write(connection, source_id, row, values)
        word = Word.DELETED if incoming.blob is None else Word.STORED
        return Received(word, version, None if row is None else row.blob)

    def after(self, source_id: str, sequence: int, limit: int) -> list[Pushed]:
        """The words behind a sequence number, in their order."""
        behind = select(INBOX).where(InboxRow.source_id == source_id, InboxRow.sequence > sequence)
        with self._database.read() as connection:
            rows = connection.execute(behind.order_by(InboxRow.sequence).limit(limit)).all()
        return [_pushed(row) for row in rows]

    def held(self, source_id: str, prefix: str, limit: int = 1000) -> list[Pushed]:
        """The last words on a source's documents that aren't deleted and whose external ids begin so, latest first."""
        there = InboxRow.external_id.startswith(prefix, autoescape=True), InboxRow.deleted.is_(False)
        statement = select(INBOX).where(InboxRow.source_id == source_id, *there)
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(InboxRow.sequence.desc()).limit(limit)).all()
        return [_pushed(row) for row in rows]

    def get(self, source_id: str, external_id: str) -> Pushed | None:
        """The last word on a document."""
        with self._database.read() as connection:
            row = connection.execute(_one(source_id, external_id)).first()
        return None if row is None else _pushed(row)


def forget_pushed(connection: Connection, source_id: str) -> None:
    """Delete a source's rows."""
    connection.execute(delete_from(INBOX).where(InboxRow.source_id == source_id))


def _one(source_id: str, external_id: str) -> Any:
    return select(INBOX).where(InboxRow.source_id == source_id, InboxRow.external_id == external_id)


def _write(connection: Connection, source_id: str, row: Row[Any] | None, values: dict[str, Any]) -> None:
    last = select(func.max(InboxRow.sequence)).where(InboxRow.source_id == source_id)
    values["sequence"] = (connection.execute(last).scalar() or 0) + 1
    if row is None:
        connection.execute(insert(INBOX).values(source_id=source_id, **values))
    else:
        same = (InboxRow.source_id == source_id, InboxRow.external_id == row.external_id)
        connection.execute(update_rows(INBOX).where(*same).values(**values))


def _values(incoming: Incoming) -> dict[str, Any]:
    return {
        "external_id": incoming.external_id,
        "deleted": incoming.blob is None,
        "blob": incoming.blob,
        "content_hash": incoming.content_hash,
        "size": incoming.size,
        "media_type": incoming.media_type,
        "uri": incoming.uri,
        "acl": None if incoming.acl is None else list(incoming.acl.terms()),
        "facts": incoming.metadata.to_json(),
    }


def _pushed(row: Row[Any]) -> Pushed:
    return Pushed(
        sequence=row.sequence,
        external_id=row.external_id,
        blob=row.blob,
        content_hash=row.content_hash,
        size=row.size,
        media_type=row.media_type,
        uri=row.uri,
        acl=None if row.acl is None else AccessList.from_terms(row.acl),
        metadata=Metadata.read(row.facts),
    )
