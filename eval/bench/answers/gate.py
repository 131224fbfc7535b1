"""How often the gate of answers errs, by simulation: ``footnote bench gate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from eval.answers.comparing import tests_of
from eval.answers.plain import CITED, PRECISION, RECALL, RETRIEVED, SPAN_CITED, SPAN_SHARE, UNSUPPORTED, WORDS
from eval.bench.report import machine_line, markdown, write_json
from eval.cli.shared import FILE, json_option, print_json
from eval.metrics import share
from eval.progress import Progress, bars, tracked

_MEANS = {
    RETRIEVED: 0.95, CITED: 0.85, SPAN_CITED: 0.5, SPAN_SHARE: 0.6, WORDS: 0.7, RECALL: 0.9, PRECISION: 0.9,
    UNSUPPORTED: 0.95,
}  # fmt: skip
"""Metrics as they are tested, each the more the better, and what answers have of them."""
_GRADED = frozenset({SPAN_SHARE, RECALL, PRECISION, UNSUPPORTED})
"""Shares within an answer; the others are there or not."""
_GAINING = frozenset({CITED, SPAN_CITED, SPAN_SHARE, WORDS})
_CHANGED = (0.0, 0.05, 0.1, 0.2)
"""Shares of questions on which two runs of one configuration differ, in a metric that is there or not: 0 without a
model, more the warmer it writes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate said of one comparison: a metric is better, or worse."""

    better: bool
    worse: bool


@click.command(epilog="Example:  footnote bench gate --simulations 2000  (docs/evaluation.md)")
@click.option("--simulations", type=click.IntRange(1), default=2000, show_default=True)
@click.option("--questions", type=click.IntRange(10), default=300, show_default=True)
@click.option("--gain", type=click.FloatRange(0, 0.3), default=0.05, show_default=True, help="In four of the metrics.")
@click.option("--seed", default=1, show_default=True)
@click.option("--out", type=FILE, help="Write the figures as JSON.")
@json_option
def gate(*, simulations: int, questions: int, gain: float, seed: int, out: Path | None, as_json: bool) -> None:
    """Let the gate judge simulated runs: how often it finds what isn't there, and how often what is."""
    rows = []
    with bars() as progress:
        for changed in _CHANGED:
            none = Difference(questions, 0.0, changed)
            some = Difference(questions, gain, changed)
            alarms = simulate(none, simulations, seed, progress) if changed else []
            gains = simulate(some, simulations, seed + 1, progress)
            rows.append({
                "changed": changed,
                "simulations": simulations,
                "called worse": sum(one.worse for one in alarms),
                "called worse or better": sum(one.worse or one.better for one in alarms),
                "gains found": sum(one.better and not one.worse for one in gains),
            })  # fmt: skip
    write_json(rows, out)
    if as_json:
        print_json(rows)
        return
    click.echo(f"{machine_line()}; {questions} questions, {len(_MEANS)} metrics, seed {seed}\n")
    told = [
        (
            f"{row['changed']:.0%}",
            *(
                share(int(row[name]), simulations) if row["changed"] else "none: nothing differs"
                for name in list(row)[2:4]
            ),
            share(int(row["gains found"]), simulations),
        )
        for row in rows
    ]
    heads = ("differ anyway", "no difference, called worse", "... worse or better", f"gain of {gain:.0%} found")
    click.echo(markdown(heads, told))


@dataclass(frozen=True, slots=True)
class Difference:
    """What two simulated runs differ in.

    Attributes:
        gain: by how much the means of the gaining metrics are truly better in the second run.
        changed: on what share of the questions the two differ in a metric without a true difference, about.
    """

    questions: int
    gain: float
    changed: float


def simulate(difference: Difference, simulations: int, seed: int, progress: Progress) -> list[Outcome]:
    """The gate's outcomes for so many pairs of simulated runs.

    Each question has a difficulty that all metrics and both runs share; each run adds a chance of its own, of which
    half is one for all metrics, so that metrics move together as they do in answers.
    """
    generator = np.random.default_rng(seed)
    what = f"gain {difference.gain:g}, {difference.changed:.0%} differ anyway"
    return [_outcome(_runs(generator, difference)) for _ in tracked(range(simulations), what, progress)]


def _outcome(pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Outcome:
    _, corrected = tests_of(pairs)
    means = {name: float(np.mean(after)) - float(np.mean(before)) for name, (before, after) in pairs.items()}
    sure = [name for name, p in corrected.items() if p < 0.05]  # noqa: PLR2004 - the gate's default
    return Outcome(any(means[name] > 0 for name in sure), any(means[name] < 0 for name in sure))


def _runs(generator: np.random.Generator, difference: Difference) -> dict[str, tuple[list[float], list[float]]]:
    """Of each metric its values in two runs.

    A value that is there or not is whether a latent normal lies below the quantile of its mean. Two latents with a
    correlation r fall on different sides of the median with probability arccos(r) / pi, which gives r.
    """
    questions, r = difference.questions, float(np.cos(np.pi * difference.changed))
    difficulty = generator.normal(size=questions)
    shared = generator.normal(size=(2, questions))
    found = {}
    for name, mean in _MEANS.items():
        own, of_the_metric = generator.normal(size=(2, questions)), generator.normal(size=questions)
        fixed = np.sqrt(0.5) * (difficulty + of_the_metric)
        chance = np.sqrt(0.5) * (shared + own)
        latent = np.sqrt(r) * fixed + np.sqrt(1 - r) * chance
        means = np.array([mean, mean + difference.gain * (name in _GAINING)])
        before, after = _values(latent, means, graded=name in _GRADED)
        found[name] = before.tolist(), after.tolist()
    return found


def _values(latent: NDArray[np.float64], means: NDArray[np.float64], *, graded: bool) -> NDArray[np.float64]:
    """From latent normals, shape (2, questions), to values of both runs: 0 or 1, or in sixths where graded."""
    rank = _normal_cdf(latent)
    if graded:
        # Uniform over 0 to 1 with an atom at 1, so that its mean is the one that is wanted: 1 - (1 - atom) / 2.
        atom = (2 * means - 1)[:, None]
        value = np.where(rank < atom, 1.0, (1 - rank) / np.maximum(1 - atom, 1e-9))
        value = np.round(6 * value) / 6
    else:
        value = (rank < means[:, None]).astype(float)
    return value


def _normal_cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtr  # noqa: PLC0415 - a fifth of a second that --help can do without

    found: NDArray[np.float64] = ndtr(x)
    return found
