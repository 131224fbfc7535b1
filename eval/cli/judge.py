"""``footnote eval judge``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from core.errors import ConfigurationError, InvalidRequest
from core.settings import Settings
from eval.cli.shared import FILE, json_option, print_json, settings
from eval.judging.budget import Budget
from eval.judging.cases import read_cases
from eval.judging.judge import Judge, build_judge
from eval.judging.running import Outcome, compare_all, score_all
from eval.judging.summary import Summary, summary
from eval.progress import bars

_PARTIAL = 3
"""The exit status of what is partial: kept, and gone on with by the same command."""


@click.command(epilog="Example:  footnote eval judge --answers answers.jsonl --out judgments.jsonl  (docs/judging.md)")
@click.option("--answers", type=FILE, required=True, help="JSONL: item, configuration, question, answer, passages.")
@click.option("--out", type=FILE, required=True, help="The judgments, appended: what is there isn't asked again.")
@click.option("--judge", "names", multiple=True, metavar="NAME", help="Of judging.judges; without it, all. Repeatable.")
@click.option("--compare", nargs=2, metavar="A B", help="Compare two configurations' answers instead of scoring.")
@click.option("--budget-tokens", type=click.IntRange(1), help="Stop after so many tokens of all judges.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), help="Stop after so much money, by their prices.")
@json_option
def judge(
    *,
    answers: Path,
    out: Path,
    names: tuple[str, ...],
    compare: tuple[str, str] | None,
    budget_tokens: int | None,
    budget: float | None,
    as_json: bool,
) -> None:
    """Have language models score answers from 1 to 5 by groundedness, relevance, coherence and faithfulness.

    A failure is kept as one, counted, and asked for again by the next call. Exit status 3: something stopped it in the
    middle, as a budget that is spent.
    """
    current = settings()
    cases = read_cases(answers)
    judges = chosen(current, names, Budget(budget_tokens, budget), money=budget is not None)

    async def run() -> Outcome:
        try:
            with bars() as progress:
                if not compare:
                    return await score_all(judges, cases, out, progress)
                a, b = compare
                for name in compare:
                    if name not in cases:
                        raise InvalidRequest(f"{answers} has no configuration {name!r}; it has: {', '.join(cases)}.")
                return await compare_all(judges, (a, b), (cases[a], cases[b]), out, progress)
        finally:
            for one in judges:
                await one.asker.close()

    outcome = asyncio.run(run())
    found = summary(outcome)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show(found, out)
    if outcome.stopped:
        click.echo(outcome.stopped, err=True)
        raise SystemExit(_PARTIAL)


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


def _show(found: Summary, out: Path) -> None:
    from eval.bench.report import markdown  # noqa: PLC0415

    rows: list[tuple[Any, ...]] = [
        (one.judge, one.configuration, one.criterion, str(one.mean), one.scored, one.failed) for one in found.scores
    ]
    if rows:
        click.echo(markdown(("judge", "configuration", "criterion", "mean, 1 to 5", "scored", "failed"), rows))
    pairs: list[tuple[Any, ...]] = [
        (one.judge, f"{one.a} / {one.b}", one.a_wins, one.b_wins, one.ties, one.inconsistent, one.failed)
        for one in found.pairs
    ]
    if pairs:
        click.echo(markdown(("judge", "a / b", "a better", "b better", "ties", "of them by order", "failed"), pairs))
    for criterion, (value, shared) in found.agreement.items():
        click.echo(f"Judges agree on {criterion}: Krippendorff's alpha {value:.3f} over {shared} answers.")
    if found.failures:
        click.echo(f"Failures: {', '.join(f'{count} {kind}' for kind, count in found.failures.items())}.")
    for name, count in found.unjudged.items():
        if count:
            click.echo(f"{name}: {count} without an answer, not judged.")
    click.echo(f"{out}: {found.tokens} tokens, {found.cost:.4f} in money.{' Partial.' if found.partial else ''}")
