"""``footnote canary``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api.cli import context
from api.cli.options import Reader, json_option, print_json
from api.cli.review_sheets import passages_of, text_of, write_new

_PAGE = 100
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def canary() -> None:
    """Show how a candidate stands beside what is set, and take it back. See docs/evaluation.md."""


@canary.command(epilog="Example:  footnote canary status")
@json_option
def status(*, as_json: bool) -> None:
    """Show how often the candidate and the baseline fail. It may be looked at every day."""
    found = context.client().request("GET", "/v1/canary")
    if as_json:
        print_json(found)
        return
    state = "running" if found["running"] else "not running"
    share = f"{found['share_today']} % of conversations"
    if found["share_today"] != found["share"]:
        share += f", up to {found['share']} %"
    click.echo(f"Candidate {found['id']}, {share}: {state}.")
    if found["reason"]:
        click.echo(f"Stopped on {found['stopped_at'][:16].replace('T', ' ')} UTC: {found['reason']}")
    for arm in ("baseline", "candidate", "shadow"):
        one = found[arm]
        if arm == "shadow" and not one["answers"]:
            continue
        rate = f" ({one['failures'] / one['conversations']:.1%})" if one["conversations"] else ""
        click.echo(
            f"  {arm}: {one['failures']:,} of {one['conversations']:,} conversations began with a failure{rate}; "
            f"of {one['answers']:,} answers {one['errors']:,} errors, {one['unsupported']:,} unsupported, "
            f"{one['slow']:,} slow"
        )
    told = {"worse": "the candidate fails more often", "better": "the candidate fails less often"}
    verdict = told.get(found["verdict"], "no difference is shown")
    click.echo(f"Over {found['days']} finished days: {verdict} (p = {found['p_value']:.3g}, at any time).")


@canary.command(epilog="Example:  footnote canary shadows --answers pairs.jsonl --key KEY")
@click.option("--answers", type=_FILE, help="A new file, JSONL, for `footnote eval judge --answers --compare`.")
@click.option("--key", help="An administrator's key who may read the documents, instead of this machine's.")
@json_option
def shadows(*, answers: Path | None, key: str | None, as_json: bool) -> None:
    """Write down what the candidate answered without being shown, beside what was, as far as one may read it."""
    if not (answers or as_json):
        raise click.UsageError("Name a file with --answers, or give --json.")
    client, found, seen, more = context.client(Reader(None, (), key)), list[Any](), 0, True
    while more:
        page = client.request("GET", "/v1/canary/shadows", limit=_PAGE, offset=seen)
        found, seen, more = found + page["pairs"], seen + _PAGE, page["more"]
    if as_json:
        print_json(found)
    if answers:
        rows = [
            {
                "item": one["id"],
                "configuration": arm,
                "question": one["question"],
                "answer": one[arm]["answer"],
                "passages": passages_of(one[arm]),
            }
            for one in found
            for arm in ("baseline", "candidate")
        ]
        write_new(answers, text_of(rows, answers))
        click.echo(f"Wrote {answers}: {len(found)} pairs.", err=as_json)


@canary.command(epilog="Example:  footnote canary stop")
@json_option
def stop(*, as_json: bool) -> None:
    """Take the candidate back for good: conversations go to the baseline within seconds."""
    found = context.client().request("POST", "/v1/canary/stop")
    if as_json:
        print_json(found)
    else:
        click.echo("The candidate is stopped." if found["stopped"] else "It was stopped before.")
