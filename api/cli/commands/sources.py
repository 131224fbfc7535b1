"""``footnote sources``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

import click

from api.cli import context
from api.cli.commands.ingest import counted
from api.cli.options import json_option, print_json, readable
from api.cli.source_settings import read_settings, settings_options, show_documents
from core.errors import FootnoteError, NotFound

if TYPE_CHECKING:
    from api.cli.client import Client


@click.group()
def sources() -> None:
    """Add, list, sync and remove sources: the folders and systems that documents come from."""


@sources.command("list", epilog="Example:  footnote sources list")
@json_option
def list_(as_json: bool) -> None:
    """List the sources, each with its last sync."""
    client = context.client()
    found = [
        {**source, "last_run": _last_run(client, source["id"])}
        for source in client.request("GET", "/v1/sources")["sources"]
    ]
    if as_json:
        print_json({"sources": found})
        return
    for source in found:
        run = source["last_run"]
        said = f"{counted(run)} ({run['state']})" if run else "never synced"
        click.echo(f"{source['id']}  {source['kind']}  {source['name']}\n    {said}")
    if not found:
        click.echo("No sources yet: `footnote ingest FOLDER` makes one.")


@sources.command(epilog="Example:  footnote sources sync /home/ida/handbook")
@click.argument("source")
@json_option
def sync(source: str, as_json: bool) -> None:
    """Start a sync of SOURCE (its id or its name)."""
    client = context.client()
    run = client.request("POST", f"/v1/sources/{find(client, source)['id']}/sync")
    if as_json:
        print_json(run)
    else:
        click.echo(f"Sync {run['id']} is {run['state']}; `footnote sources list` shows how it goes.")


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


def _last_run(client: Client, source_id: str) -> dict[str, Any] | None:
    runs = client.request("GET", f"/v1/sources/{source_id}/runs", limit=1)["runs"]
    return runs[0] if runs else None
