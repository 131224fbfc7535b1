"""``footnote reviews``."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from api.cli import context
from api.cli.options import Reader, json_option, print_json, say
from api.cli.review_sheets import cases_of, filled_in, labels_of, sheet_of, text_of, write_new
from core.errors import Conflict, NotFound

_PAGE = 100
_FILE = click.Path(dir_okay=False, path_type=Path)
key_option = click.option("--key", help="The reviewer's key, instead of this machine's administrator key.")


@click.group()
def reviews() -> None:
    """Have people review answers that were given, and take what they find to `footnote eval reviews`."""


@reviews.command("list", epilog="Example:  footnote reviews list")
@key_option
@json_option
def list_(key: str | None, as_json: bool) -> None:
    """Show how far the reviews of each sample are, and until when they are due."""
    found = _client(key).request("GET", "/v1/reviews")
    if as_json:
        print_json(found)
        return
    for one in found["samples"]:
        late = ", overdue" if one["overdue"] else ""
        told = f"{one['done']} of {one['wanted']} reviews of {one['pairs']} answers, {one['mine']} by you"
        say(f"{one['sample']}  {told}; due {one['due_at'][:10]}{late}")
    if not found["weekly"]:
        click.echo("Nothing is drawn each week: review.weekly is 0.")
    elif not found["samples"]:
        click.echo(
            f"No sample yet. {found['weekly']} answers are drawn when the week has ended; `sample --now` does now."
        )


@reviews.command(epilog="Example:  footnote reviews sample --now")
@click.option("--now", is_flag=True, required=True, help="Don't wait for the week's end.")
@key_option
@json_option
def sample(now: bool, key: str | None, as_json: bool) -> None:  # noqa: ARG001 - it has to be said
    """Draw from the answers of the last seven days that weren't drawn before."""
    drawn = _client(key).request("POST", "/v1/reviews/sample")
    if as_json:
        print_json(drawn)
    else:
        say(f"Drew {drawn['pairs']} answers for review: {drawn['sample']}.")


@reviews.command(epilog="Example:  footnote reviews export --csv sheet.csv --key KEY")
@click.option("--csv", "file", type=_FILE, help="A new file; else it is printed.")
@click.option("--limit", type=click.IntRange(1, _PAGE), default=_PAGE, show_default=True, help="At most so many.")
@key_option
@json_option
def export(file: Path | None, limit: int, key: str | None, as_json: bool) -> None:
    """Write a sheet of what you could review: fill in 1 to 5, or ? for can't tell, a cause and a comment."""
    pairs = _client(key).request("GET", "/v1/reviews/next", limit=limit)["pairs"]
    if as_json:
        print_json(pairs)
    elif file is None:
        click.echo(sheet_of(pairs), nl=False)
    else:
        write_new(file, sheet_of(pairs), mark="\ufeff")
        click.echo(f"Wrote {file}: {len(pairs)} answers to review.")


@reviews.command("import", epilog="Example:  footnote reviews import --csv sheet.csv --key KEY")
@click.option("--csv", "file", type=_FILE, required=True, help="The sheet that `export` wrote, filled in.")
@key_option
@json_option
def import_(file: Path, key: str | None, as_json: bool) -> None:
    """Take in a sheet that was filled in; exit with status 1 where a review was refused.

    A line that can't be a review is named, and nothing is taken in then. Taken in twice, the second one counts.
    """
    filled = filled_in(file)
    client, refused = _client(key), []
    for line, answer_id, body in filled:
        try:
            client.request("PUT", f"/v1/reviews/{quote(answer_id, safe='')}", body)
        except (Conflict, NotFound) as error:
            refused.append({"line": line, "id": answer_id, "reason": error.message})
    if as_json:
        print_json({"taken": len(filled) - len(refused), "refused": refused})
    else:
        click.echo(f"Took in {len(filled) - len(refused)} reviews.")
        for one in refused:
            say(f"{file}, line {one['line']}: {one['reason']}", err=True)
    if refused:
        raise SystemExit(1)


@reviews.command(epilog="Example:  footnote reviews results --labels labels.jsonl --answers answers.jsonl")
@click.option("--labels", type=_FILE, help="A new file, CSV or JSONL, for `footnote eval reviews` and `calibrate`.")
@click.option("--answers", type=_FILE, help="A new file, JSONL, for `footnote eval judge --answers`.")
@key_option
@json_option
def results(labels: Path | None, answers: Path | None, key: str | None, as_json: bool) -> None:
    """Write down what reviewers said of the answers that as many have reviewed as are wanted."""
    if not (labels or answers or as_json):
        raise click.UsageError("Name a file with --labels or --answers, or give --json.")
    client, found, more = _client(key), list[Any](), True
    while more:
        page = client.request("GET", "/v1/reviews/labels", limit=_PAGE, offset=len(found))
        found += page["labels"]
        more = page["more"]
    if as_json:
        print_json(found)
    for file, rows in ((labels, labels_of(found)), (answers, cases_of(found))):
        if file:
            write_new(file, text_of(rows, file))
            click.echo(f"Wrote {file}: {len(rows)} lines.", err=as_json)


def _client(key: str | None) -> Any:
    return context.client(Reader(None, (), key))
