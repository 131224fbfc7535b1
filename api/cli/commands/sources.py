"""``footnote sources``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

import click

from api.cli import context
from api.cli.options import json_option, print_json, readable, say
from api.cli.progress import Standing, follow
from api.cli.source_settings import read_settings, settings_options, show_documents
from api.cli.standings import plan_lines, standing_lines
from core.errors import FootnoteError, NotFound

if TYPE_CHECKING:
    from api.cli.client import Client

POLL_S = 0.25


@click.group()
def sources() -> None:
    """Add, list, sync and remove sources: the folders and systems that documents come from."""


@sources.command("list", epilog="Example:  footnote sources list")
@json_option
def list_(as_json: bool) -> None:
    """List the sources: what they hold, their last and next sync, and what goes on."""
    found = context.client().request("GET", "/v1/sources")["sources"]
    if as_json:
        print_json({"sources": found})
        return
    for source in found:
        say(f"{source['id']}  {source['kind']}  {source['name']}")
        for line in standing_lines(source):
            say(f"    {line}")
    if not found:
        click.echo("No sources yet: `footnote ingest FOLDER` makes one.")


@sources.command(epilog="Example:  footnote sources sync /home/ida/handbook --dry-run")
@click.argument("source")
@click.option("--dry-run", is_flag=True, help="Show what a sync would change, and change nothing.")
@click.option("--full", is_flag=True, help="List from the start, and remove what isn't there any more.")
@click.option("--confirm-delete", is_flag=True, help="Let it delete more than sync.max_deleted_share.")
@json_option
def sync(*, source: str, dry_run: bool, full: bool, confirm_delete: bool, as_json: bool) -> None:
    """Start a sync of SOURCE (its id or its name)."""
    if dry_run and confirm_delete:
        raise click.UsageError("A dry run deletes nothing: leave out --confirm-delete.")
    client = context.client()
    path = f"/v1/sources/{find(client, source)['id']}"
    asked = {"full": full, "dry_run": dry_run, "confirm_delete": confirm_delete}
    run = client.request("POST", f"{path}/sync", **{name: True for name, wanted in asked.items() if wanted})
    if dry_run:
        run = _planned(client, path, run, quiet=as_json)
    if as_json:
        print_json(run)
    elif dry_run:
        for line in plan_lines(run["plan"]):
            say(line)
    else:
        click.echo(f"Sync {run['id']} is {run['state']}; `footnote sources list` shows how it goes.")


@sources.command(epilog="Example:  footnote sources cancel /home/ida/handbook")
@click.argument("source")
@json_option
def cancel(source: str, as_json: bool) -> None:
    """End what goes on for SOURCE. Documents that were not begun are left for its next sync."""
    client = context.client()
    found = find(client, source)
    runs = client.request("POST", f"/v1/sources/{found['id']}/cancel")["runs"]
    if as_json:
        print_json({"runs": runs})
    elif runs:
        click.echo(f"Cancelled {', '.join(run['id'] for run in runs)}: what had begun comes to its end first.")
    else:
        click.echo(f"Nothing goes on for {found['name']}.")


@sources.command(epilog="Example:  footnote sources pause /home/ida/handbook")
@click.argument("source")
@json_option
def pause(source: str, as_json: bool) -> None:
    """Let SOURCE rest: it isn't listed, and no document of it is begun, until `footnote sources resume`.

    Permissions and deletions that are known already still take effect.
    """
    _turn(source, "pause", "{name} rests until `footnote sources resume {name}`.", as_json)


@sources.command(epilog="Example:  footnote sources resume /home/ida/handbook")
@click.argument("source")
@json_option
def resume(source: str, as_json: bool) -> None:
    """Let a paused SOURCE go on where it was."""
    _turn(source, "resume", "{name} goes on.", as_json)


@sources.command(epilog="Example:  footnote sources weight /home/ida/handbook 3")
@click.argument("source")
@click.argument("weight", type=click.IntRange(1, 100))
@json_option
def weight(source: str, weight: int, as_json: bool) -> None:
    """Give SOURCE a share of the workers of WEIGHT, beside those of other sources; it is 1 if nobody says."""
    client = context.client()
    changed = client.request("PATCH", f"/v1/sources/{find(client, source)['id']}", {"weight": weight})
    if as_json:
        print_json(changed)
    else:
        click.echo(f"{changed['name']} has a weight of {changed['weight']}.")


@sources.command(epilog="Example:  footnote sources remove /home/ida/handbook --yes")
@click.argument("source")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def remove(source: str, yes: bool, as_json: bool) -> None:
    """Remove SOURCE (its id or its name) and what was taken in from it. The source's own files stay."""
    client = context.client()
    found = find(client, source)
    if not yes:
        click.confirm(f"Remove {found['name']} and everything taken in from it?", abort=True, err=True)
    client.request("DELETE", f"/v1/sources/{found['id']}")
    if as_json:
        print_json({"removed": found["id"]})
    else:
        click.echo(f"Removed {found['name']}.")


@sources.command(epilog="Example:  footnote sources groups Wiki --user ann@example.com")
@click.argument("source")
@click.option("--user", metavar="ADDRESS", help="Only the groups that this person is in.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Leave out so many before.")
@json_option
def groups(source: str, user: str | None, limit: int, offset: int, as_json: bool) -> None:
    """Show the groups of SOURCE (its id or its name), and how many people it says are in each."""
    client = context.client()
    wanted = None if user is None else readable(user, "--user")
    source_id = find(client, source)["id"]
    found = client.request("GET", f"/v1/sources/{source_id}/groups", user=wanted, limit=limit, offset=offset)
    if as_json:
        print_json(found)
        return
    for group in found["groups"]:
        name = group["name"].removeprefix(f"{source_id}/")
        # Whoever names a group at the source must not write to the administrator's terminal.
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
        click.echo(f"{group['members']:>8}  {shown}")
    if found["total"] > offset + len(found["groups"]):
        click.echo(f"... {found['total']} in all: --offset {offset + limit} shows the next ones.")
    click.echo(_said_of_groups(found["sync"]))


def _said_of_groups(sync: dict[str, Any] | None) -> str:
    if sync is None or not (sync["begun_at"] or sync["error"]):
        return "Its groups haven't been read yet."
    if not sync["has_groups"]:
        return "A source of this kind has no groups of its own."
    left_out = f"; {sync['left_out']} members or groups left out" if sync["left_out"] else ""
    said = f"As of {sync['done_at']}{left_out}." if sync["done_at"] else "They couldn't be read so far."
    return f"{said} The last {sync['failures']} readings failed: {sync['error']}" if sync["error"] else said


@sources.command(epilog="Example:  footnote sources add confluence Wiki --config wiki.toml --secret token")
@click.argument("kind")
@click.argument("name")
@settings_options
@click.option("--interval-s", type=int, help="Seconds between syncs.")
@click.option("--no-check", is_flag=True, help="Don't have a worker try the settings out first.")
@click.option("--sync", "begin", is_flag=True, help="Start the first sync at once.")
@json_option
def add(
    *,
    kind: str,
    name: str,
    file: TextIO | None,
    pairs: tuple[str, ...],
    hidden: tuple[str, ...],
    interval_s: int | None,
    no_check: bool,
    begin: bool,
    as_json: bool,
) -> None:
    """Add a source of a KIND (as s3, sql, confluence) under a NAME. A worker tries its settings out first."""
    body: dict[str, Any] = {"kind": kind, "name": readable(name, "NAME"), "config": read_settings(file, pairs, hidden)}
    if interval_s is not None:
        body["interval_s"] = interval_s
    made = context.client().request("POST", "/v1/sources", body, check=not no_check, sync=begin)
    if as_json:
        print_json(made)
        return
    click.echo(f"Added {made['name']} ({made['id']}).")
    show_documents(made["documents_found"])
    if not begin:
        click.echo(f"`footnote sources sync {made['id']}` takes it in now; else the schedule does.")


@sources.command(epilog="Example:  footnote sources check s3 --set bucket=handbook --secret secret_key")
@click.argument("source")
@settings_options
@json_option
def check(*, source: str, file: TextIO | None, pairs: tuple[str, ...], hidden: tuple[str, ...], as_json: bool) -> None:
    """Have a worker try settings out: of SOURCE (its id or name) as it is, or of a kind of source as given."""
    client = context.client()
    config = read_settings(file, pairs, hidden)
    body = {"kind": source, "config": config} if config else {"source_id": find(client, source)["id"]}
    found = client.request("POST", "/v1/sources/check", body)
    if as_json:
        print_json(found)
    elif found["reason"] is None:
        click.echo("It answers, and lets Footnote in.")
        show_documents(found["documents"])
    if found["reason"] is not None:
        raise FootnoteError(found["reason"])


@sources.command("rotate-secrets", epilog="Example:  footnote sources rotate-secrets")
@json_option
def rotate_secrets(as_json: bool) -> None:
    """Encrypt the secrets of all sources with the newest key (sources.secret_key, or the first line of its file).

    Give the service and the workers both keys first: the new one, and the former one in sources.former_secret_keys or
    on the file's second line. Once this has run, the former one can go.
    """
    renewed = context.client().request("POST", "/v1/sources/rotate-secrets")["renewed"]
    if as_json:
        print_json({"renewed": renewed})
    else:
        click.echo(f"Encrypted the secrets of {renewed} source{'' if renewed == 1 else 's'} with the newest key.")


def find(client: Client, named: str) -> dict[str, Any]:
    """The source with this id or name.

    Raises:
        NotFound: there is none.
    """
    wanted = readable(named, "The source's name")
    for source in client.request("GET", "/v1/sources")["sources"]:
        if wanted in (source["id"], source["name"]):
            return dict(source)
    raise NotFound(f"No source has the id or name {wanted!r}: `footnote sources list` shows them.")


def _turn(source: str, what: str, said: str, as_json: bool) -> None:
    client = context.client()
    changed = client.request("POST", f"/v1/sources/{find(client, source)['id']}/{what}")
    if as_json:
        print_json(changed)
    else:
        say(said.format(name=changed["name"]))


def _planned(client: Client, path: str, run: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Wait for a dry run to end.

    Raises:
        FootnoteError: it failed, or was cancelled.
    """

    def look(known: dict[str, Any]) -> dict[str, Any]:
        runs = client.request("GET", f"{path}/runs")["runs"]
        return next((dict(other) for other in runs if other["id"] == known["id"]), known)

    def standing(run: dict[str, Any]) -> Standing:
        over = run["finished_at"] is not None
        return Standing(over=over, label="Looking", done=0, total=None, waits_for=run["waiting"])

    goes_on = "The dry run goes on in the service; `footnote sources cancel` ends it."
    done = follow(run, look, standing, poll_s=POLL_S, quiet=quiet, goes_on=goes_on)
    if done["plan"] is None:
        raise FootnoteError(done["error"] or f"The dry run was {done['state']}.")
    return done
