"""``footnote keys``."""

from __future__ import annotations

from typing import Any

import click

from api.cli import context
from api.cli.options import json_option, print_json, readable


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command(epilog="Example:  footnote keys create 'Ida, laptop' --user ida --group hr --group leadership")
@click.argument("name")
@click.option("--user", help="The user that the key reads as.")
@click.option("--group", "groups", multiple=True, help="A group that the user is in. Repeatable.")
@click.option(
    "--admin",
    is_flag=True,
    help="May manage sources and keys, and act for any user. With --user: that user is an administrator.",
)
@json_option
def create(name: str, user: str | None, groups: tuple[str, ...], admin: bool, as_json: bool) -> None:
    """Make a key called NAME. It is shown once: keep it, or make another."""
    body = {
        "name": readable(name, "The name"),
        "user": readable(user, "--user") if user else None,
        "groups": [readable(group, "--group") for group in groups],
        "admin": admin,
    }
    made = context.client().request("POST", "/v1/keys", body)
    if as_json:
        print_json(made)
    else:
        click.echo(made["key"])
        click.echo("This is the only time that the key is shown.", err=True)


@keys.command("list", epilog="Example:  footnote keys list")
@json_option
def list_(as_json: bool) -> None:
    """List the keys: whom each reads as, when it was last used, whether it is revoked."""
    found = context.client().request("GET", "/v1/keys")["keys"]
    if as_json:
        print_json({"keys": found})
        return
    for key in found:
        role = "administrator" if key["admin"] else (key["user"] or "no user")
        groups = f", groups {', '.join(key['groups'])}" if key["groups"] else ""
        click.echo(f"{key['id']}  {key['name']}: {role}{groups}; {_state(key)}")


def _state(key: dict[str, Any]) -> str:
    if key["revoked_at"]:
        named = "; api.admin_key still names it: put another there, or take it out" if key["in_configuration"] else ""
        return f"revoked {key['revoked_at']}{named}"
    used = f"last used {key['last_used_at'] or 'never'}"
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
