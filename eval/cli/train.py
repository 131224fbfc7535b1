"""The group ``footnote train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.errors import InvalidRequest
from eval.cli.shared import FILE, FOLDER, extra, json_option, print_json, runs_folder, settings
from eval.progress import bars

if TYPE_CHECKING:
    from eval.training.recipe import Recipe
    from eval.training.training import Outcome

UNFINISHED = 75
"""Exit status of a training that stopped for now (EX_TEMPFAIL of sysexits.h)."""


@click.group()
def train() -> None:
    """Train models of your own, and use them only if the gate lets them through. See docs/training.md."""


@train.command(epilog="Example:  footnote train reranker --recipe recipe.toml --out models/reranker")
@click.option("--recipe", type=FILE, required=True, help="Sources, mining, teacher, training and gate, as TOML.")
@click.option("--out", type=FOLDER, required=True, help="Where a model that passes the gate goes: a new folder.")
@click.option("--work", type=FOLDER, help="Where it works and keeps what fails; without it, in the data directory.")
@click.option("--cache", type=FOLDER, help="Where indexes are kept; without it, in the data directory.")
@click.option("--runs", type=FOLDER, help="Where runs are kept; without it, in the data directory.")
@click.option(
    "--stop-after", type=click.FloatRange(0), metavar="MINUTES", help="Stop training then; run again to go on."
)
@click.option("--stale-index", is_flag=True, help="Reuse an index although the code that builds it has changed.")
@json_option
def reranker(
    *,
    recipe: Path,
    out: Path,
    work: Path | None,
    cache: Path | None,
    runs: Path | None,
    stop_after: float | None,
    stale_index: bool,
    as_json: bool,
) -> None:
    """Train a cross-encoder on your own text, and promote it if it beats the default pipeline.

    Exit status 0: it passed the gate, and is in --out. 1: it didn't; it is kept in --work, with the report. 75: it was
    stopped by --stop-after; the same command goes on.
    """
    read, current = _checked(recipe, out), settings()
    work = work or current.data_dir / "training" / recipe.stem
    if work.resolve() == out.resolve():
        raise InvalidRequest("--work and --out are one folder: name two.")
    from eval.training.training import Job, train as run  # noqa: I001, PLC0415 - torch

    with bars() as progress:
        job = Job(
            recipe=read,
            recipe_file=recipe,
            settings=current,
            work=work,
            out=out,
            cache=cache or current.data_dir / "eval",
            runs=runs_folder(runs, current),
            progress=progress,
            stop_after_s=stop_after * 60 if stop_after is not None else None,
            stale=stale_index,
        )
        outcome = run(job)
    _say(outcome, as_json=as_json)


@train.command(epilog="Example:  footnote train evidence --out models/evidence  (docs/evidence.md)")
@click.option("--task", type=click.Choice(["answers", "supports"]), help="Only this one; without it, both.")
@click.option("--data", type=FOLDER, default=Path("../shared/data"), show_default=True)
@click.option("--out", type=FOLDER, required=True, help="Where weights and checkpoints go.")
@click.option("--seed", default=7, show_default=True)
@click.option("--pairs", default=6000, show_default=True, help="Learn from about so many, of each task.")
@click.option("--epochs", default=1, show_default=True, help="Go through the data so often at most.")
@click.option("--threads", default=1, show_default=True, help="Of the CPU.")
@json_option
def evidence(
    *, task: str | None, data: Path, out: Path, seed: int, pairs: int, epochs: int, threads: int, as_json: bool
) -> None:
    """Train the evidence model: does a sentence answer a question, does a passage support a statement.

    The same command goes on where it was stopped. Put the folder into evidence.model to use it.
    """
    from eval.training.evidence.fitting import Fitting  # noqa: PLC0415 - torch
    from eval.training.evidence.making import make  # noqa: PLC0415
    from generation.evidence_model.weights import Task  # noqa: PLC0415

    tasks: tuple[Task, ...] = ("answers", "supports")
    how = Fitting(most=pairs, seed=seed, epochs=epochs, threads=threads)
    made = {}
    with bars() as progress:
        for one in tasks:
            if task in (None, one):
                made[one] = make(one, data, out, how, progress)
    if as_json:
        print_json(made)
        return
    for name, about in made.items():
        dev = about["dev"]
        click.echo(f"{name}: AUROC {dev['auroc']:.3f} on {dev['pairs']} pairs that it didn't learn from, in {out}")


def _checked(recipe: Path, out: Path) -> Recipe:
    """The recipe, once everything that can be said at once is said."""
    with extra():
        from eval.training.recipe import read_recipe  # noqa: PLC0415 - numpy, scipy, trec_eval
        from eval.training.student import check_installed, check_new  # noqa: PLC0415
    read = read_recipe(recipe)
    check_installed()
    check_new(out)
    return read


def _say(outcome: Outcome, *, as_json: bool) -> None:
    from eval.training.card import table, use, verdicts  # noqa: PLC0415

    judged, model = outcome.judged, outcome.model
    if judged is None or model is None:
        if as_json:
            print_json({"finished": False, "steps": outcome.facts["steps"]})
        else:
            click.echo(f"Stopped at step {outcome.facts['steps']}. The same command goes on from there.")
        raise click.exceptions.Exit(UNFINISHED)
    passes = judged.decision.passes
    if as_json:
        said = {"finished": True, "promoted": passes, "model": str(model), "report": str(outcome.report)}
        print_json({**said, "gate": verdicts(judged.decision), "facts": outcome.facts})
    else:
        click.echo("\n".join(table(judged.decision)))
        for fault in judged.decision.faults:
            click.echo(f"FAILS  {fault}")
        click.echo(f"Report: {outcome.report}")
        if passes:
            click.echo(f"PROMOTED to {model}. To use it, put this into footnote.toml:\n\n{use(model, judged)}")
        else:
            click.echo(f"REJECTED: it doesn't beat the default pipeline, which stays as it is. Kept in {model}.")
    if not passes:
        raise click.exceptions.Exit(1)
