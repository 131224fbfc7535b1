"""Conversations: questions and answers, kept for their owner, with the documents that each answer was made from.

Nothing here decides who may see what of an answer: its text is handed out with the documents that it was made from, and
the reader of it asks which of these they may read now (:meth:`ingestion.catalog.documents.DocumentStore.readable`).
"""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, or_, select
from sqlalchemy import insert as insert_into
from sqlalchemy import update as update_of

from core.clock import Clock
from core.errors import Conflict, NotFound
from core.principal import AccessList
from ingestion.catalog.conversation_rows import (
    CONVERSATIONS,
    TURNS,
    Conversation,
    ConversationRow,
    Turn,
    TurnRow,
    TurnState,
    conversation_of,
    turn_of,
)
from ingestion.catalog.database import Database

MOST_TURNS = 500
"""Of one conversation."""
_TITLE = 80
_AT_ONCE = 200


class ConversationStore:
    """Keeps conversations. All methods block, and raise StorageUnavailable when the catalog doesn't answer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin_turn(
        self,
        owner: str,
        answer_id: str,
        question: str,
        asked: Mapping[str, Any],
        *,
        conversation_id: str | None = None,
        replaces: str | None = None,
        new_id: str | None = None,
    ) -> str:
        """Write down a question; returns the id of its conversation, a new one where none is given.

        Args:
            replaces: the answer that this one stands in for; it and all after it leave the conversation.
            new_id: of a new conversation.

        Raises:
            NotFound: the owner has no such conversation, or it no such answer.
            Conflict: it is as long as one can be.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            if conversation_id is None:
                conversation_id = new_id or uuid.uuid4().hex
                title = " ".join(question.split())
                title = title if len(title) <= _TITLE else title[: _TITLE - 1].rstrip() + "…"
                values = {"id": conversation_id, "owner": owner, "title": title, "folded_title": title.casefold()}
                times = {"created_at": now, "updated_at": now, "shared": []}
                connection.execute(insert_into(CONVERSATIONS).values(**values, **times))
            else:
                self._take(connection, owner, conversation_id, now)
            if replaces is not None:
                _replace(connection, conversation_id, replaces)
            number = 1 + (connection.execute(_highest(conversation_id)).scalar_one() or 0)
            if number > MOST_TURNS:
                raise Conflict(f"This conversation has {MOST_TURNS} questions, the most it can hold. Begin a new one.")
            row = {"answer_id": answer_id, "conversation_id": conversation_id, "number": number, "question": question}
            more = {"folded_question": question.casefold(), "asked": dict(asked), "asked_at": now, "state": "writing"}
            connection.execute(insert_into(TURNS).values(**row, **more, replaced=False, answer=None, documents={}))
        return conversation_id

    def _take(self, connection: Connection, owner: str, conversation_id: str, now: datetime) -> None:
        """Lock a conversation for one more turn."""
        mine = ConversationRow.id == conversation_id, ConversationRow.owner == owner
        touched = update_of(CONVERSATIONS).where(*mine).values(updated_at=now)
        if connection.execute(touched).rowcount == 0:
            raise missing(conversation_id)

    def end_turn(
        self, answer_id: str, state: TurnState, answer: Mapping[str, Any] | None, documents: Mapping[str, str | None]
    ) -> None:
        """Write down how an answer ended; nothing, where its conversation was deleted meanwhile."""
        values = {"state": state, "answer": answer, "documents": dict(documents)}
        with self._database.write() as connection:
            connection.execute(update_of(TURNS).where(TurnRow.answer_id == answer_id).values(**values))

    def get(self, conversation_id: str, owner: str | None, terms: Collection[str] = ()) -> Conversation:
        """One conversation, if it is this owner's, or shared with somebody who has one of the terms.

        Raises:
            NotFound: there is none of that id for them.
        """
        with self._database.read() as connection:
            row = connection.execute(select(CONVERSATIONS).where(ConversationRow.id == conversation_id)).first()
        if row is None or (row.owner != owner and set(row.shared).isdisjoint(terms)):
            raise missing(conversation_id)
        return conversation_of(row)

    def turns(self, conversation_id: str) -> builtins.list[Turn]:
        """The turns of a conversation in their order, those that others replaced left out."""
        wanted = select(TURNS).where(TurnRow.conversation_id == conversation_id, ~TurnRow.replaced)
        with self._database.read() as connection:
            return [turn_of(row) for row in connection.execute(wanted.order_by(TurnRow.number))]

    def turn(self, answer_id: str) -> Turn:
        """One turn, whoever's it is.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            row = connection.execute(select(TURNS).where(TurnRow.answer_id == answer_id)).first()
        if row is None:
            raise NotFound(f"There is no answer {answer_id[:64]!r} that is kept for you.")
        return turn_of(row)

    def list(
        self, owner: str, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[builtins.list[Conversation], int]:
        """An owner's conversations, the latest first, and how many there are.

        Args:
            search: only those with this in their title or in one of their questions, in capitals or not. Answers aren't
                looked through: what is found would tell of documents that the owner may not read any more.
        """
        mine = select(CONVERSATIONS).where(ConversationRow.owner == owner)
        if search.strip():
            words = search.strip().casefold()
            asked = select(TurnRow.conversation_id).where(
                TurnRow.conversation_id == ConversationRow.id,
                ~TurnRow.replaced,
                TurnRow.folded_question.contains(words, autoescape=True),
            )
            mine = mine.where(or_(ConversationRow.folded_title.contains(words, autoescape=True), asked.exists()))
        page = mine.order_by(ConversationRow.updated_at.desc(), ConversationRow.id).limit(limit).offset(offset)
        with self._database.read() as connection:
            total = int(connection.execute(select(func.count()).select_from(mine.subquery())).scalar_one())
            return [conversation_of(row) for row in connection.execute(page)], total

    def rename(self, conversation_id: str, owner: str, title: str) -> Conversation:
        """Give a conversation another title. Raises NotFound: it isn't the owner's."""
        return self._change(conversation_id, owner, title=title, folded_title=title.casefold())

    def share(self, conversation_id: str, owner: str, readers: AccessList | None) -> Conversation:
        """Let others read a conversation; None: nobody. Raises NotFound: it isn't the owner's."""
        return self._change(conversation_id, owner, shared=list(readers.terms()) if readers else [])

    def _change(self, conversation_id: str, owner: str, **values: Any) -> Conversation:
        mine = ConversationRow.id == conversation_id, ConversationRow.owner == owner
        with self._database.write() as connection:
            if connection.execute(update_of(CONVERSATIONS).where(*mine).values(**values)).rowcount == 0:
                raise missing(conversation_id)
        return self.get(conversation_id, owner)

    def delete(self, conversation_id: str, owner: str) -> builtins.list[str]:
        """Delete a conversation with all that belongs to it; returns the ids of its answers.

        Raises:
            NotFound: it isn't the owner's.
        """
        self.get(conversation_id, owner)
        return self._delete([conversation_id])

    def delete_all(self, owner: str) -> tuple[int, builtins.list[str]]:
        """Delete everything that an owner has: how many conversations, and the ids of their answers."""
        return self._delete_where(select(ConversationRow.id).where(ConversationRow.owner == owner))

    def expire(self, before: datetime | None) -> int:
        """Delete what nobody went on with since then; None: everything. How many conversations went."""
        wanted = select(ConversationRow.id)
        return self._delete_where(wanted if before is None else wanted.where(ConversationRow.updated_at < before))[0]

    def _delete_where(self, wanted: Select[str]) -> tuple[int, builtins.list[str]]:
        count, answers = 0, builtins.list[str]()
        while True:
            with self._database.read() as connection:
                ids = list(connection.execute(wanted.limit(_AT_ONCE)).scalars())
            if not ids:
                return count, answers
            answers += self._delete(ids)
            count += len(ids)

    def _delete(self, ids: Collection[str]) -> builtins.list[str]:
        with self._database.write() as connection:
            gone = list(connection.execute(select(TurnRow.answer_id).where(TurnRow.conversation_id.in_(ids))).scalars())
            connection.execute(delete(CONVERSATIONS).where(ConversationRow.id.in_(ids)))  # its turns go with it
        return gone


def missing(conversation_id: str) -> NotFound:
    """What is said of a conversation that isn't there, and of one that isn't the caller's."""
    return NotFound(
        f"There is no conversation {conversation_id[:64]!r} that you may read. Leave conversation_id out to begin one."
    )


def _highest(conversation_id: str) -> Select[int]:
    return select(func.max(TurnRow.number)).where(TurnRow.conversation_id == conversation_id)


def _replace(connection: Connection, conversation_id: str, answer_id: str) -> None:
    inside = TurnRow.conversation_id == conversation_id, ~TurnRow.replaced
    number = connection.execute(select(TurnRow.number).where(*inside, TurnRow.answer_id == answer_id)).scalar()
    if number is None:
        raise NotFound(f"This conversation has no answer {answer_id[:64]!r} that another could replace.")
    connection.execute(update_of(TURNS).where(*inside, TurnRow.number >= number).values(replaced=True))
