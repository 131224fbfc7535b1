"""What is kept of an answer that was asked for evaluation, and what is kept of its metrics.

A run has a folder: ``rows.jsonl`` has a :class:`Row` for each question and configuration, and each file of ``scores/``
a :class:`Score` for each row that something has measured. Both are journals (:mod:`eval.answers.journal`).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from eval.answers.journal import Journal
from eval.answers.questions import EvalQuestion
from generation.events import VerdictName

ROWS, SCORES = "rows.jsonl", "scores"
Status = Literal["answered", "abstained", "refused", "empty", "error"]
"""How asking ended. ``refused``: the guard lets no answer through; ``empty``: no text, and no word why."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Passage(_Part):
    """A passage that the answerer was given, under its number in the answer, from 1; ``text`` is all of it."""

    number: int
    document_id: str
    ordinal: int
    uri: str
    title: str
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    text: str = ""


class Cited(_Part):
    """A citation: ``answer[answer_start:answer_end]`` rests on passage ``number``; ``quote`` are the source's words."""

    number: int
    answer_start: int
    answer_end: int
    quote: str | None
    document_id: str
    ordinal: int
    page: int | None = None


class Judged(_Part):
    """The verdict of Footnote's own check on ``answer[answer_start:answer_end]``."""

    answer_start: int
    answer_end: int
    verdict: VerdictName
    numbers: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()


class Row(_Part):
    """A question, as one configuration answered it.

    Attributes:
        question: the question's id.
        config: the configuration's name.
        status: how it ended; the metrics of quality are of answered and abstained ones.
        answer: its text, without citation markers; empty where it abstained.
        reason: why it abstained, was refused or failed, for people.
        degraded: what it had to do without.
        first_token_ms: from asking to the first text; None where there is none.
        total_ms: from asking to the end.
        timings_ms: of its stages, as the service tells them.
        input_tokens, output_tokens: the model's; None where no model wrote, or it didn't say.
        cost: in the currency of the configuration's prices; None where there are none.
        model: who wrote it.
        prompts: versions of the prompts.
        cached: it was given before.
        asked_at: when it was asked, with its time zone.
    """

    question: str
    config: str
    status: Status
    answer: str = ""
    reason: str = ""
    passages: tuple[Passage, ...] = ()
    citations: tuple[Cited, ...] = ()
    verdicts: tuple[Judged, ...] = ()
    sentences_dropped: int = 0
    groundedness: float | None = None
    degraded: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    finish_reason: str = ""
    first_token_ms: float | None = None
    total_ms: float = 0.0
    timings_ms: dict[str, float] = {}
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    model: str = ""
    prompts: tuple[str, ...] = ()
    index_generation: str = ""
    cached: bool = False
    asked_at: datetime

    @property
    def key(self) -> tuple[str, str]:
        """Question id and configuration: a run holds one row for each."""
        return self.question, self.config


class Score(_Part):
    """What a set of metrics says of a row.

    Attributes:
        values: a figure a metric; None: it doesn't apply to this row. A metric that failed isn't there.
        failures: of each metric that failed, why.
        reasons: of a metric, why it says so, where whoever judged has told.
        tokens, cost: what measuring took.
        by: who measured, with its version, as a judge's name.
    """

    question: str
    config: str
    values: dict[str, float | None] = {}
    failures: dict[str, str] = {}
    reasons: dict[str, str] = {}
    tokens: int = 0
    cost: float | None = None
    by: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Question id and configuration, as :attr:`Row.key`."""
        return self.question, self.config


class Metric(Protocol):
    """Looks at an answer and gives a figure for each of its names."""

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that it gives."""
        ...

    def measure(self, asked: EvalQuestion, row: Row) -> dict[str, float | None]:
        """A figure a name; None where the metric doesn't apply to this question or row. Blocks."""
        ...


def kept_rows(folder: Path) -> list[Row]:
    """The rows of a run's folder, the last one for each question and configuration. Raises DatasetError."""
    return list({row.key: row for row in Journal(folder / ROWS, Row).read()}.values())


def scores_of(folder: Path, name: str) -> Journal[Score]:
    """The journal of one set of metrics, as ``judge``: what lies there is told in the run's figures and its report."""
    return Journal(folder / SCORES / f"{name}.jsonl", Score)


def kept_scores(folder: Path) -> dict[tuple[str, str], list[Score]]:
    """What all sets of metrics say of each row; of each set the last word. Raises DatasetError."""
    found: dict[tuple[str, str], list[Score]] = {}
    for file in sorted((folder / SCORES).glob("*.jsonl")):
        latest = {score.key: score for score in Journal(file, Score).read()}
        for key, score in latest.items():
            found.setdefault(key, []).append(score)
    return found
