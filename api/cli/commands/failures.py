"""``footnote failures``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from api.cli import context
from api.cli.commands.sources import find
from api.cli.options import json_option, print_json, say


@click.group()
def failures() -> None:
    """List and retry documents that couldn't be taken in."""


@failures.command("list", epilog="Example:  footnote failures list --source /home/ida/handbook")
@click.option("--source", help="Only this source's (id or name).")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many.")
@json_option
def list_(source: str | None, limit: int, as_json: bool) -> None:
    """List the documents that couldn't be taken in, the latest first: why, where, since when, and what would help.

    Then those that hold secrets, as a private key, and the files that were left out because they are secret.
    """
    client = context.client()
    path = f"/v1/sources/{find(client, source)['id']}/failures" if source else "/v1/failures"
    found = client.request("GET", path, limit=limit)
    if as_json:
        print_json(found)
        return
    for failure in found["failures"]:
        _show(failure)
    left = found["total"] - len(found["failures"])
    if left > 0:
        click.echo(f"... and {left} more: --limit shows them.")
    if not found["total"]:
        click.echo("No failures.")
    if found["warnings"]:
        click.echo("Warnings:")
    for warning in found["warnings"]:
        click.echo(f"  {warning['external_id']}: {warning['message']}")
    left = found["total_warnings"] - len(found["warnings"])
    if left > 0:
        click.echo(f"  ... and {left} more: --limit shows them.")


@failures.command(epilog="Example:  footnote failures retry --document hr/leave.pdf")
@click.option("--source", help="Only this source's (id or name).")
@click.option("--document", help="Only this document (id, address, or name as `failures list` shows it).")
@json_option
def retry(source: str | None, document: str | None, as_json: bool) -> None:
    """Try the failed documents again, for example once a full disk or a broken file has been put right."""
    if source and document:
        raise click.UsageError("Give --source or --document, not both.")
    client = context.client()
    which = {"document_id": document} if document else {"source_id": find(client, source)["id"] if source else None}
    answer = client.request("POST", "/v1/failures/retry", **which)
    if as_json:
        print_json(answer)
    elif document and not answer["retried"]:
        click.echo("A sync that is running has it already; `footnote sources list` shows how it goes.")
    else:
        count = answer["retried"]
        said = "1 document is" if count == 1 else f"{count} documents are"
        click.echo(f"{said} being tried again; `footnote sources list` shows how it goes.")


def _show(failure: dict[str, Any]) -> None:
    say(f"{failure['external_id']}: {failure['message']}")
    tried = "once" if failure["attempts"] == 1 else f"{failure['attempts']} times"
    first, last = _minute(failure["first_seen"]), _minute(failure["last_seen"])
    when = f"on {last}" if first == last else f"first on {first}, last on {last}"
    click.echo(f"    {failure['error_class']} in stage {failure['stage']}, tried {tried}, {when} UTC")
    click.echo(f"    {_what_helps(failure)}")


def _what_helps(failure: dict[str, Any]) -> str:
    if failure["stage"] == "list":
        return "Every sync looks at it again."
    if failure["retryable"]:
        return "It may pass by itself: the next sync tries it again."
    return "It is tried again once the document changes, or what reads it."


def _minute(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
