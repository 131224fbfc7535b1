"""How answers and questions moved, read from the conversations that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from eval.drift.topics import Points, Topics, topics
from eval.drift.weeks import OldDocument, Week, Weeks, monday_of, oldest, thumbs_down, turns_since
from eval.progress import Progress
from ingestion.catalog.catalog import Catalog
from retrieval.embedding.port import Embedder

_MONTH = timedelta(weeks=4)
_MOST = 2000
"""Questions of the latest week, and of the month before, that are embedded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Weeks in order; the topics of the latest one beside the four before, None where they have too few questions; and
    the documents that it cites most and that are oldest.
    """

    weeks: list[Week]
    topics: Topics | None
    old: list[OldDocument]


def drift_of(
    catalog: Catalog, embedder: Embedder, *, until: date, weeks: int, documents: int, progress: Progress
) -> Drift:
    """Read so many weeks, the latest ending the day before ``until``, a Monday. The same question counts once.

    Raises:
        StorageUnavailable: the catalog doesn't answer.
        ModelUnavailable: the embedder doesn't.
    """
    latest = until - timedelta(weeks=1)
    since = min(until - timedelta(weeks=weeks), latest - _MONTH)
    added, before, week = Weeks(), set[str](), set[str]()
    for turns in turns_since(catalog, datetime.combine(since, time(), UTC)):
        down = thumbs_down(catalog, [turn.answer_id for turn in turns])
        for turn in turns:
            monday = monday_of(turn.asked_at)
            if monday >= until:
                continue
            if monday >= until - timedelta(weeks=weeks):
                added.add(turn, down=turn.answer_id in down)
            if monday >= latest - _MONTH:
                (week if monday == latest else before).add(turn.question)
    found = added.all()
    old = oldest(catalog, found[-1], documents) if found and found[-1].monday == latest else []
    was, now = (_embedded(embedder, texts, progress) for texts in (before, week))
    return Drift(weeks=found, topics=topics(was, now), old=old)


def _embedded(embedder: Embedder, texts: set[str], progress: Progress) -> Points:
    """Unit vectors of a seeded draw of the questions."""
    chosen = sorted(texts)
    if len(chosen) > _MOST:
        chosen = [chosen[at] for at in np.random.default_rng(0).choice(len(chosen), _MOST, replace=False)]
    vectors = np.zeros((len(chosen), embedder.dimensions), np.float32)
    for at, text in enumerate(chosen):
        progress("embedding questions", at, len(chosen))
        vectors[at] = embedder.embed_query(text)
    progress("embedding questions", len(chosen), len(chosen))
    return vectors
