"""The settings of a source, as the command line takes them: from a file, option by option, and secrets unseen."""

from __future__ import annotations

import json
import tomllib
from typing import Any, TextIO

import click

from api.cli.options import Command, Decorator, readable, say
from core.errors import InvalidRequest


def settings_options(wrapped: Command) -> Command:
    """Adds ``--config``, ``--set`` and ``--secret``; the command gets them as ``file``, ``pairs`` and ``hidden``."""
    config = click.File(encoding="utf-8")
    options: tuple[Decorator, ...] = (
        click.option("--secret", "hidden", multiple=True, metavar="KEY", help="Ask for it, unseen. Repeatable."),
        click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="One setting. Repeatable."),
        click.option("--config", "file", type=config, help="A TOML or JSON file; - is standard input."),
    )
    for option in options:
        wrapped = option(wrapped)
    return wrapped


def read_settings(file: TextIO | None, pairs: tuple[str, ...], hidden: tuple[str, ...]) -> dict[str, Any]:
    """The settings: those of the file, with the others over them. A key with dots is one within another.

    Raises:
        InvalidRequest: the file is neither TOML nor JSON, or a pair isn't one.
    """
    settings = {} if file is None else _parse(file.read(), file.name)
    for pair in pairs:
        key, equals, value = readable(pair, "--set").partition("=")
        if not (key and equals):
            raise InvalidRequest(f"--set {key!r} is no setting: write KEY=VALUE.")
        _put(settings, key, _value(value))
    for key in hidden:
        _put(settings, readable(key, "--secret"), click.prompt(key, hide_input=True, err=True))
    return settings


def show_documents(documents: list[dict[str, Any]] | None) -> None:
    """Print what a worker found first."""
    for document in documents or []:
        readers = "nobody" if document["readers"] is None else ", ".join(document["readers"]) or "nobody"
        say(f"  {document['title']}  {document['uri']}\n    readers: {readers}")
        if document["fault"]:
            say(f"    can't be taken in: {document['fault']}")
    if documents == []:
        click.echo("  It has no documents so far.")


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except ValueError as error:  # both libraries' errors are of it; theirs repeat nothing but a place
        raise InvalidRequest(f"{name} is neither TOML nor JSON: {error}.") from None
    return dict(found)


def _value(text: str) -> Any:
    """A number, a truth value, a list as JSON has them; else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(settings: dict[str, Any], key: str, value: Any) -> None:
    *outer, last = key.split(".")
    for name in outer:
        settings = settings.setdefault(name, {})
        if not isinstance(settings, dict):
            raise InvalidRequest(f"The setting {key!r} lies in {name!r}, which is a value.")
    settings[last] = value
