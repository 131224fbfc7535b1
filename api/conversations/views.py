"""What of a kept answer one reader may see, asked anew each time it is shown.

An answer may say in its own words what any of the passages says that it was given, whether it cites that or not. So it
is shown to who may read all of its documents now, and else withheld whole: text, quotes, verdicts. Of its sources, the
ones that the reader may read stay. Whether another one was hidden or is gone isn't told.

To others than who asked, a document that says something else by now counts as one that they may not read: that they
may read it today doesn't mean that they ever might have read what was struck out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from api.schemas.conversations import KeptAnswerBody, KeptSourceBody, TurnBody
from api.schemas.feedback import FeedbackBody
from core.principal import Principal
from generation.models.port import Message

if TYPE_CHECKING:
    from ingestion.catalog.catalog import Catalog
    from ingestion.catalog.conversation_rows import Turn
    from ingestion.catalog.feedback import Feedback

_ABANDONED = timedelta(minutes=30)
"""An answer that began so long ago and has no end lost its process."""
_LONGEST_TURN = 2000
"""Characters of an earlier answer that a follow-up may lean on."""
_MOST_MESSAGES = 8
_AT_ONCE = 500


def shown_turns(
    turns: Sequence[Turn],
    principal: Principal,
    catalog: Catalog,
    *,
    own: bool,
    feedback: Mapping[str, Feedback] | None = None,
) -> list[TurnBody]:
    """The turns as this reader may see them. Blocks.

    Args:
        own: whether this reader asked.
        feedback: what they said of them, by the answers' ids.

    Raises:
        StorageUnavailable: the catalog doesn't answer: nothing is shown.
    """
    now = readable_among({document for turn in turns for document in turn.documents}, principal, catalog)
    said = feedback or {}
    shown = [now if own else unchanged(turn.documents, now) for turn in turns]
    at = catalog.clock.now()
    return [_shown(turn, of, at, said.get(turn.answer_id)) for turn, of in zip(turns, shown, strict=True)]


def unchanged(documents: Mapping[str, str | None], now: Mapping[str, str | None]) -> dict[str, str | None]:
    """Those that a reader may read now and that say what they said then, by the hashes of their bytes."""
    return {key: now[key] for key, then in documents.items() if then is not None and now.get(key) == then}


def history_of(turns: Sequence[TurnBody]) -> tuple[Message, ...]:
    """The turns as the history of the next question: of withheld answers only what was asked."""
    messages: list[Message] = []
    for turn in turns:
        messages.append(Message("user", turn.question))
        if turn.answer is not None and turn.answer.answer.strip():
            messages.append(Message("assistant", turn.answer.answer.strip()[:_LONGEST_TURN]))
    return tuple(messages[-_MOST_MESSAGES:])


def _shown(turn: Turn, now: Mapping[str, str | None], at: datetime, feedback: Feedback | None) -> TurnBody:
    withheld = not turn.documents.keys() <= now.keys()
    answer, sources = None, list[KeptSourceBody]()
    if turn.answer is not None:
        told = dict(turn.answer)
        sources = [_source(one, turn.documents, now) for one in told["sources"] if one["document_id"] in now]
        if not withheld:
            answer = KeptAnswerBody.model_validate({**told, "sources": sources})
    lost = turn.state == "writing" and at - turn.asked_at > _ABANDONED
    return TurnBody(
        answer_id=turn.answer_id,
        number=turn.number,
        question=turn.question,
        filters=turn.asked.get("filters"),
        pipeline=turn.asked.get("pipeline"),
        asked_at=turn.asked_at,
        state="failed" if lost else turn.state,
        withheld=withheld,
        answer=answer,
        sources=sources,
        feedback=FeedbackBody.model_validate(feedback) if feedback else None,
    )


def _source(
    source: Mapping[str, object], then: Mapping[str, str | None], now: Mapping[str, str | None]
) -> KeptSourceBody:
    document = str(source["document_id"])
    before = then.get(document)
    return KeptSourceBody.model_validate({**source, "changed": before is None or before != now[document]})


def readable_among(documents: Collection[str], principal: Principal, catalog: Catalog) -> dict[str, str | None]:
    """Those of any number of documents that this reader may read now, with the hashes of their bytes. Blocks."""
    wanted, now = sorted(documents), dict[str, str | None]()
    for at in range(0, len(wanted), _AT_ONCE):
        now |= catalog.documents.readable(wanted[at : at + _AT_ONCE], principal)
    return now


def readable_all(documents: Collection[str], principal: Principal, catalog: Catalog) -> bool:
    """Whether this reader may read all of these documents now. Blocks."""
    return len(catalog.documents.readable(documents, principal)) == len(set(documents))
