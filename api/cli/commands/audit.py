"""``footnote audit``."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from api.cli import context
from api.cli.options import json_option, print_json

_PAGE = 1000
_PIECE = 10_000


@click.group()
def audit() -> None:
    """Show who signed in, asked, was shown and opened what, and administered: when, from where, and how it ended."""


@audit.command("list", epilog="Example:  footnote audit list --action key --since 2026-03-01")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many.")
@click.option("--before", type=click.IntRange(1), metavar="NUMBER", help="Only those before the one of this number.")
@click.option("--action", help="As answer.ask, or a group of them, as key.")
@click.option("--user", help="Who did it.")
@click.option("--key", "key_id", help="The id of the key that it was done with.")
@click.option("--client", help="The address that it came from.")
@click.option("--outcome", type=click.Choice(["begun", "done", "failed"]))
@click.option("--object", "object_id", help="What it was done to.")
@click.option("--document", "document_id", help="A document that was shown or opened.")
@click.option("--since", metavar="TIME", help="As 2026-03-01 or 2026-03-01T08:00:00Z.")
@click.option("--until", metavar="TIME")
@json_option
def list_(as_json: bool, **wanted: Any) -> None:
    """Search what was done, the latest first."""
    given = {name: value for name, value in wanted.items() if value is not None}
    found = context.client().request("GET", "/v1/audit", **given)
    if as_json:
        print_json(found)
        return
    for event in found["events"]:
        click.echo(_line(event))
    if found["next"]:
        click.echo(f"... and older ones: footnote audit list --before {found['next']}")
    if not found["events"]:
        click.echo("Nothing was done so far.")


@audit.command(epilog="Example:  footnote audit verify --expect 4711:9f86d081...")
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="An export, or what audit.file names."
)
@click.option("--expect", metavar="NUMBER:HASH", help="An entry that has to be there, as noted at an earlier time.")
@json_option
def verify(file: Path | None, expect: str | None, as_json: bool) -> None:
    """Tell whether the log is as it was written, and which is the first entry that isn't.

    Note the number and hash that it prints somewhere else: with --expect they prove later that nothing before was
    rewritten, nor the newest entries removed.
    """
    found = _verified(expect) if file is None else _verified_file(file, expect)
    if as_json:
        print_json(found)
    elif found["broken"] is None:
        removed = f" {found['removed']} older ones were removed by retention." if found.get("removed") else ""
        click.echo(f"{found['checked']} entries are as they were written.{removed}")
        click.echo(f"The last one: {found['last']}:{found['hash']}")
    else:
        click.echo(f"Entry {found['broken']} is broken: {found['reason']}")
    if found["broken"] is not None:
        sys.exit(1)


@audit.command(epilog="Example:  footnote audit export --format csv --output audit.csv")
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file; else standard output.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="NUMBER", help="Only entries behind this number.")
@json_option
def export(kind: str, output: Path | None, after: int, as_json: bool) -> None:
    """Write out all entries, oldest first. As jsonl, `footnote audit verify --file` can check them."""
    if output is None:
        _write(sys.stdout, "jsonl" if as_json else kind, after)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        count = _write(file, kind, after)
    print_json({"entries": count}) if as_json else click.echo(f"{count} entries are in {output}.")


def _write(file: TextIO, kind: str, after: int) -> int:
    count = 0
    table = csv.writer(file)
    for entry in _entries(after):
        if kind == "jsonl":
            file.write(json.dumps(entry) + "\n")
        else:
            if not count:
                table.writerow(entry)
            table.writerow([_cell(value) for value in entry.values()])
        count += 1
    return count


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    text = json.dumps(value) if isinstance(value, dict) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in "=+-@\t\r" and text else text


def _entries(after: int) -> Iterator[dict[str, Any]]:
    client = context.client()
    left = client.request("GET", "/v1/audit/verify", after=after, limit=1)
    with click.progressbar(length=left["checked"] + left["left"], label="Entries", file=sys.stderr) as bar:
        while True:
            found = client.request("GET", "/v1/audit/entries", after=after, limit=_PAGE)["entries"]
            yield from found
            bar.update(len(found))
            if len(found) < _PAGE:
                return
            after = found[-1]["number"]


def _verified(expect: str | None) -> dict[str, Any]:
    client = context.client()
    total: dict[str, Any] = client.request("GET", "/v1/audit/verify", limit=_PIECE)
    with click.progressbar(length=total["checked"] + total["left"], label="Verifying", file=sys.stderr) as bar:
        bar.update(total["checked"])
        while total["broken"] is None and total["left"]:
            piece = client.request("GET", "/v1/audit/verify", after=total["last"], limit=_PIECE)
            bar.update(piece["checked"])
            total = {**piece, "checked": total["checked"] + piece["checked"]}
    if expect is not None and total["broken"] is None:
        number, said = _expected(expect)
        entries = client.request("GET", "/v1/audit/entries", after=number - 1, limit=1)["entries"]
        if not entries or (entries[0]["number"], entries[0]["hash"]) != (number, said):
            total |= {"broken": number, "reason": _ANOTHER}
    return total


def _verified_file(file: Path, expect: str | None) -> dict[str, Any]:
    from api.audit_sinks import verify_lines  # noqa: PLC0415 - brings SQLAlchemy

    with file.open(encoding="utf-8") as lines:
        found = verify_lines(lines)
    total = {"checked": found.checked, "last": found.last, "hash": found.hash, "broken": None, "reason": None}
    if found.broken is not None:
        reason = "It was changed, or those before it were removed, or it was put in."
        return {**total, "broken": found.broken, "reason": f"Line {found.broken} of the file. {reason}"}
    if expect is not None:
        number, said = _expected(expect)
        with file.open(encoding="utf-8") as lines:
            known = any((entry["number"], entry["hash"]) == (number, said) for entry in map(json.loads, lines))
        if not known:
            return {**total, "broken": number, "reason": _ANOTHER}
    return total


_ANOTHER = "It isn't there any more, or has another hash than was expected."


def _expected(expect: str) -> tuple[int, str]:
    number, _, said = expect.partition(":")
    if not number.isdigit() or not said:
        raise click.BadParameter("Write it as `footnote audit verify` printed it: NUMBER:HASH.", param_hint="--expect")
    return int(number), said


def _line(event: dict[str, Any]) -> str:
    when = datetime.fromisoformat(event["at"]).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    what = " ".join(part for part in (event["object_id"], event["object_name"]) if part)
    more = ", ".join(f"{key}: {_said(value)}" for key, value in event["detail"].items() if value not in (None, []))
    outcome = f"failed ({event['reason']})" if event["outcome"] == "failed" else event["outcome"]
    user = f" of {event['user']}" if event["user"] else ""
    where = f" from {event['client']}" if event["client"] else ""
    done = f"{event['id']:>6}  {when}  {event['action']} {what}".rstrip() + (f" ({more})" if more else "")
    return f"{done}: {outcome}, by {event['name']}{user}{where}"


def _said(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
