"""``footnote doctor``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from api.cli import context
from api.cli.options import json_option, print_json

if TYPE_CHECKING:
    from api.doctor import Finding


@click.command(epilog="Example:  footnote doctor")
@json_option
def doctor(as_json: bool) -> None:
    """Look at what Footnote needs on this machine: what is there, what isn't, and the line that installs it.

    Exits with status 1 if something is missing without which Footnote can't run. It starts nothing and changes nothing.
    """
    from rich.console import Console  # noqa: PLC0415

    from api.doctor import examine, manager  # noqa: PLC0415

    found = []
    with Console(stderr=True, quiet=as_json).status("Looking") as display:
        for finding in examine(context.settings()):
            found.append(finding)
            display.update(f"Looking: {finding.name}")
    failed = [finding.name for finding in found if finding.required and not finding.ok]
    if as_json:
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in found]})
    else:
        for finding in found:
            _show(finding, manager())
    if failed:
        raise click.exceptions.Exit(1)


def _show(finding: Finding, manager: str) -> None:
    mark = "ok" if finding.ok else "MISSING" if finding.required else "missing"
    click.echo(f"{mark:<8} {finding.name}: {finding.detail}")
    if finding.ok:
        return
    if finding.needed_for:
        click.echo(f"{'':<8}   needed for {finding.needed_for}")
    lines = finding.install
    for name in sorted(lines, key=lambda name: name != manager):
        systems = {"apt": "Debian, Ubuntu", "dnf": "Fedora", "brew": "macOS", "any": "everywhere"}
        click.echo(f"{'':<8}   {systems[name]}: {lines[name]}")
