"""What candidates answered without being shown, beside the answers that were; each goes with its conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ForeignKey, String, Table, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from ingestion.catalog.conversation_rows import TURNS, Turn, TurnRow, turn_of
from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base, Json


class ShadowRow(Base):
    """A candidate's answer to what ``answer_id`` answers, with the ``documents`` that it was made from, as a turn's."""

    __tablename__ = "canary_shadows"

    answer_id: Mapped[str] = mapped_column(
        ForeignKey("conversation_turns.answer_id", ondelete="CASCADE"), primary_key=True
    )
    canary: Mapped[str] = mapped_column(String(12))
    answer: Mapped[Json]
    documents: Mapped[Json]


_SHADOWS = cast(Table, ShadowRow.__table__)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """An answer that was shown, the candidate's that wasn't, and what this one was made from: hashes by document."""

    turn: Turn
    answer: Mapping[str, Any]
    documents: Mapping[str, str | None]


class ShadowStore:
    """Keeps them. Methods block, and raise :class:`core.errors.StorageUnavailable` when the catalog is down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, canary: str, answer_id: str, answer: Mapping[str, Any], documents: Mapping[str, str | None]) -> bool:
        """Keep a candidate's answer beside the one that was shown; False where that one isn't kept any more."""
        known = select(TURNS.c.answer_id).where(TurnRow.answer_id == answer_id)
        values = {"answer_id": answer_id, "canary": canary, "answer": answer, "documents": dict(documents)}
        try:
            with self._database.write() as connection:
                if connection.execute(known).first() is None:
                    return False
                connection.execute(insert(_SHADOWS).values(**values))
        except IntegrityError:  # its owner deletes it at this moment
            return False
        return True

    def list(self, canary: str, limit: int, offset: int = 0) -> Sequence[Shadowed]:
        """The pairs of a canary, the latest first."""
        wanted = (
            select(TURNS, _SHADOWS.c.answer.label("shadow"), _SHADOWS.c.documents.label("shadow_documents"))
            .join(_SHADOWS, _SHADOWS.c.answer_id == TURNS.c.answer_id)
            .where(ShadowRow.canary == canary)
            .order_by(TurnRow.asked_at.desc(), TurnRow.answer_id)
            .limit(limit)
            .offset(offset)
        )
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return [Shadowed(turn_of(row), row.shadow, row.shadow_documents) for row in rows]
