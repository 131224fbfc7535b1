"""``footnote eval gate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from core.errors import InvalidRequest
from eval.answers.gate import AnswersDecision, AnswersRule, decide_answers, judge_of, read_floors
from eval.answers.record import is_answers_run, load_answers_run
from eval.cli.shared import FILE, json_option, print_json, settings
from eval.judging.runs import check_judges
from eval.junit import write_junit
from eval.retrieval.gate import Decision, Rule, Verdict, decide
from eval.retrieval.record import load_run

RUN = click.Path(path_type=Path)


@click.command(epilog="Example:  footnote eval gate --baseline main/run.json --candidate branch/run.json")
@click.option("--baseline", "baselines", type=RUN, multiple=True, required=True, help="A run to keep up with.")
@click.option("--candidate", "candidates", type=RUN, multiple=True, required=True, help="A run of the change.")
@click.option(
    *("--baseline-pipeline", "--baseline-config", "baseline_name"),
    help="The pipeline or configuration in the baseline; without it, the only one or its baseline.",
)
@click.option(
    *("--candidate-pipeline", "--candidate-config", "candidate_name"), help="That in the candidate; likewise."
)
@click.option("--alpha", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Which p counts.")
@click.option("--allow-equal", is_flag=True, help="Pass without being better anywhere: for a refactoring.")
@click.option(
    "--latency-ratio", type=click.FloatRange(0), default=1.25, show_default=True, help="The slowest median; 0: any."
)
@click.option("--max-drop", type=click.FloatRange(0), help="A loss that fails even where it isn't significant.")
@click.option("--floor", "floors", multiple=True, metavar="NAME=VALUE", help="Of answers: a safety metric's worst.")
@click.option("--without", multiple=True, metavar="JUDGE", help="Of answers: decide without this judge. Repeatable.")
@click.option("--junit", type=FILE, help="Also write what was looked at as JUnit's XML.")
@json_option
def gate(
    *,
    baselines: tuple[Path, ...],
    candidates: tuple[Path, ...],
    baseline_name: str | None,
    candidate_name: str | None,
    floors: tuple[str, ...],
    without: tuple[str, ...],
    junit: Path | None,
    as_json: bool,
    latency_ratio: float,
    **rule: Any,
) -> None:
    """Exit with status 1 unless the candidate is better in one thing, worse in none, and about as fast.

    Runs of retrieval: by the paired randomisation test of nDCG@10, set by set; --baseline and --candidate can be given
    several times. Runs of answers: by that test of every metric, with Holm's correction; the unsupported share, right
    abstentions and failures have floors besides, which no gain elsewhere makes up for. What judges say counts only
    where `footnote eval calibrate` let them pass; ragas' figures decide nothing.
    """
    named = {"latency_ratio": latency_ratio or None, **rule}
    runs, names = (baselines, candidates), (baseline_name, candidate_name)
    decision: Decision | AnswersDecision
    if any(map(is_answers_run, (*baselines, *candidates))):
        decision = _of_answers(runs, names, AnswersRule(**named, floors=read_floors(floors), without=without))
    elif floors or without:
        raise InvalidRequest("--floor and --without are for runs of answers, and these are of retrieval: leave it out.")
    else:
        decision = decide(
            [load_run(file) for file in baselines],
            [load_run(file) for file in candidates],
            Rule(**named),
            baseline_pipeline=baseline_name,
            candidate_pipeline=candidate_name,
        )
    if junit:
        write_junit(junit, "footnote eval gate", _cases(decision))
    if as_json:
        print_json({"passes": decision.passes, **asdict(decision), "faults": list(decision.faults)})
    else:
        show_decision(decision)
    if not decision.passes:
        raise click.exceptions.Exit(1)


def _of_answers(
    runs: tuple[Sequence[Path], Sequence[Path]], names: tuple[str | None, str | None], rule: AnswersRule
) -> AnswersDecision:
    """Decide about two runs of answers.

    Raises:
        InvalidRequest: there are more than two, or a floor is of a judge that nothing is decided by.
        DatasetError: they can't be compared.
        ConfigurationError: a judge of theirs isn't one that a gate may use.
    """
    if len(runs[0]) != 1 or len(runs[1]) != 1:
        raise InvalidRequest("Runs of answers are compared one with one: give --baseline and --candidate once.")
    left_out = next((name for name in rule.floors if rule.leaves_out(name)), None)
    if left_out is not None:
        raise InvalidRequest(f"--floor {left_out}: nothing is decided by that judge, so it has no floor: leave it out.")
    baseline, candidate = load_answers_run(runs[0][0]), load_answers_run(runs[1][0])
    before, after = baseline.config(names[0]), candidate.config(names[1])
    if any(judge_of(name) and not rule.leaves_out(name) for name in after.metrics):
        current = settings()
        check_judges(before, after, rule, current.data_dir / "eval" / "calibrations", current.judging)
    return decide_answers(baseline, candidate, rule, baseline_config=names[0], candidate_config=names[1])


def _cases(decision: Decision | AnswersDecision) -> list[tuple[str, str, Sequence[str]]]:
    """What was looked at, for JUnit: name, what it says, faults."""
    if isinstance(decision, AnswersDecision):
        return [(check.name, check.says, check.faults) for check in decision.checks]
    sets = [(one.name, _line(one), one.faults) for one in decision.verdicts]
    told = {f"{name}: {fault}" for name, _, faults in sets for fault in faults}
    others = [fault for fault in decision.faults if fault not in told]
    return [*sets, ("better", "better on one set", others)]


def show_decision(decision: Decision | AnswersDecision) -> None:
    """Print the figures of each set or metric, and why the candidate fails, or that it passes."""
    if isinstance(decision, AnswersDecision):
        click.echo(f"{decision.comparison.candidate} against {decision.comparison.baseline}")
        lines = [check.says for check in decision.checks]
    else:
        lines = [_line(verdict) for verdict in decision.verdicts]
    for line in lines:
        click.echo(line)
    for fault in decision.faults:
        click.echo(f"FAILS  {fault}")
    if decision.passes:
        click.echo("PASSES")


def _line(verdict: Verdict) -> str:
    return (
        f"{verdict.name}: nDCG@10 {verdict.before:.3f} -> {verdict.after:.3f}, {verdict.delta:+.3f} "
        f"({verdict.low:+.3f} to {verdict.high:+.3f}), p = {verdict.p_value:.4f}, {verdict.queries} queries, "
        f"latency x{verdict.latency_ratio:.2f}"
    )
