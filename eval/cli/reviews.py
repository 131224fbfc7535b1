"""``footnote eval reviews``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from eval.bench.report import markdown
from eval.cli.shared import FILE, json_option, print_json
from eval.judging.reviews import Found, found_in

_MOST = 10


@click.command(epilog="Example:  footnote eval reviews labels.jsonl")
@click.argument("labels", type=FILE)
@json_option
def reviews(labels: Path, as_json: bool) -> None:
    """Tell what the reviews in LABELS come to, which `footnote reviews results --labels` wrote.

    How far two reviewers agree, each week's means, and what is to be mended, by cause. The same file calibrates a
    judge: `footnote eval calibrate --labels`.
    """
    found = found_in(labels)
    if as_json:
        print_json(asdict(found))
    else:
        click.echo(_told(found))


def _told(found: Found) -> str:
    parts = [f"{found.answers} answers, {found.reviewers} reviewers."]
    agreement = [
        (
            one.criterion,
            one.answers,
            "none" if one.same is None else f"{one.same:.3f}",
            one.kappa or "none",
            "none" if one.alpha is None else f"{one.alpha:.3f}",
            one.unsure,
        )
        for one in found.agreement
    ]
    heads = ("criterion", "by two", "same value", "weighted kappa (95 %)", "Krippendorff's alpha", "can't tell")
    parts.append(markdown(heads, agreement))
    means = [(one.sample, one.criterion, one.answers, one.mean) for one in found.means]
    parts.append(markdown(("sample", "criterion", "answers", "weighted mean, 1 to 5 (95 %)"), means))
    if found.to_mend:
        causes = [(one.sample, one.cause, len(one.answers), one.share) for one in found.to_mend]
        parts.append(markdown(("sample", "cause", "answers", "weighted share (95 %)"), causes))
    for one in found.to_mend:
        told = [f"  {item}  {' / '.join(' '.join(said.split()) for said in comments)}".rstrip()
                for item, comments in list(one.answers.items())[:_MOST]]  # fmt: skip
        more = [f"  ... and {len(one.answers) - _MOST} more: --json has all."] if len(one.answers) > _MOST else []
        parts.append("\n".join([f"To mend, {one.cause}, {one.sample}:", *told, *more]))
    return "\n\n".join(parts)
