"""``footnote index``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from api.cli import context
from api.cli.gating import Gate, gate_options, refused
from api.cli.options import json_option, print_json, readable
from api.cli.progress import Standing, follow
from core.errors import FootnoteError, InvalidRequest

if TYPE_CHECKING:
    from api.cli.client import Client

POLL_S = 0.5
OVER = ("ready", "live", "failed")


@click.group()
def index() -> None:
    """Build the search index anew beside the old one, swap it in, and go back.

    Every generation gets every write until it is dropped, so going back loses nothing; each takes room and, with
    another embedder, the time to embed what is new once more.
    """


@index.command("list", epilog="Example:  footnote index list")
@json_option
def list_(as_json: bool) -> None:
    """List the generations, oldest first; searches read the live one."""
    found = context.client().request("GET", "/v1/index")
    if as_json:
        print_json(found)
        return
    for one in found["generations"]:
        build = one["rebuild"]
        said = "live" if one["live"] else build["state"] if build and build["state"] not in ("live",) else "kept"
        if build and build["state"] in ("filling", "checking"):
            said += f", {build['done']} of {build['total']} documents"
        click.echo(f"{one['name']}  {said}  {one['embedder']} ({one['dimensions']} dimensions)")
        if build and build["error"]:
            click.echo(f"    {build['error']}")


@index.command(epilog="Example:  footnote index rebuild --embedder /models/bge-small-en-v1.5")
@click.option(
    "--embedder", metavar="MODEL", help="A model's name or folder, as the setting embedder.model; else the present one."
)
@click.option("--no-swap", is_flag=True, help="Leave it beside the live one; swap it in with `footnote index swap`.")
@click.option("--no-wait", is_flag=True, help="Return once it has begun.")
@gate_options
@json_option
def rebuild(*, embedder: str | None, no_swap: bool, no_wait: bool, gate: Gate, as_json: bool) -> None:
    """Build a generation from the stored texts while everything goes on, check it, and swap it in.

    Nothing is fetched or parsed again. It is swapped in only if it holds what the live one holds and finds passages by
    their own words; with --gate QUESTIONS, only if it also does well on judged questions of yours.
    """
    if gate.questions is not None and (no_wait or no_swap):
        raise InvalidRequest(
            "--gate waits for the end and decides on the swap: leave --no-wait and --no-swap out. One that was built "
            "so is swapped in by: footnote index swap NAME --gate QUESTIONS."
        )
    weigh = gate.open(quiet=as_json)
    client = context.client()
    model = _model(embedder)
    build = client.request("POST", "/v1/index/rebuild", {"model": model, "swap": not no_swap and weigh is None})
    if not no_wait:
        build = _follow(client, build, quiet=as_json)
    if weigh is not None and build["state"] == "ready":
        build["gate"] = weigh(build["previous"], build["generation"])
        if build["gate"]["passes"]:
            client.request("POST", f"/v1/index/{_name(build['generation'])}/swap")
            build["state"] = "live"
    if as_json:
        print_json(build)
    else:
        _say(build, model)
    if build["state"] == "failed":
        raise FootnoteError(f"{build['generation']} was not swapped in: {build['error']}")
    if "gate" in build and not build["gate"]["passes"]:
        raise refused(build["generation"], build["gate"])


def _say(build: dict[str, Any], model: str | None) -> None:
    if build["state"] == "live":
        click.echo(f"{build['generation']} is live. `footnote index rollback` goes back to {build['previous']}.")
        if model is not None:
            click.echo(f"Set embedder.model to {model} at the next occasion: it saves embedding new documents twice.")
    elif build["state"] == "ready" and "gate" not in build:
        click.echo(f"{build['generation']} is complete: footnote index swap {build['generation']}")
    elif build["state"] not in OVER:
        click.echo(f"{build['generation']} is being built; `footnote index list` shows how it goes.")


@index.command(epilog="Example:  footnote index swap g000002")
@click.argument("name")
@gate_options
@json_option
def swap(name: str, gate: Gate, as_json: bool) -> None:
    """Make the complete generation NAME the live one, at once; with --gate QUESTIONS, only if it does well on them."""
    weigh, client = gate.open(quiet=as_json), context.client()
    weighed = None
    if weigh is not None:
        there = client.request("GET", "/v1/index")["generations"]
        weighed = weigh(next(one["name"] for one in there if one["live"]), name)
        if not weighed["passes"]:
            if as_json:
                print_json({"gate": weighed})
            raise refused(name, weighed)
    live = client.request("POST", f"/v1/index/{_name(name)}/swap")
    if as_json:
        print_json(live if weighed is None else {**live, "gate": weighed})
    else:
        click.echo(f"{live['name']} is live.")


@index.command(epilog="Example:  footnote index rollback")
@json_option
def rollback(as_json: bool) -> None:
    """Go back to the generation that the live one replaced, at once; nothing is lost."""
    live = context.client().request("POST", "/v1/index/rollback")
    print_json(live) if as_json else click.echo(f"{live['name']} is live again.")


@index.command(epilog="Example:  footnote index drop g000001")
@click.argument("name")
@json_option
def drop(name: str, as_json: bool) -> None:
    """Delete the generation NAME, which isn't live; one that is being built is given up."""
    context.client().request("DELETE", f"/v1/index/{_name(name)}")
    print_json({"dropped": name}) if as_json else click.echo(f"Dropped {name}.")


def _name(name: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415

    return quote(readable(name, "NAME"), safe="")


def _model(named: str | None) -> str | None:
    """The model as the service finds it, whatever its working directory."""
    if named is None:
        return None
    from retrieval.embedding.build import lasting_name  # noqa: PLC0415 - brings tokenizers

    return lasting_name(readable(named, "--embedder"))


def _follow(client: Client, build: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    path = f"/v1/index/rebuild/{_name(build['generation'])}"
    goes_on = (
        "The generation is built on in the service; `footnote index list` shows how it goes, "
        f"`footnote index drop {build['generation']}` gives it up."
    )
    return follow(
        build, lambda _: dict(client.request("GET", path)), _standing, poll_s=POLL_S, quiet=quiet, goes_on=goes_on
    )


def _standing(build: dict[str, Any]) -> Standing:
    over = build["state"] in OVER
    why = None if over else build["error"]
    return Standing(over=over, label=build["state"], done=build["done"], total=build["total"], waits_for=why)
