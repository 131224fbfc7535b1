"""Questions that readers really asked, drawn into a set: with consent, and without personal data."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select

from core.errors import InvalidRequest
from core.principal import Principal
from core.settings import Settings
from eval.answers.questions import EvalQuestion, Rating
from eval.drift.weeks import turns_since
from eval.question_sets.making import Made
from generation.guarding.pii import PiiFinder, Policy
from generation.guarding.presidio import NAMED, PATTERNS
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.conversation_rows import Turn
from ingestion.catalog.feedback import FEEDBACK

KIND = "asked"
_AGO = timedelta(days=90)
_NOT_THEIRS = "made from what the set's reader may not read"


def asked_questions(
    catalog: Catalog, settings: Settings, finder: PiiFinder, reader: Principal, *, limit: int, seed: int
) -> Made:
    """A seeded draw of the first questions of conversations of the last 90 days, what readers said of them with it.

    Later questions lean on answers, which may say what the set's reader may not read. What was called good has its
    cited documents as those to expect; of the others nothing is known to be right.

    Args:
        reader: in whose name the set is asked; they may read all that the kept answers were made from.

    Raises:
        InvalidRequest: nobody was told that people look at what they ask.
        StorageUnavailable: the catalog doesn't answer.
    """
    if not settings.review.weekly:
        raise InvalidRequest(
            "What readers asked is used once they know that people look at it: tell them, then set review.weekly."
        )
    policy = Policy(finder, dict.fromkeys((*PATTERNS, *NAMED, *_own_kinds(settings)), "redact"))
    found, hidden = dict[str, Turn](), 0
    for turns in turns_since(catalog, catalog.clock.now() - _AGO):
        for turn in turns:
            if turn.number != 1 or turn.state != "done":
                continue
            readable = catalog.documents.readable(list(turn.documents), reader)
            if readable.keys() >= turn.documents.keys():
                found.setdefault(" ".join(turn.question.casefold().split()), turn)
            else:
                hidden += 1
    drawn = sorted(found.values(), key=lambda turn: hashlib.sha256(f"{seed}:{turn.answer_id}".encode()).digest())
    drawn = drawn[:limit]
    said = _said(catalog, [turn.answer_id for turn in drawn])
    made = [_question(turn, said.get(turn.answer_id, ()), policy) for turn in drawn]
    documents = {document for turn in drawn for document in turn.documents}
    return Made(made, len(documents), Counter({_NOT_THEIRS: hidden} if hidden else {}))


def _own_kinds(settings: Settings) -> Iterable[str]:
    return (one.name for one in settings.guard.pii.recognisers)


def _said(catalog: Catalog, answer_ids: Sequence[str]) -> Mapping[str, list[tuple[str, str]]]:
    """Ratings and comments of each of these answers."""
    wanted = select(FEEDBACK.c.answer_id, FEEDBACK.c.rating, FEEDBACK.c.comment)
    found: dict[str, list[tuple[str, str]]] = {}
    with catalog.database.read() as connection:
        for answer_id, rating, comment in connection.execute(wanted.where(FEEDBACK.c.answer_id.in_(answer_ids))):
            found.setdefault(answer_id, []).append((rating, comment))
    return found


def _question(turn: Turn, said: Sequence[tuple[str, str]], policy: Policy) -> EvalQuestion:
    ratings = {rating for rating, _ in said}
    rating: Rating = "down" if "down" in ratings else "up" if ratings else ""
    answer = turn.answer or {}
    cited = list(dict.fromkeys(one["document_id"] for one in answer.get("citations", ())))
    return EvalQuestion(
        id=turn.answer_id,
        question=policy.cleared(turn.question),
        filters=turn.asked.get("filters"),
        documents=tuple(cited) if rating == "up" else (),
        kind=KIND,
        rating=rating,
        comments=tuple(policy.cleared(comment) for _, comment in said if comment.strip()),
        versions={one: turn.documents[one] or "" for one in cited if turn.documents.get(one)} if rating == "up" else {},
    )
