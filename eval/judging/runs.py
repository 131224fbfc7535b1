"""The answers of a run of ``footnote eval answers`` as cases, and judgments as scores of that run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from core.errors import ConfigurationError
from core.judging_settings import JudgingSettings
from eval.answers.gate import AnswersRule, judge_of
from eval.answers.plain import METRICS
from eval.answers.questions import EvalQuestion
from eval.answers.record import ConfigRow
from eval.answers.rows import Score, kept_rows, scores_of
from eval.datasets import DatasetError
from eval.judging.calibration import require
from eval.judging.judge import Case
from eval.judging.records import RagasRow, Row, ScoreRow
from eval.judging.rubric import CRITERIA

JUDGMENTS = "judgments.jsonl"
_Key = tuple[str, str, str]
"""Judge, question, configuration."""


def cases_of_run(folder: Path, questions: Sequence[EvalQuestion]) -> dict[str, list[Case]]:
    """The answers of a run by configuration; of what wasn't answered, cases without an answer.

    Raises:
        DatasetError: the folder holds no run, or answers a question that isn't among these.
    """
    rows, asked = kept_rows(folder), {one.id: one for one in questions}
    if not rows:
        raise DatasetError(f"{folder} holds no answers: `footnote eval answers --out {folder}` writes them.")
    unknown = next((row.question for row in rows if row.question not in asked), None)
    if unknown is not None:
        raise DatasetError(
            f"{folder} answers the question {unknown!r}, which --questions lacks: name the run's own set."
        )
    found: dict[str, list[Case]] = {}
    for row in rows:
        one = asked[row.question]
        text = row.answer if row.status == "answered" else ""
        passages = tuple(passage.text for passage in row.passages)
        question = "\n".join((*one.turns, one.question))
        found.setdefault(row.config, []).append(Case(row.question, question, text, passages, one.reference))
    return found


def keep_scores(folder: Path, judged: Sequence[Row]) -> None:
    """Put what judges and ragas say with the run's other scores, where its figures, gate and report find them."""
    found: dict[tuple[str, _Key], Score] = {}
    for row in judged:
        if isinstance(row, ScoreRow):
            place = f"judge-{_slug(row.judge.name)}"
            names = [f"{row.judge.name}: {criterion}" for criterion in CRITERIA]
            values: dict[str, float | None] = {
                f"{row.judge.name}: {criterion}": float(score) for criterion, score in row.scores.items()
            }
            reasons = {f"{row.judge.name}: {criterion}": reason for criterion, reason in row.reasons.items()}
        elif isinstance(row, RagasRow):
            place, names = f"ragas-{_slug(row.judge.name)}", [f"ragas: {row.metric}"]
            values = {} if row.value is None else {names[0]: row.value}
            reasons = {}
        else:
            continue
        failures = dict.fromkeys(names, f"{row.failure}: {row.detail}") if row.failure else {}
        key = place, (row.judge.name, row.item, row.configuration)
        before = found.get(key) or Score(question=row.item, config=row.configuration, cost=0.0, by=str(row.judge))
        found[key] = before.model_copy(
            update={
                "values": {**before.values, **values},
                "failures": {**before.failures, **failures},
                "reasons": {**before.reasons, **reasons},
                "tokens": before.tokens + row.input_tokens + row.output_tokens,
                "cost": (before.cost or 0.0) + row.cost,
            }
        )
    for place in dict.fromkeys(place for place, _ in found):
        journal = scores_of(folder, place)
        with journal.alone():
            said = {score.key: score for score in journal.read()}
            for (of, _), score in found.items():
                if of == place and said.get(score.key) != score:
                    journal.append(score)


def check_judges(
    before: ConfigRow, after: ConfigRow, rule: AnswersRule, calibrations: Path, judging: JudgingSettings
) -> None:
    """Return when the judges whose metrics a gate would test are as people are, by the floor of today's settings.

    Raises:
        ConfigurationError: one was never calibrated, agrees too little with people, or judged only one of the two.
    """
    for metric in (name for name in after.metrics if name not in METRICS and not rule.leaves_out(name)):
        name, criterion = judge_of(metric), metric.rpartition(": ")[2]
        who = {*before.judges.get(metric, ()), *after.judges.get(metric, ())}
        if metric not in before.metrics or len(who) != 1:
            raise ConfigurationError(
                f"{metric}: the two weren't judged by one judge ({', '.join(sorted(who)) or 'not known'}). "
                f"Judge both: footnote eval judge --run DIR --judge '{name}'; or leave it out: --without '{name}'."
            )
        require(calibrations, who.pop(), criterion, judging)


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)
