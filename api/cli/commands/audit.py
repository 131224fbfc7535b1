"""``footnote audit``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from api.cli import context
from api.cli.options import json_option, print_json


@click.group()
def audit() -> None:
    """Show what administrators did: keys, sources and the index changed, by whom, when and from where."""


@audit.command("list", epilog="Example:  footnote audit list --limit 20")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many.")
@click.option("--before", type=click.IntRange(1), metavar="NUMBER", help="Only those before the one of this number.")
@json_option
def list_(limit: int, before: int | None, as_json: bool) -> None:
    """List what was done, the latest first."""
    found = context.client().request("GET", "/v1/audit", limit=limit, before=before)
    if as_json:
        print_json(found)
        return
    for event in found["events"]:
        click.echo(_line(event))
    if found["next"]:
        click.echo(f"... and older ones: footnote audit list --before {found['next']}")
    if not found["events"]:
        click.echo("Nothing was done so far.")


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
