"""``footnote eval gate``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from eval.cli.shared import json_option, print_json
from eval.retrieval.gate import Decision, Rule, decide
from eval.retrieval.record import load_run

RUN = click.Path(path_type=Path)


@click.command(epilog="Example:  footnote eval gate --baseline main/run.json --candidate branch/run.json")
@click.option("--baseline", "baselines", type=RUN, multiple=True, required=True, help="A run to keep up with.")
@click.option("--candidate", "candidates", type=RUN, multiple=True, required=True, help="A run of the change.")
@click.option("--baseline-pipeline", help="The pipeline in the baseline; without it, the only one or its baseline.")
@click.option("--candidate-pipeline", help="The pipeline in the candidate; likewise.")
@click.option("--alpha", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Which p counts.")
@click.option("--allow-equal", is_flag=True, help="Pass without being better anywhere: for a refactoring.")
@click.option(
    "--latency-ratio", type=click.FloatRange(0), default=1.25, show_default=True, help="The slowest median; 0: any."
)
@click.option("--max-drop", type=click.FloatRange(0), help="A loss that fails even where it isn't significant.")
@json_option
def gate(
    *,
    baselines: tuple[Path, ...],
    candidates: tuple[Path, ...],
    baseline_pipeline: str | None,
    candidate_pipeline: str | None,
    alpha: float,
    allow_equal: bool,
    latency_ratio: float,
    max_drop: float | None,
    as_json: bool,
) -> None:
    """Exit with status 1 unless the candidate is better on one set, worse on none, and about as fast.

    Better and worse are by the paired randomisation test of nDCG@10. Both options can be given several times, for runs
    of several sets.
    """
    rule = Rule(alpha=alpha, allow_equal=allow_equal, latency_ratio=latency_ratio or None, max_drop=max_drop)
    decision = decide(
        [load_run(file) for file in baselines],
        [load_run(file) for file in candidates],
        rule,
        baseline_pipeline=baseline_pipeline,
        candidate_pipeline=candidate_pipeline,
    )
    if as_json:
        print_json({"passes": decision.passes, **asdict(decision)})
    else:
        show_decision(decision)
    if not decision.passes:
        raise click.exceptions.Exit(1)


def show_decision(decision: Decision) -> None:
    """Print the figures of each set, and why the candidate fails, or that it passes."""
    for verdict in decision.verdicts:
        click.echo(
            f"{verdict.name}: nDCG@10 {verdict.before:.3f} -> {verdict.after:.3f}, {verdict.delta:+.3f} "
            f"({verdict.low:+.3f} to {verdict.high:+.3f}), p = {verdict.p_value:.4f}, {verdict.queries} queries, "
            f"latency x{verdict.latency_ratio:.2f}"
        )
    for fault in decision.faults:
        click.echo(f"FAILS  {fault}")
    if decision.passes:
        click.echo("PASSES")
