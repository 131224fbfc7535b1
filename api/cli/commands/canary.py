"""``footnote canary``."""

from __future__ import annotations

import click

from api.cli import context
from api.cli.options import json_option, print_json


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
    click.echo(f"Candidate {found['id']}, {found['share']} % of conversations: {state}.")
    if found["reason"]:
        click.echo(f"Stopped on {found['stopped_at'][:16].replace('T', ' ')} UTC: {found['reason']}")
    for arm in ("baseline", "candidate"):
        one = found[arm]
        rate = f" ({one['failures'] / one['conversations']:.1%})" if one["conversations"] else ""
        click.echo(
            f"  {arm}: {one['failures']:,} of {one['conversations']:,} conversations began with a failure{rate}; "
            f"of {one['answers']:,} answers {one['errors']:,} errors, {one['unsupported']:,} unsupported"
        )
    told = {"worse": "the candidate fails more often", "better": "the candidate fails less often"}
    verdict = told.get(found["verdict"], "no difference is shown")
    click.echo(f"Over {found['days']} finished days: {verdict} (p = {found['p_value']:.3g}, at any time).")


@canary.command(epilog="Example:  footnote canary stop")
@json_option
def stop(*, as_json: bool) -> None:
    """Take the candidate back for good: conversations go to the baseline within seconds."""
    found = context.client().request("POST", "/v1/canary/stop")
    if as_json:
        print_json(found)
    else:
        click.echo("The candidate is stopped." if found["stopped"] else "It was stopped before.")
