"""The tables of reviews."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import Double, ForeignKey, Index, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from ingestion.catalog.tables import Base, Json


class SampleRow(Base):
    """A draw from the answers to what was asked from ``since`` until before ``until``."""

    __tablename__ = "review_samples"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    seed: Mapped[str] = mapped_column(String(100))
    since: Mapped[datetime]
    until: Mapped[datetime]
    drawn_at: Mapped[datetime]
    due_at: Mapped[datetime]


class PairRow(Base):
    """A question and its answer that ``wanted`` reviewers are to see; it goes with its conversation."""

    __tablename__ = "review_pairs"

    answer_id: Mapped[str] = mapped_column(
        ForeignKey("conversation_turns.answer_id", ondelete="CASCADE"), primary_key=True
    )
    sample: Mapped[str] = mapped_column(ForeignKey("review_samples.name", ondelete="CASCADE"))
    outcome: Mapped[str] = mapped_column(String(16))
    department: Mapped[str] = mapped_column(Text)
    weight: Mapped[float] = mapped_column(Double)
    wanted: Mapped[int]

    __table_args__ = (Index(None, "sample"),)


class ReviewRow(Base):
    """What one reviewer says of an answer. ``scores``: of each criterion, null for "can't tell"."""

    __tablename__ = "reviews"

    answer_id: Mapped[str] = mapped_column(ForeignKey("review_pairs.answer_id", ondelete="CASCADE"), primary_key=True)
    reviewer: Mapped[str] = mapped_column(String(310), primary_key=True)
    scores: Mapped[Json]
    cause: Mapped[str | None] = mapped_column(String(16))
    comment: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime]


SAMPLES, PAIRS, REVIEWS = (cast(Table, row.__table__) for row in (SampleRow, PairRow, ReviewRow))
