"""``footnote usage``."""

from __future__ import annotations

from typing import Any

import click

from api.cli import context
from api.cli.options import json_option, print_json


@click.command(epilog="Example:  footnote usage --by key --since 2026-03-01 --until 2026-03-31")
@click.option("--by", type=click.Choice(["department", "key", "model", "day"]), default="department", show_default=True)
@click.option("--since", metavar="DAY", help="From this day on (UTC); else the last thirty days.")
@click.option("--until", metavar="DAY", help="To this day, itself included.")
@json_option
def usage(as_json: bool, **wanted: Any) -> None:
    """Show who used how much of the language model, and what it cost at today's prices."""
    given = {name: value for name, value in wanted.items() if value is not None}
    found = context.client().request("GET", "/v1/usage", **given)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['since']} to {found['until']}, by {found['by']}:")
    for one in found["usage"]:
        tokens = f"{one['input_tokens']:,} + {one['output_tokens']:,} tokens"
        cost = "no price" if one["cost"] is None else f"{one['cost']:.2f} {found['currency']}"
        click.echo(f"  {one['name'] or 'unknown'}: {one['answers']:,} answers, {tokens}, {cost}")
    if not found["usage"]:
        click.echo("  No language model was used.")
