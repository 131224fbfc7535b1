"""``footnote eval judge``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.errors import ConfigurationError, InvalidRequest
from core.extras import installing
from core.settings import Settings
from eval.answers.questions import read_eval_questions
from eval.bench.report import markdown
from eval.cli.shared import FILE, FOLDER, json_option, print_json, settings
from eval.judging.budget import Budget
from eval.judging.cases import read_cases
from eval.judging.judge import Case, Judge, build_judge
from eval.judging.running import Outcome, compare_all, measure_all, score_all
from eval.judging.runs import JUDGMENTS, cases_of_run, keep_scores
from eval.judging.summary import Summary, summary
from eval.progress import bars
from retrieval.embedding.build import build_embedder

if TYPE_CHECKING:
    from eval.judging.ragas_metrics import RagasMetrics

_PARTIAL = 3
"""The exit status of what is partial: kept, and gone on with by the same command."""


@click.command(epilog="Example:  footnote eval judge --run out --questions asked.jsonl --budget 5  (docs/judging.md)")
@click.option("--run", type=FOLDER, help="What `footnote eval answers --out` wrote; with --questions.")
@click.option("--questions", type=FILE, help="The questions of that run.")
@click.option("--answers", type=FILE, help="Instead: JSONL of item, configuration, question, answer, passages.")
@click.option("--out", type=FILE, help="The judgments, appended; without it, the run's judgments.jsonl.")
@click.option("--judge", "names", multiple=True, metavar="NAME", help="Of judging.judges; without it, all. Repeatable.")
@click.option("--compare", nargs=2, metavar="A B", help="Compare two configurations' answers instead of scoring.")
@click.option("--ragas", is_flag=True, help="Measure with ragas instead, which asks the first of the judges.")
@click.option("--metric", "metrics", multiple=True, help="Of ragas', only this one. Repeatable.")
@click.option("--budget-tokens", type=click.IntRange(1), help="Stop after so many tokens of all judges.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), help="Stop after so much money, by their prices.")
@json_option
def judge(
    *,
    run: Path | None,
    questions: Path | None,
    answers: Path | None,
    out: Path | None,
    names: tuple[str, ...],
    compare: tuple[str, str] | None,
    ragas: bool,
    metrics: tuple[str, ...],
    budget_tokens: int | None,
    budget: float | None,
    as_json: bool,
) -> None:
    """Have language models score answers from 1 to 5 by groundedness, relevance, coherence and faithfulness.

    A failure is kept as one, counted, and asked for again by the next call. Exit status 3: something stopped it in the
    middle, as a budget that is spent.
    """
    current = settings()
    cases = _cases(run, questions, answers)
    file = out or (run / JUDGMENTS if run else None)
    if file is None:
        raise InvalidRequest("--answers needs --out FILE.jsonl for what the judges say.")
    judges = chosen(current, names, Budget(budget_tokens, budget), money=budget is not None)
    if compare:
        _check_names(compare, cases)
    measuring = _ragas(current, judges[0], metrics) if ragas or metrics else None

    outcome = asyncio.run(_judged(judges, cases, file, measuring, compare))
    if run:
        keep_scores(run, outcome.rows)
    found = summary(outcome)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        click.echo(_told(found, file))
    if outcome.stopped:
        click.echo(outcome.stopped, err=True)
        raise SystemExit(_PARTIAL)


async def _judged(
    judges: Sequence[Judge],
    cases: dict[str, list[Case]],
    file: Path,
    measuring: RagasMetrics | None,
    compare: tuple[str, str] | None,
) -> Outcome:
    """Have ragas measure, where it is there; else compare two configurations, where they are named; else score."""
    try:
        with bars() as progress:
            if measuring:
                return await measure_all(measuring, cases, file, progress)
            if compare:
                return await compare_all(judges, compare, (cases[compare[0]], cases[compare[1]]), file, progress)
            return await score_all(judges, cases, file, progress)
    finally:
        for one in judges:
            await one.asker.close()


def _cases(run: Path | None, questions: Path | None, answers: Path | None) -> dict[str, list[Case]]:
    if answers and not (run or questions):
        return read_cases(answers)
    if run and questions and not answers:
        return cases_of_run(run, read_eval_questions(questions))
    raise InvalidRequest("Name what to judge: --run DIR with --questions FILE, or --answers FILE.")


def _check_names(compare: tuple[str, str], cases: dict[str, list[Case]]) -> None:
    for name in compare:
        if name not in cases:
            raise InvalidRequest(f"There are no answers of a configuration {name!r}; there are: {', '.join(cases)}.")
    if compare[0] == compare[1]:
        raise InvalidRequest(f"--compare names {compare[0]!r} twice: name two configurations.")


def _ragas(current: Settings, judge: Judge, names: Sequence[str]) -> RagasMetrics:
    """The metrics of these names; all where none is named.

    Raises:
        ConfigurationError: the extra isn't installed.
        InvalidRequest: there is no such metric.
    """
    try:
        from eval.judging.ragas_metrics import METRICS, RagasMetrics  # noqa: PLC0415 - slow, and of an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"--ragas needs {error.name}, which isn't installed: {installing('ragas')}") from error
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise InvalidRequest(f"ragas has no metric {unknown[0]!r} here; use one of {', '.join(METRICS)}.")
    embedder = build_embedder(current)
    return RagasMetrics(judge.asker, embedder, names)


def chosen(current: Settings, names: Sequence[str], budget: Budget, *, money: bool) -> list[Judge]:
    """The judges of these names; all where none is named.

    Raises:
        ConfigurationError: none is set up, there is none of a name, or a budget in money has no prices to go by.
    """
    known = {one.called: one for one in current.judging.judges}
    if not known:
        raise ConfigurationError(
            "No judge is set up. Put one into footnote.toml: [[judging.judges]] with provider, url, model and api_key "
            "(docs/judging.md)."
        )
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigurationError(f"There is no judge {missing[0]!r} in judging.judges; there are: {', '.join(known)}.")
    taken = [known[name] for name in names or known]
    free = [one.called for one in taken if not (one.input_price and one.output_price)]
    if money and free:
        raise ConfigurationError(f"--budget needs input_price and output_price of the judge {free[0]!r}; set them.")
    return [build_judge(one, current.judging, budget) for one in taken]


def _told(found: Summary, file: Path) -> str:
    parts = []
    scores = [
        (one.judge, one.configuration, one.criterion, one.mean or "none", one.scored, one.failed)
        for one in found.scores
    ]
    if scores:
        parts.append(markdown(("judge", "configuration", "criterion", "mean, 1 to 5", "scored", "failed"), scores))
    pairs = [
        (one.judge, f"{one.a} / {one.b}", one.a_wins, one.b_wins, one.ties, one.inconsistent, one.failed)
        for one in found.pairs
    ]
    if pairs:
        parts.append(markdown(("judge", "a / b", "a better", "b better", "ties", "of them by order", "failed"), pairs))
    ragas = [
        (one.configuration, one.metric, one.mean or "none", one.scored, one.failed, one.failed_calls)
        for one in found.ragas
    ]
    if ragas:
        parts.append(markdown(("configuration", "ragas", "mean", "scored", "failed", "failed calls"), ragas))
    parts += [
        f"Judges agree on {criterion}: Krippendorff's alpha {value:.3f} over {shared} answers."
        for criterion, (value, shared) in found.agreement.items()
    ]
    if found.failures:
        parts.append(f"Failures: {', '.join(f'{count} {kind}' for kind, count in found.failures.items())}.")
    parts += [f"{name}: {count} without an answer, not judged." for name, count in found.unjudged.items() if count]
    parts.append(f"{file}: {found.tokens} tokens, {found.cost:.4f} in money.{' Partial.' if found.partial else ''}")
    return "\n".join(parts)
