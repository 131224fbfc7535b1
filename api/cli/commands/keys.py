"""``footnote keys``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from api.cli import context
from api.cli.options import json_option, print_json, readable
from core.errors import InvalidRequest
from core.roles import Role

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@click.group()
def keys() -> None:
    """Create, rotate, list and revoke API keys."""


@keys.command(
    epilog="Example:  footnote keys create 'Ida, laptop' --user ida --group hr --group leadership --expires 90d"
)
@click.argument("name")
@click.option("--user", help="The user that the key reads as.")
@click.option("--group", "groups", multiple=True, help="A group that the user is in. Repeatable.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([*Role]),
    help="What it may do beside reading; `admin` may do everything. Repeatable. Left out: reader.",
)
@click.option("--admin", is_flag=True, help="Short for --role admin. With --user: that user is an administrator.")
@click.option("--act", is_flag=True, help="It may speak for others, with their rights alone.")
@click.option(
    "--scope",
    "routes",
    multiple=True,
    help="Limit it to routes by the first part of their path, as search or sources:read. Repeatable.",
)
@click.option("--source", "sources", multiple=True, help="Limit it to a source, by its id. Repeatable.")
@click.option("--expires", help="When it ends: a date (2027-01-31), or a time from now (90d, 12h).")
@json_option
def create(
    *,
    name: str,
    user: str | None,
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    admin: bool,
    act: bool,
    routes: tuple[str, ...],
    sources: tuple[str, ...],
    expires: str | None,
    as_json: bool,
) -> None:
    """Make a key called NAME. It is shown once: keep it, or make another."""
    body = {
        "name": readable(name, "The name"),
        "user": readable(user, "--user") if user else None,
        "groups": [readable(group, "--group") for group in groups],
        "roles": list(roles),
        "admin": admin,
        "may_act": act,
        "routes": [readable(route, "--scope") for route in routes],
        "sources": [readable(source, "--source") for source in sources],
        "expires_at": _moment(expires) if expires else None,
    }
    _show(context.client().request("POST", "/v1/keys", body), as_json)


@keys.command(epilog="Example:  footnote keys rotate 3f6c2a --overlap 7d")
@click.argument("key_id")
@click.option("--overlap", default="1d", show_default=True, help="How long the former key goes on, as 12h or 7d.")
@json_option
def rotate(key_id: str, overlap: str, as_json: bool) -> None:
    """Make a key that opens what another one does; that one ends after the overlap."""
    body = {"overlap_s": int(_span(overlap, "--overlap").total_seconds())}
    _show(context.client().request("POST", f"/v1/keys/{readable(key_id, 'The id')}/rotate", body), as_json)


def _show(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        click.echo(made["key"])
        click.echo("This is the only time that the key is shown.", err=True)


def _moment(text: str) -> str:
    """A date's end, or a time from now, as RFC 3339 writes it."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return (datetime.now(UTC) + _span(text, "--expires")).isoformat()
    return (day + timedelta(days=1)).isoformat()


def _span(text: str, option: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"{option} {text[:40]!r} is no time: write 90d, 12h or 30m, or for an end a date.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@keys.command("list", epilog="Example:  footnote keys list")
@json_option
def list_(as_json: bool) -> None:
    """List the keys: whom each reads as, what it may do, when it was last used, whether it has ended."""
    found = context.client().request("GET", "/v1/keys")["keys"]
    if as_json:
        print_json({"keys": found})
        return
    for key in found:
        click.echo(f"{key['id']}  {key['name']}: {_rights(key)}; {_state(key)}")


def _rights(key: dict[str, Any]) -> str:
    who = "administrator" if key["admin"] else (key["user"] or "no user")
    said = [who, *(role for role in key["roles"] if role not in ("reader", "admin"))]
    if key["groups"]:
        said.append(f"groups {', '.join(key['groups'])}")
    if key["may_act"]:
        said.append("may act for others")
    if limits := [*key["routes"], *key["sources"]]:
        said.append(f"only {' '.join(limits)}")
    return ", ".join(said)


def _state(key: dict[str, Any]) -> str:
    if key["revoked_at"]:
        named = "; api.admin_key still names it: put another there, or take it out" if key["in_configuration"] else ""
        return f"revoked {key['revoked_at']}{named}"
    ends = key["expires_at"]
    used = f"last used {key['last_used_at'] or 'never'}"
    if ends:
        over = datetime.fromisoformat(ends) <= datetime.now(UTC)
        used = f"{'expired' if over else 'expires'} {ends}, {used}"
    if key["from_configuration"] and not key["in_configuration"]:
        return f"refused, the service's configuration no longer names it; {used}"
    return used


@keys.command(epilog="Example:  footnote keys revoke 3f6c2a")
@click.argument("key_id")
@json_option
def revoke(key_id: str, as_json: bool) -> None:
    """Revoke the key with this id (see `footnote keys list`). It stops working at once."""
    context.client().request("DELETE", f"/v1/keys/{readable(key_id, 'The id')}")
    if as_json:
        print_json({"revoked": key_id})
    else:
        click.echo(f"Revoked {key_id}.")
