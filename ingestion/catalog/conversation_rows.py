"""Conversations and their turns: the tables, and the records that are made of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import JSON, ForeignKey, Index, Row, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.principal import AccessList
from ingestion.catalog.tables import Base

TurnState = Literal["writing", "done", "stopped", "failed"]


class ConversationRow(Base):
    """A conversation. ``shared`` are the access terms of those who may read it beside its owner."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    folded_title: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    shared: Mapped[list[str]]

    __table_args__ = (Index("ix_conversations_owner", "owner", "updated_at"), Index(None, "updated_at"))


class TurnRow(Base):
    """A question and its answer.

    ``answer`` is the answer as the API gave it, ``documents`` the hash of each document's bytes as they were then.
    ``replaced``: another turn stands in its place.
    """

    __tablename__ = "conversation_turns"

    answer_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    number: Mapped[int]
    question: Mapped[str] = mapped_column(Text)
    folded_question: Mapped[str] = mapped_column(Text)
    asked: Mapped[dict[str, Any]]
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    replaced: Mapped[bool]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    documents: Mapped[dict[str, Any]]

    __table_args__ = (
        Index("ux_conversation_turns_number", "conversation_id", "number", unique=True),
        Index(None, "asked_at"),
    )


CONVERSATIONS = cast(Table, ConversationRow.__table__)
TURNS = cast(Table, TurnRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation without its turns.

    Attributes:
        shared: who may read it beside its owner; None: nobody. ``public`` is everybody who has signed in.
    """

    id: str
    owner: str
    title: str
    created_at: datetime
    updated_at: datetime
    shared: AccessList | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question and its answer.

    Attributes:
        asked: how it was asked: filters and pipeline.
        answer: as the API gave it; None while nothing is written.
        documents: all that the answer was made from, each with the hash of its bytes then (None: not known).
    """

    answer_id: str
    conversation_id: str
    number: int
    question: str
    asked: Mapping[str, Any]
    asked_at: datetime
    state: TurnState
    answer: Mapping[str, Any] | None
    documents: Mapping[str, str | None]


def conversation_of(row: Row[Any]) -> Conversation:
    """A row of ``conversations`` as a record."""
    names = ("id", "owner", "title", "created_at", "updated_at")
    shared = AccessList.from_terms(row.shared) if row.shared else None
    return Conversation(**{name: getattr(row, name) for name in names}, shared=shared)


def turn_of(row: Row[Any]) -> Turn:
    """A row of ``conversation_turns`` as a record."""
    return Turn(**{name: getattr(row, name) for name in Turn.__slots__})
