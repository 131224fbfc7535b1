"""``footnote eval calibrate``."""

from __future__ import annotations

from pathlib import Path

import click

from core.errors import InvalidRequest
from eval.bench.report import markdown
from eval.cli.shared import FILE, json_option, print_json, settings
from eval.judging.calibrating import Held
from eval.judging.calibrating import calibrate as hold
from eval.judging.calibration import Calibration, Scale, keep, last
from eval.judging.labels import read_labels
from eval.judging.records import read_judgments
from eval.judging.rubric import SCALE


def _scale(_context: click.Context, _option: click.Parameter, said: str) -> Scale:
    low, _, high = said.partition("-")
    if not (low.isdigit() and high.isdigit() and int(low) < int(high)):
        raise InvalidRequest(f"--scale is {said!r}: give the least and the greatest label, as 1-5.")
    return int(low), int(high)


@click.command(
    epilog="Example:  footnote eval calibrate --judgments judgments.jsonl --labels labels.csv --judge strict "
    "--criterion groundedness"
)
@click.option("--judgments", type=FILE, required=True, help="What `footnote eval judge` wrote.")
@click.option("--labels", type=FILE, required=True, help="People's labels, JSONL or CSV: item, label, reviewer ...")
@click.option("--judge", "name", required=True, metavar="NAME", help="The judge, by its name.")
@click.option("--criterion", required=True, help="As groundedness.")
@click.option("--scale", default=f"{SCALE[0]}-{SCALE[1]}", show_default=True, callback=_scale, help="Of the labels.")
@click.option("--against", type=FILE, help="An earlier calibration to tell drift from; without it, the last one kept.")
@click.option("--floor", type=click.FloatRange(-1, 1), help="Another one than judging.floor.")
@json_option
def calibrate(
    *,
    judgments: Path,
    labels: Path,
    name: str,
    criterion: str,
    scale: Scale,
    against: Path | None,
    floor: float | None,
    as_json: bool,
) -> None:
    """Hold a judge's scores against people's labels; exit with status 1 where no gate may use it.

    The calibration is kept in DATA_DIR/eval/calibrations, where gates look for it.
    """
    current = settings()
    judging = current.judging if floor is None else current.judging.model_copy(update={"floor": floor})
    read = read_labels(labels, criterion, scale)
    if not judgments.exists():
        raise InvalidRequest(f"{judgments} is not there: `footnote eval judge --out {judgments}` writes it.")
    held = Held.of(read_judgments(judgments), name, criterion, read, scale)
    folder = current.data_dir / "eval" / "calibrations"
    previous = (
        Calibration.load(against, "name a file of DATA_DIR/eval/calibrations")
        if against
        else last(folder, held.judge, criterion, scale)
    )
    found = hold(held, read, scale, judging, previous)
    file = keep(found, folder)
    if as_json:
        print_json({**found.model_dump(mode="json", exclude={"pairs"}), "accepted": found.accepted, "file": str(file)})
    else:
        click.echo(f"{_told(found)}\n\nKept: {file}")
    if not found.accepted:
        raise SystemExit(1)


def _told(found: Calibration) -> str:
    rows = [
        ("answers with labels", found.labels),
        ("labels 'can't tell'", found.unsure),
        ("failed judgments", found.failed),
        ("same value", f"{found.agreement:.3f}"),
        ("Cohen's kappa", found.kappa),
        ("weighted kappa, quadratic", found.weighted_kappa),
        ("weighted kappa, linear", f"{found.linear_kappa:.3f}"),
        ("Krippendorff's alpha, judge and people", f"{found.alpha:.3f}"),
        ("Krippendorff's alpha, people", "one reviewer" if found.alpha_people is None else f"{found.alpha_people:.3f}"),
        ("judge less people", found.offset.signed()),
        ("with the answer's length (Spearman)", found.length_bias.correlation.signed()),
        *((f"judge less people, {name} answers", bias.signed()) for name, bias in found.length_bias.by_third.items()),
    ]
    position = found.position_bias
    if position:
        rows += [
            ("prefers what stands first", f"{position.first} of {position.preferences} preferences"),
            ("same outcome in both orders", f"{position.consistent} of {position.pairs} pairs"),
        ]
    rows.append(("people's mean, labels alone", found.mean_people))
    if found.mean:
        rows.append((f"people's mean, with {found.unlabelled} further judged answers (PPI++)", found.mean))
    if found.drift:
        since = f"since {found.drift.since:%Y-%m-%d %H:%M}"
        rows += [
            (f"weighted kappa, change {since}", found.drift.kappa.signed()),
            (f"judge less people, change {since}", found.drift.offset.signed()),
        ]
    verdict = f"No gate may use it: {found.refusal}." if found.refusal else "A gate may use it."
    if found.drift and found.drift.worse:
        verdict += " It agrees less with people than it did: look at its model and prompt."
    return "\n".join(
        [str(found.judge), "", markdown(("measure", "value (95 % interval)"), rows), "", _confusion(found), "", verdict]
    )


def _confusion(found: Calibration) -> str:
    values = range(found.scale[0], found.scale[1] + 1)
    rows = [(value, *counts) for value, counts in zip(values, found.confusion, strict=True)]
    return markdown(("people \\ judge", *map(str, values)), rows)
