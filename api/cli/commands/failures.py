"""``footnote failures``."""

from __future__ import annotations

import click

from api.cli import context
from api.cli.commands.sources import find
from api.cli.options import json_option, print_json


@click.group()
def failures() -> None:
    """List and retry documents that couldn't be taken in."""


@failures.command("list", epilog="Example:  footnote failures list --source /home/ida/handbook")
@click.option("--source", help="Only this source's (id or name).")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many.")
@json_option
def list_(source: str | None, limit: int, as_json: bool) -> None:
    """List the documents that couldn't be taken in, each with the reason."""
    client = context.client()
    path = f"/v1/sources/{find(client, source)['id']}/failures" if source else "/v1/failures"
    found = client.request("GET", path, limit=limit)["failures"]
    if as_json:
        print_json({"failures": found})
        return
    for failure in found:
        click.echo(
            f"{failure['external_id']}: {failure['message']} ({failure['stage']}, tried {failure['attempts']} times)"
        )
    if not found:
        click.echo("No failures.")


@failures.command(epilog="Example:  footnote failures retry")
@click.option("--source", help="Only this source's (id or name).")
@json_option
def retry(source: str | None, as_json: bool) -> None:
    """Try the failed documents again, for example once a full disk or a broken file has been put right."""
    client = context.client()
    source_id = find(client, source)["id"] if source else None
    answer = client.request("POST", "/v1/failures/retry", source_id=source_id)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['retried']} documents are being tried again.")
