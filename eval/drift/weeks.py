"""What kept conversations say of each week: shares of answers, and the documents cited most."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from eval.metrics import Estimate, latency, wilson
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.conversation_rows import TURNS, Turn, TurnRow, turn_of
from ingestion.catalog.feedback import FEEDBACK

SHARES = ("failed", "abstained", "unsupported", "thumbs_down", "cached")
_AT_ONCE = 500
_INSIDE = {"rerank", "verify"}  # their time is in that of retrieve and generate


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The answers of a week, Monday to Sunday in UTC.

    Attributes:
        shares: by the names in :data:`SHARES`, of all answers, with 95 % Wilson intervals.
        p95_ms: of all stages together, of the answers that came to their end and weren't cached; 0 without any.
        cited: how many answers cite each document, by its id.
    """

    monday: date
    answers: int
    shares: dict[str, Estimate]
    p95_ms: float
    cited: Counter[str]


@dataclass(frozen=True, slots=True)
class OldDocument:
    """A document that answers of the latest week cite, and when it last changed."""

    document_id: str
    answers: int
    changed: datetime


def monday_of(when: datetime) -> date:
    """The first day of its week."""
    return when.date() - timedelta(days=when.weekday())


def turns_since(catalog: Catalog, since: datetime) -> Iterator[list[Turn]]:
    """Questions asked since then and their answers, replaced ones among them, some hundreds at a time."""
    behind = ""
    while True:
        wanted = select(TURNS).where(TurnRow.asked_at >= since, TurnRow.answer_id > behind)
        with catalog.database.read() as connection:
            rows = connection.execute(wanted.order_by(TurnRow.answer_id).limit(_AT_ONCE)).all()
        if not rows:
            return
        yield [turn_of(row) for row in rows]
        behind = rows[-1].answer_id


def thumbs_down(catalog: Catalog, answer_ids: list[str]) -> set[str]:
    """Those of these answers of which somebody says that they are bad."""
    wanted = select(FEEDBACK.c.answer_id).where(FEEDBACK.c.answer_id.in_(answer_ids), FEEDBACK.c.rating == "down")
    with catalog.database.read() as connection:
        return set(connection.execute(wanted).scalars())


class Weeks:
    """Adds up answers by the week."""

    def __init__(self) -> None:
        self._answers: Counter[date] = Counter()
        self._hits: dict[date, Counter[str]] = defaultdict(Counter)
        self._times: dict[date, list[float]] = defaultdict(list)
        self._cited: dict[date, Counter[str]] = defaultdict(Counter)

    def add(self, turn: Turn, *, down: bool) -> None:
        """Count an answer; one that is being written isn't."""
        if turn.state == "writing":
            return
        monday, answer = monday_of(turn.asked_at), turn.answer or {}
        done: dict[str, Any] = answer.get("done", {})
        found = {
            "failed": turn.state == "failed" or done.get("finish_reason") == "interrupted",
            "abstained": bool(answer.get("abstained")),
            "unsupported": any(one["verdict"] == "unsupported" for one in answer.get("verdicts", ())),
            "thumbs_down": down,
            "cached": bool(done.get("cached")),
        }
        self._answers[monday] += 1
        self._hits[monday].update(name for name, hit in found.items() if hit)
        self._cited[monday].update({one["document_id"] for one in answer.get("citations", ())})
        stages = done.get("timings_ms", {})
        if turn.state == "done" and stages and not found["cached"]:
            self._times[monday].append(sum(ms for name, ms in stages.items() if name not in _INSIDE))

    def all(self) -> list[Week]:
        """The weeks that had answers, in order."""
        return [self._week(monday, answers) for monday, answers in sorted(self._answers.items())]

    def _week(self, monday: date, answers: int) -> Week:
        hits = self._hits[monday]
        shares = {name: Estimate(hits[name] / answers, *wilson(hits[name], answers)) for name in SHARES}
        p95 = latency(self._times[monday]).p95_ms
        return Week(monday=monday, answers=answers, shares=shares, p95_ms=p95, cited=self._cited[monday])


def oldest(catalog: Catalog, week: Week, most: int) -> list[OldDocument]:
    """Of the documents that the week cites most (twice as many as wanted), those that are oldest, oldest first."""
    cited = dict(week.cited.most_common(2 * most))
    found = [
        OldDocument(one.id, cited[one.id], one.metadata.modified or one.metadata.created or one.created_at)
        for one in catalog.documents.get_many(list(cited))
    ]
    return sorted(found, key=lambda one: one.changed)[:most]
