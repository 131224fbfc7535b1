"""``footnote outdated``."""

from __future__ import annotations

import click

from api.cli import context
from api.cli.options import json_option, print_json, say


@click.group()
def outdated() -> None:
    """List the documents that readers say are outdated, and take those off that were seen to."""


@outdated.command("list", epilog="Example:  footnote outdated list --limit 20")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True, help="How many.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List the documents that readers say are outdated, the latest said first, with what they say."""
    found = context.client().request("GET", "/v1/outdated", limit=limit)
    if as_json:
        print_json(found)
        return
    for one in found["documents"]:
        readers = "1 reader says" if one["readers"] == 1 else f"{one['readers']} readers say"
        say(f"{one['document_id']}  {one['title'] or one['external_id']} ({one['external_id']})")
        since = "; its document has changed since" if one["changed"] else ""
        click.echo(f"    {readers} so, last on {one['last_said'][:16].replace('T', ' ')} UTC{since}")
        for comment in one["comments"]:
            say(f"    - {' '.join(comment.split())}")
    left = found["total"] - len(found["documents"])
    if left > 0:
        click.echo(f"... and {left} more: --limit shows them.")
    if not found["total"]:
        click.echo("Nobody says that a document is outdated.")


@outdated.command(epilog="Example:  footnote outdated settle 3f2a90c1b7de4c52a1f0b8e6d4c7a915")
@click.argument("document")
@json_option
def settle(document: str, as_json: bool) -> None:
    """Take DOCUMENT (its id) off the list: it was seen to."""
    settled = context.client().request("DELETE", f"/v1/outdated/{document}")
    if as_json:
        print_json(settled)
    else:
        click.echo("It is off the list.")
