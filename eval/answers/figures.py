"""From a run's rows and scores to its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from eval.answers.citing import Citing
from eval.answers.configurations import Configuration
from eval.answers.plain import FIRST_TOKEN, METRICS, TOTAL, plain_metrics
from eval.answers.questions import EvalQuestion, fingerprint
from eval.answers.record import AnswersRun, ConfigRow, Figure
from eval.answers.rows import Row, Score, kept_rows, kept_scores, scores_of
from eval.bench.report import machine
from eval.metrics import latency, mean_with_interval
from eval.progress import Progress
from eval.retrieval.keeping import commit

CITING = "citing"


def score_citations(
    folder: Path, questions: Sequence[EvalQuestion], citing: Citing, support: str, progress: Progress
) -> None:
    """Measure citation recall and precision of the rows that have none yet by this support model.

    Raises:
        DatasetError: a file of the folder can't be read.
        Conflict: another process measures them.
    """
    asked = {one.id: one for one in questions}
    journal = scores_of(folder, CITING)
    with journal.alone():
        done = {(*score.key, score.by) for score in journal.read()}
        rows = [row for row in kept_rows(folder) if row.question in asked]
        for at, row in enumerate(rows):
            progress("checking citations", at, len(rows))
            # An answer that was asked for again is another one, to be measured again.
            by = f"{support}, {row.asked_at.isoformat()}"
            if (*row.key, by) not in done:
                values = citing.measure(asked[row.question], row)
                journal.append(Score(question=row.question, config=row.config, values=values, by=by))
        progress("checking citations", len(rows), len(rows))


def make_run(
    folder: Path,
    set_name: str,
    questions: Sequence[EvalQuestion],
    configs: Sequence[Configuration],
    *,
    partial: str = "",
    note: str = "",
    faults: Sequence[str] = (),
    support: str = "",
) -> AnswersRun:
    """The figures of what a folder holds of these questions and configurations, by whatever has scored its rows.

    Raises:
        DatasetError: the folder holds no row of them, or a file in it can't be read.
    """
    now = datetime.now(UTC)
    rows, scores = kept_rows(folder), kept_scores(folder)
    found = [_config_row(one, questions, [row for row in rows if row.config == one.name], scores) for one in configs]
    missing = len(questions) * len(configs) - sum(len(one.statuses) for one in found)
    return AnswersRun(
        id=now.strftime("%Y%m%dT%H%M%S.%fZ"),
        created=now,
        commit=commit(Path(__file__).parent),
        note=note,
        machine=machine(),
        set=set_name,
        fingerprint=fingerprint(questions),
        questions=len(questions),
        partial=partial or (f"{missing} answers are missing." if missing else ""),
        faults=tuple(faults),
        support=support,
        baseline=configs[0].name,
        configs=tuple(found),
    )


def values_of(asked: EvalQuestion, row: Row, scores: Sequence[Score]) -> dict[str, float | None]:
    """All that is known of a row, by metric."""
    values = plain_metrics(asked, row)
    for score in scores:
        values |= score.values
    return values


def _config_row(
    config: Configuration,
    questions: Sequence[EvalQuestion],
    rows: Sequence[Row],
    scores: Mapping[tuple[str, str], Sequence[Score]],
) -> ConfigRow:
    by_question = {row.question: row for row in rows}
    asked = [(one, by_question[one.id]) for one in questions if one.id in by_question]
    values = {one.id: values_of(one, row, scores.get(row.key, ())) for one, row in asked}
    told = [row for _, row in asked]
    failures = Counter(name for row in told for score in scores.get(row.key, ()) for name in score.failures)
    judges: dict[str, set[str]] = {}
    for score in (score for row in told for score in scores.get(row.key, ())):
        for name in score.values.keys() - METRICS.keys():
            judges.setdefault(name, set()).add(score.by)
    costs = [row.cost for row in told if row.cost is not None]
    return ConfigRow(
        name=config.name,
        about=config.about,
        counts=dict(Counter(row.status for row in told)),
        degraded=sum(bool(row.degraded) for row in told),
        cached=sum(row.cached for row in told),
        metrics=figures(list(values.values())),
        failures=dict(failures),
        judges={name: tuple(sorted(who)) for name, who in judges.items()},
        values=values,
        statuses={row.question: row.status for row in told},
        models=tuple(sorted({" ".join((row.model, *row.prompts)) for row in told if row.model})),
        generations=tuple(sorted({row.index_generation for row in told if row.index_generation})),
        percentiles={name: _percentiles(values.values(), name) for name in (FIRST_TOKEN, TOTAL)},
        tokens=sum((row.input_tokens or 0) + (row.output_tokens or 0) for row in told),
        cost=sum(costs) if costs else None,
    )


def figures(values: Sequence[Mapping[str, float | None]]) -> dict[str, Figure]:
    """The mean of every metric, with its interval, over the rows that it applies to; the usual metrics first."""
    names = dict.fromkeys([*METRICS, *(name for row in values for name in row)])
    found = {}
    for name in names:
        given = [value for row in values if (value := row.get(name)) is not None]
        if given:
            mean = mean_with_interval(given)
            found[name] = Figure(value=mean.value, low=mean.low, high=mean.high, n=len(given))
    return found


def _percentiles(values: Collection[Mapping[str, float | None]], name: str) -> tuple[float, float]:
    found = latency([value for row in values if (value := row.get(name)) is not None])
    return found.p50_ms, found.p95_ms
