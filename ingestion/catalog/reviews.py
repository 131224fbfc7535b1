"""Reviews: which answers people are to look at, and what they say of them.

Nothing here decides who may see an answer: who hands one out asks first what its reviewer may read now.
"""

from __future__ import annotations

import builtins
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.clock import Clock
from core.errors import Conflict, NotFound
from ingestion.catalog.conversation_rows import CONVERSATIONS, TURNS, ConversationRow, Turn, TurnRow, turn_of
from ingestion.catalog.database import Database
from ingestion.catalog.feedback import FeedbackRow
from ingestion.catalog.review_rows import PAIRS, REVIEWS, SAMPLES, PairRow, ReviewRow, SampleRow
from ingestion.catalog.review_sampling import Candidate, Outcome, draw, outcome_of
from ingestion.catalog.tables import DOCUMENTS, DocumentRow

Criterion = Literal["groundedness", "relevance", "coherence", "faithfulness"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
Cause = Literal["retrieval", "evidence", "writing", "outdated"]
_AT_ONCE = 500
_OTHERS = REVIEWS.alias()
_GIVEN = select(func.count()).where(_OTHERS.c.answer_id == PairRow.answer_id).correlate(PAIRS).scalar_subquery()
"""How many have reviewed the pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the reviews of one sample are.

    Attributes:
        pairs: questions and answers that are in it still.
        wanted, done: reviews.
        mine: of them, by who asks.
    """

    sample: str
    due_at: datetime
    pairs: int
    wanted: int
    done: int
    mine: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A question and answer that a reviewer could look at.

    Attributes:
        documents: all that it was made from, or an earlier answer of its conversation, which its question may repeat.
    """

    sample: str
    due_at: datetime
    turn: Turn
    documents: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What one reviewer says of an answer, with its place in the sample."""

    answer_id: str
    sample: str
    outcome: Outcome
    department: str
    weight: float
    reviewer: str
    scores: Mapping[str, int | None]
    cause: Cause | None
    comment: str
    said_at: datetime


class ReviewStore:
    """Keeps reviews. All methods block, and raise StorageUnavailable when the catalog doesn't answer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def has(self, name: str) -> bool:
        """Whether there is a sample of this name."""
        with self._database.read() as connection:
            return connection.execute(select(SampleRow.name).where(SampleRow.name == name)).first() is not None

    def sample(
        self, name: str, since: datetime, until: datetime, due_at: datetime, *, size: int, twice: float, seed: str
    ) -> int:
        """Draw from the answers to what was asked in a time, those drawn before left out; how many were.

        The same seed and name draw the same from the same answers.

        Raises:
            Conflict: there is a sample of this name.
        """
        with self._database.read() as connection:
            drawn = draw(_candidates(connection, since, until), size, twice, f"{seed}\0{name}")
        values = {"name": name, "seed": seed, "since": since, "until": until, "due_at": due_at}
        try:
            with self._database.write() as connection:
                connection.execute(insert(SAMPLES).values(**values, drawn_at=self._clock.now()))
                ids = [one.candidate.answer_id for one in drawn]
                there = set[str]()  # its owner may have deleted a conversation since it was drawn
                for at in range(0, len(ids), _AT_ONCE):
                    kept = select(TurnRow.answer_id).where(TurnRow.answer_id.in_(ids[at : at + _AT_ONCE]))
                    there.update(connection.execute(kept).scalars())
                rows = [
                    {
                        "answer_id": one.candidate.answer_id, "sample": name, "outcome": one.candidate.outcome,
                        "department": one.candidate.department, "weight": one.weight, "wanted": one.reviewers,
                    }
                    for one in drawn if one.candidate.answer_id in there
                ]  # fmt: skip
                if rows:
                    connection.execute(insert(PAIRS), rows)
        except IntegrityError:
            raise Conflict(f"The sample {name} has been drawn already.") from None
        return len(rows)

    def progress(self, reviewer: str) -> builtins.list[Progress]:
        """How far the reviews of the latest samples are that have any, the one drawn last first."""
        counted = func.count(ReviewRow.reviewer)
        mine = func.count().filter(ReviewRow.reviewer == reviewer)
        done = (
            select(PairRow.sample, counted.label("done"), mine.label("mine"))
            .join(REVIEWS, ReviewRow.answer_id == PairRow.answer_id)
            .group_by(PairRow.sample)
        )
        pairs = (
            select(SampleRow.name, SampleRow.due_at, func.count().label("pairs"), func.sum(PairRow.wanted).label("all"))
            .join(PAIRS, PairRow.sample == SampleRow.name)
            .group_by(SampleRow.name)
            .order_by(SampleRow.drawn_at.desc(), SampleRow.name)
            .limit(_AT_ONCE)
        )
        with self._database.read() as connection:
            had = {row.sample: row for row in connection.execute(done)}
            return [
                Progress(
                    sample=row.name,
                    due_at=row.due_at,
                    pairs=row.pairs,
                    wanted=int(row.all),
                    done=had[row.name].done if row.name in had else 0,
                    mine=had[row.name].mine if row.name in had else 0,
                )
                for row in connection.execute(pairs)
            ]

    def open_to(self, reviewer: str) -> builtins.list[str]:
        """The ids of answers that want one more reviewer and could have this one, those due first first.

        One's own questions are left out, and what one has reviewed. Each reviewer has an order of their own, so that
        two who are at work at a time seldom have the same answer.
        """
        said = select(ReviewRow.answer_id).where(ReviewRow.reviewer == reviewer)
        wanted = (
            select(PairRow.answer_id, SampleRow.due_at)
            .join(SAMPLES, SampleRow.name == PairRow.sample)
            .join(TURNS, TurnRow.answer_id == PairRow.answer_id)
            .join(CONVERSATIONS, ConversationRow.id == TurnRow.conversation_id)
            .where(ConversationRow.owner != reviewer, PairRow.answer_id.not_in(said), PairRow.wanted > _GIVEN)
        )
        with self._database.read() as connection:
            found = [(row.due_at, row.answer_id) for row in connection.execute(wanted)]
        found.sort(key=lambda one: (one[0], hashlib.sha256(f"{reviewer}\0{one[1]}".encode()).digest()))
        return [answer_id for _, answer_id in found]

    def get(self, answer_ids: Sequence[str]) -> builtins.list[Open]:
        """Those of the answers that are in a sample, in the order asked for."""
        wanted = (
            select(TURNS, PairRow.sample, SampleRow.due_at)
            .join(PAIRS, PairRow.answer_id == TurnRow.answer_id)
            .join(SAMPLES, SampleRow.name == PairRow.sample)
            .where(TurnRow.answer_id.in_(answer_ids))
        )
        with self._database.read() as connection:
            rows = {row.answer_id: row for row in connection.execute(wanted).all()}
            documents = _documents(connection, answer_ids)
            return [
                Open(
                    sample=rows[one].sample,
                    due_at=rows[one].due_at,
                    turn=turn_of(rows[one]),
                    documents=frozenset(documents[one]),
                )
                for one in answer_ids
                if one in rows
            ]

    def say(
        self, answer_id: str, reviewer: str, scores: Mapping[Criterion, int | None], cause: Cause | None, comment: str
    ) -> None:
        """Keep what a reviewer says of an answer, in the place of what they said before.

        Raises:
            NotFound: it is in no sample, or the question is the reviewer's own.
            Conflict: as many as are wanted have reviewed it.
        """
        values = {"scores": dict(scores), "cause": cause, "comment": comment, "said_at": self._clock.now()}
        mine = ReviewRow.answer_id == answer_id, ReviewRow.reviewer == reviewer
        with self._database.write() as connection:
            # A change of nothing, for its lock: two reviewers who come last are counted one after the other.
            locked = update(PAIRS).where(PairRow.answer_id == answer_id).values(wanted=PairRow.wanted)
            asked = (
                select(ConversationRow.owner)
                .join(TURNS, TurnRow.conversation_id == ConversationRow.id)
                .where(TurnRow.answer_id == answer_id)
            )
            if connection.execute(locked).rowcount == 0 or connection.execute(asked).scalar_one() == reviewer:
                raise unknown(answer_id)
            if connection.execute(update(REVIEWS).where(*mine).values(**values)).rowcount:
                return
            room = select(PairRow.wanted - _GIVEN).where(PairRow.answer_id == answer_id)
            if connection.execute(room).scalar_one() < 1:
                raise Conflict("Enough reviewers have seen this answer meanwhile: go on with the next one.")
            connection.execute(insert(REVIEWS).values(answer_id=answer_id, reviewer=reviewer, **values))

    def list(self, limit: int, offset: int = 0) -> builtins.list[Review]:
        """What was said of the answers that all who are wanted have reviewed, in the order of the answers' ids."""
        columns = [REVIEWS.c[name] for name in ("answer_id", "reviewer", "scores", "cause", "comment", "said_at")]
        wanted = (
            select(*columns, PairRow.sample, PairRow.outcome, PairRow.department, PairRow.weight)
            .join(PAIRS, PairRow.answer_id == ReviewRow.answer_id)
            .where(PairRow.wanted <= _GIVEN)
            .order_by(ReviewRow.answer_id, ReviewRow.reviewer)
        )
        with self._database.read() as connection:
            return [Review(**row._mapping) for row in connection.execute(wanted.limit(limit).offset(offset))]


def unknown(answer_id: str) -> NotFound:
    """What is said of an answer that is in no sample, and of one that its reviewer may not read."""
    return NotFound(f"There is no answer {answer_id[:64]!r} for you to review: `GET /v1/reviews/next` has some.")


def _documents(connection: Connection, answer_ids: Sequence[str]) -> Mapping[str, set[str]]:
    """What each answer, and those before it in its conversation, were made from."""
    earlier = TURNS.alias()
    before = (earlier.c.conversation_id == TurnRow.conversation_id) & (earlier.c.number <= TurnRow.number)
    told = select(TurnRow.answer_id, earlier.c.documents).join(earlier, before).where(TurnRow.answer_id.in_(answer_ids))
    found: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(told):
        found[row.answer_id].update(row.documents)
    return found


def _candidates(connection: Connection, since: datetime, until: datetime) -> builtins.list[Candidate]:
    down = select(FeedbackRow.answer_id).where(FeedbackRow.answer_id == TurnRow.answer_id, FeedbackRow.rating == "down")
    drawn = select(PairRow.answer_id).where(PairRow.answer_id == TurnRow.answer_id)
    asked = select(TurnRow.answer_id, TurnRow.answer, down.exists().label("down")).where(
        TurnRow.asked_at >= since,
        TurnRow.asked_at < until,
        TurnRow.state == "done",
        ~TurnRow.replaced,
        ~drawn.exists(),
    )
    outcomes, first = dict[str, Any](), dict[str, str]()
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(asked):
        if row.answer is not None:
            outcomes[row.answer_id] = outcome_of(row.answer, down=row.down)
            first[row.answer_id] = next((one["document_id"] for one in row.answer.get("sources", ())), "")
    departments = _departments(connection, sorted(set(first.values())))
    return [Candidate(one, outcome, departments[first[one]]) for one, outcome in outcomes.items()]


def _departments(connection: Connection, document_ids: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = defaultdict(str)
    for at in range(0, len(document_ids), _AT_ONCE):
        wanted = select(DOCUMENTS.c.id, DOCUMENTS.c.facts).where(DocumentRow.id.in_(document_ids[at : at + _AT_ONCE]))
        found |= {row.id: row.facts.get("department") or "" for row in connection.execute(wanted)}
    return found
