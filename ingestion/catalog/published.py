"""What evaluations found, put where the service shows it: reports of answers, and how weeks differ."""

from __future__ import annotations

import builtins
import uuid
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Index, LargeBinary, Select, String, Table, Text, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.errors import InvalidRequest, NotFound
from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base

PublishedKind = Literal["answers", "drift"]
MOST_BYTES = 32_000_000
"""Of one report, before it is packed."""
KEPT = 50
"""Of each kind; older ones go."""


class PublishedRow(Base):
    """A report. ``content`` is packed by zlib."""

    __tablename__ = "published"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime]
    content: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index("ix_published_kind", "kind", "published_at"),)


_TABLE = cast(Table, PublishedRow.__table__)


@dataclass(frozen=True, slots=True)
class Published:
    """A report without its content. ``name``: what it is of, as the set of questions."""

    id: str
    kind: PublishedKind
    name: str
    published_at: datetime


class PublishedStore:
    """Keeps them. Methods block, and raise :class:`core.errors.StorageUnavailable` when the catalog is down.

    Who may see what isn't decided here: reports of answers quote documents, whoever may read these.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def publish(self, kind: PublishedKind, name: str, content: bytes) -> Published:
        """Keep a report, and the latest :data:`KEPT` of its kind.

        Raises:
            InvalidRequest: it is too large.
        """
        if len(content) > MOST_BYTES:
            raise InvalidRequest(
                f"The report has {len(content):,} bytes; {MOST_BYTES:,} is the most that is published. Measure fewer "
                "questions (--sample), or pass the file on yourself."
            )
        found = Published(uuid.uuid4().hex, kind, name, self._clock.now())
        values = {"id": found.id, "kind": kind, "name": name, "published_at": found.published_at}
        latest = _latest(kind).limit(KEPT)
        with self._database.write() as connection:
            connection.execute(insert(_TABLE).values(**values, content=zlib.compress(content)))
            kept = list(connection.execute(latest).scalars())
            connection.execute(delete(_TABLE).where(PublishedRow.kind == kind, PublishedRow.id.not_in(kept)))
        return found

    def list(self, kind: PublishedKind) -> builtins.list[Published]:
        """Those of a kind, the latest first."""
        columns = (_TABLE.c.id, _TABLE.c.kind, _TABLE.c.name, _TABLE.c.published_at)
        wanted = _latest(kind).with_only_columns(*columns)
        with self._database.read() as connection:
            return [Published(*row) for row in connection.execute(wanted)]

    def content(self, kind: PublishedKind, report_id: str) -> bytes:
        """A report's content.

        Raises:
            NotFound: there is none of this kind and id.
        """
        wanted = select(_TABLE.c.content).where(PublishedRow.id == report_id, PublishedRow.kind == kind)
        with self._database.read() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise NotFound(f"There is no report {report_id[:64]!r}: later ones may have taken its place.")
        return zlib.decompress(row.content)

    def latest(self, kind: PublishedKind) -> bytes | None:
        """The content of the latest one; None: there is none."""
        with self._database.read() as connection:
            row = connection.execute(_latest(kind).with_only_columns(_TABLE.c.content).limit(1)).first()
        return None if row is None else zlib.decompress(row.content)


def _latest(kind: PublishedKind) -> Select[Any]:
    return (
        select(_TABLE.c.id)
        .where(PublishedRow.kind == kind)
        .order_by(PublishedRow.published_at.desc(), PublishedRow.id.desc())
    )
