"""``footnote ingest``."""

from __future__ import annotations

import glob
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli import context
from api.cli.options import json_option, print_json, readable, say
from api.cli.progress import Standing, follow
from core.errors import FootnoteError, InvalidRequest

if TYPE_CHECKING:
    from api.cli.client import Client

POLL_S = 0.25
COUNT_S = 2.0
STILL_S = 5.0
"""After so long without progress, and again each time, it is asked what may be the reason."""
SHOWN_FAILURES = 20
OUTCOMES = ("indexed", "unchanged", "failed", "deleted", "superseded")


@click.command(epilog="Example:  footnote ingest ~/handbook ~/policies/travel.pdf --department HR --acl group:hr")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--acl", "acl", multiple=True, metavar="TERM", help="Who may read: public, user:ID, group:ID. Repeatable."
)
@click.option("--department", help="The department of documents that don't say.")
@click.option("--tag", "tags", multiple=True, help="A tag for all of them. Repeatable.")
@click.option("--no-wait", is_flag=True, help="Return once the sync has begun.")
@json_option
def ingest(
    *,
    paths: tuple[str, ...],
    acl: tuple[str, ...],
    department: str | None,
    tags: tuple[str, ...],
    no_wait: bool,
    as_json: bool,
) -> None:
    """Take in every document under each PATH (a folder or a file), and keep it in sync from then on.

    A path that was taken in before is synced again: only what changed is read. Documents that can't be read are
    listed with the reason; the exit status is 1 when a sync failed, or when not one document came through.
    """
    places = [_config(path, acl, department, tags) for path in paths]
    client = context.client()
    results = [_ingest(client, name, config, wait=not no_wait, quiet=as_json) for name, config in places]
    if as_json:
        print_json({"sources": results})
    else:
        for result in results:
            _show(result, waited=not no_wait)
    failed = [result for result in results if not no_wait and _in_vain(result["run"])]
    if failed:
        raise FootnoteError(
            f"{failed[0]['source']['name']}: {failed[0]['run'].get('error') or 'no document could be read'}; "
            "once that is put right, run the same command again."
        )


def _config(
    text: str, acl: tuple[str, ...], department: str | None, tags: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """The name and the configuration of the folder source for a path.

    Raises:
        InvalidRequest: the path is blank, isn't there, is an empty folder, or isn't UTF-8.
    """
    if not text.strip():
        # Else it would be the present folder.
        raise InvalidRequest("A path is empty: name a folder or a file.")
    path = Path(readable(text, "The path")).expanduser()
    try:
        path, config = _place(path)
    except OSError as error:
        raise InvalidRequest(f"{text} can't be looked at ({error.strerror}): open it to yourself first.") from error
    if acl:
        config["default_acl"] = [readable(term, "--acl") for term in acl]
    if department:
        config["department"] = readable(department, "--department")
    if tags:
        config["tags"] = [readable(tag, "--tag") for tag in tags]
    return str(path), config


def _place(path: Path) -> tuple[Path, dict[str, Any]]:
    """The real path, and which files of which folder that is."""
    if not path.exists():
        raise InvalidRequest(f"{path} isn't there: check the spelling, or give the absolute path.")
    path = path.resolve()
    if path.is_dir():
        if not any(entry.is_file() for entry in path.rglob("*")):
            raise InvalidRequest(f"{path} holds no files: put documents into it, or name another folder.")
        return path, {"path": str(path)}
    if not path.is_file():
        raise InvalidRequest(f"{path} is neither a folder nor a file.")
    return path, {"path": str(path.parent), "include": [glob.escape(path.name)]}


def _ingest(client: Client, name: str, config: dict[str, Any], *, wait: bool, quiet: bool) -> dict[str, Any]:
    source = _source(client, name, config)
    run = client.request("POST", f"/v1/sources/{source['id']}/sync")
    found: dict[str, list[Any]] = {"failures": [], "warnings": []}
    if wait:
        run = _follow(client, source["id"], run, name, quiet=quiet)
        if run["failed"] or run["warned"]:
            listed = client.request("GET", f"/v1/sources/{source['id']}/failures", limit=SHOWN_FAILURES)
            found = {kind: listed[kind] for kind in found}
    public = client.request("GET", f"/v1/sources/{source['id']}")["public"] if wait else None
    return {"source": source, "run": run, **found, "public": public}


def _source(client: Client, name: str, config: dict[str, Any]) -> dict[str, Any]:
    """The folder source of this path, made if there is none; options that were given replace what it had."""
    for source in client.request("GET", "/v1/sources")["sources"]:
        had = source["config"]
        same_files = had.get("include", ["**/*"]) == config.get("include", ["**/*"])
        if source["kind"] == "folder" and had.get("path") == config["path"] and same_files:
            wanted = {**had, **config}
            if wanted == had:
                return dict(source)
            return dict(client.request("PATCH", f"/v1/sources/{source['id']}", {"config": wanted}, documents=0))
    # The worker says at once whether it can read the folder; what is in it, the sync says.
    made = {"kind": "folder", "name": name, "config": config}
    return dict(client.request("POST", "/v1/sources", made, documents=0))


def _follow(client: Client, source_id: str, run: dict[str, Any], name: str, *, quiet: bool) -> dict[str, Any]:
    delays, read = _Delays(client), _Read(client, source_id)

    def look(known: dict[str, Any]) -> dict[str, Any]:
        runs = client.request("GET", f"/v1/sources/{source_id}/runs")["runs"]
        return next((dict(other) for other in runs if other["id"] == known["id"]), known)

    def standing(run: dict[str, Any]) -> Standing:
        return Standing(
            over=run["finished_at"] is not None,
            label=Path(name).name or name,
            done=sum(run[count] for count in OUTCOMES),
            total=run["seen"] or None,
            half_done=read.count(),
            half="read",
            waits_for=delays.why(run),
        )

    goes_on = (
        f"The sync of {name} goes on in the service; `footnote sources list` shows how it goes. `footnote down` stops "
        f"it until the next `footnote up`; `footnote sources remove {shlex.quote(name)}` cancels it, and removes what "
        "was taken in."
    )
    return follow(run, look, standing, poll_s=POLL_S, quiet=quiet, goes_on=goes_on)


class _Read:
    """How many documents of a source have been read and wait for their vectors: the first half of the work."""

    def __init__(self, client: Client, source_id: str) -> None:
        self._client = client
        self._path = f"/v1/sources/{source_id}"
        self._count = 0
        self._asked = -COUNT_S

    def count(self) -> int:
        """As it was lately: counting documents costs the catalog more than looking at a run."""
        if time.monotonic() >= self._asked + COUNT_S:
            self._asked = time.monotonic()
            self._count = self._client.request("GET", self._path)["documents"].get("parsed", 0)
        return self._count


class _Delays:
    """Finds out why a run doesn't move: the run says, or else the service's dependencies do."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._counts: list[int] = []
        self._moved = time.monotonic()
        self._asked = 0.0
        self._faults: str | None = None

    def why(self, run: dict[str, Any]) -> str | None:
        """What the run waits for; None while it moves, or when nothing is known to be wrong."""
        if run["finished_at"] is not None:
            return None
        now, counts = time.monotonic(), [run[count] for count in ("seen", *OUTCOMES)]
        if counts != self._counts:
            self._counts, self._moved, self._faults = counts, now, None
        elif min(now - self._moved, now - self._asked) > STILL_S:
            self._asked = now
            state = self._client.readiness() or {"dependencies": {}}
            found = state["dependencies"].items()
            down = [f"{name}: {one['detail'] or 'down'}" for name, one in found if one["state"] == "down"]
            self._faults = "; ".join(down) or None
        return run.get("waiting") or self._faults


def counted(run: dict[str, Any]) -> str:
    """A run's counts: each document that was seen is in one of them, and those tried again are told besides."""
    again = f" ({run['retried']} of them tried again)" if run["retried"] else ""
    warned = f"; {run['warned']} with a warning about secrets" if run["warned"] else ""
    counts = [count for count in ("seen", *OUTCOMES) if count != "superseded" or run[count]]
    return ", ".join(f"{run[count]} {count}" for count in counts) + again + warned


def _readers(public: int) -> str:
    """Who can read what was taken in."""
    if not public:
        return "None of its documents is public: each is for those whom its access list names."
    is_public = "1 of its documents is public" if public == 1 else f"{public} of its documents are public"
    return f"{is_public}: whoever may use this Footnote can read it. --acl, or a sidecar, names fewer readers."


def _in_vain(run: dict[str, Any]) -> bool:
    return bool(run.get("error")) or bool(run["failed"] and not run["indexed"] and not run["unchanged"])


def _show(result: dict[str, Any], *, waited: bool) -> None:
    run, name = result["run"], result["source"]["name"]
    if not waited:
        click.echo(f"{name}: the sync has begun; `footnote sources list` shows how it goes.")
        return
    click.echo(f"{name}: {counted(run)}")
    click.echo(f"  {_readers(result['public'])}")
    for failure in result["failures"]:
        again = " (will be tried again)" if failure.get("retryable") else ""
        say(f"  failed: {failure['external_id']}: {failure['message']}{again}")
    for warning in result["warnings"]:
        say(f"  warning: {warning['external_id']}: {warning['message']}")
    if run["failed"] > len(result["failures"]) or run["warned"] > len(result["warnings"]):
        click.echo("  ... `footnote failures list` shows all of them.")
