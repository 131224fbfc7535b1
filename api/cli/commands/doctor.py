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
@click.option("--index", "index", is_flag=True, help="Compare the catalog with the search index instead.")
@click.option(
    "--repair",
    is_flag=True,
    help="With --index: put right what differs, and delete from the index what the catalog doesn't know.",
)
@json_option
def doctor(index: bool, repair: bool, as_json: bool) -> None:
    """Look at what Footnote needs on this machine: what is there, what isn't, and the line that installs it.

    Exits with status 1 if something is missing without which Footnote can't run. It starts nothing and changes nothing.

    With --index, compare every document of the catalog with what the index holds of it: documents that the catalog
    doesn't know, that are of another version, that others may read, and chunks that are missing or should be gone.
    Exits with status 1 if something differs. Nothing is changed without --repair. With it, what the catalog doesn't
    know is deleted from the index; what is of a later version than it knows is hidden until its source is listed
    again; the workers read again what is missing.
    """
    if repair and not index:
        raise click.UsageError("--repair goes with --index.")
    if index:
        _compare(repair=repair, as_json=as_json)
        return
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


_MEANING = {
    "unknown": "in the index, and not in the catalog",
    "newer": "of later versions than the catalog knows",
    "permissions": "readable by others than they should be",
    "missing": "with chunks that the index lacks",
    "stale": "with chunks that should be gone",
}
_EXAMPLES = 10


def _compare(*, repair: bool, as_json: bool) -> None:
    from api.doctor import compare_index  # noqa: PLC0415

    checked = 0
    found: dict[str, list[str]] = {kind: [] for kind in _MEANING}
    counts = dict.fromkeys(_MEANING, 0)
    for page in compare_index(context.settings(), repair=repair):
        checked += page.checked
        for one in page.differences:
            counts[one.kind] += 1
            if len(found[one.kind]) < _EXAMPLES:
                found[one.kind].append(one.document_id)
    differ = any(counts.values())
    if as_json:
        print_json({"ok": not differ, "checked": checked, "counts": counts, "examples": found, "repaired": repair})
    else:
        click.echo(f"{checked} documents compared: " + ("some differ." if differ else "catalog and index agree."))
        for kind, count in counts.items():
            if count:
                click.echo(f"{count:>8} {_MEANING[kind]}, as {', '.join(found[kind][:3])}")
        if differ:
            said = "This was put right." if repair else "Put it right with: footnote doctor --index --repair"
            click.echo(said)
    if differ and not repair:
        raise click.exceptions.Exit(1)
