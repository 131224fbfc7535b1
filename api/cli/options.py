"""Options that several commands share, and checks of what they are given."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar, cast

import click

from core.errors import InvalidRequest
from generation.prompts.inert import visible

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]

json_option = click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is asking; with ``key``, or else with this machine's administrator key."""

    user: str | None
    groups: tuple[str, ...]
    key: str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look in, in the form that the API takes; None where nothing was said."""

    filters: dict[str, Any] | None
    pipeline: str | None

    def into(self, body: dict[str, Any]) -> dict[str, Any]:
        """The request's body with what was said added."""
        said = {"filters": self.filters, "pipeline": self.pipeline}
        return {**body, **{key: value for key, value in said.items() if value}}


def reader_options(wrapped: Command) -> Command:
    """Adds ``--as``, ``--group`` and ``--key``; the command gets them as ``reader: Reader``."""

    @functools.wraps(wrapped)
    def gathered(*, user: str | None, groups: tuple[str, ...], key: str | None, **others: Any) -> Any:
        return wrapped(reader=Reader(user, groups, key), **others)

    command = cast("Command", gathered)
    options: tuple[Decorator, ...] = (
        click.option("--key", help="Ask with this API key instead of this machine's administrator key."),
        click.option("--group", "groups", multiple=True, metavar="GROUP", help="... who is in this group. Repeatable."),
        click.option("--as", "user", metavar="USER", help="Ask as this user sees it."),
    )
    for option in options:
        command = option(command)
    return command


def scope_options(wrapped: Command) -> Command:
    """Adds the filters and ``--pipeline``; the command gets them as ``scope: Scope``."""

    @functools.wraps(wrapped)
    def gathered(*, pipeline: str | None, **others: Any) -> Any:
        names = ("departments", "authors", "since", "until", "types", "tags")
        filters = filters_from(**{name: others.pop(name) for name in names})
        return wrapped(scope=Scope(filters, readable(pipeline, "--pipeline") if pipeline else None), **others)

    command = cast("Command", gathered)
    options: tuple[Decorator, ...] = (
        click.option("--pipeline", help="How to search: lexical, vector, hybrid or hybrid+rerank."),
        click.option("--tag", "tags", multiple=True, help="Only documents with this tag. Repeatable."),
        click.option("--type", "types", multiple=True, help="Only this kind of document, as pdf. Repeatable."),
        click.option("--until", metavar="DATE", help="Only documents last changed on or before this day."),
        click.option("--since", metavar="DATE", help="Only documents last changed on or after this day (YYYY-MM-DD)."),
        click.option("--author", "authors", multiple=True, help="Only what this person wrote. Repeatable."),
        click.option("--department", "departments", multiple=True, help="Only this department's. Repeatable."),
    )
    for option in options:
        command = option(command)
    return command


def filters_from(
    *,
    departments: tuple[str, ...],
    authors: tuple[str, ...],
    since: str | None,
    until: str | None,
    types: tuple[str, ...],
    tags: tuple[str, ...],
) -> dict[str, Any] | None:
    """The filters in the form that the API takes; None when there are none.

    Raises:
        InvalidRequest: a date that isn't one, or text that isn't UTF-8.
    """
    named = {"department": departments, "author": authors, "document_type": types, "tags": tags}
    filters: dict[str, Any] = {
        key: [readable(value, f"The filter {key}") for value in values] for key, values in named.items() if values
    }
    days = {"from": _day("--since", since), "to": _day("--until", until)}
    if any(days.values()):
        filters["modified"] = {side: day for side, day in days.items() if day}
    return filters or None


def _day(option: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidRequest(
            f"{option} takes a day as YYYY-MM-DD, for example 2025-03-31; {readable(text, option)!r} isn't one."
        ) from None


def question_from(text: str) -> str:
    """The question on the command line, or on standard input when it is ``-``.

    Raises:
        InvalidRequest: it is empty or not UTF-8.
    """
    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    question = readable(text, "The question").strip()
    if not question:
        raise InvalidRequest("The question is empty: put it in quotes, as in footnote ask 'How do I book a trip?'")
    return question


def readable(text: str, what: str) -> str:
    """The text, if it can be sent as UTF-8.

    Raises:
        InvalidRequest: it holds bytes that are not UTF-8 (Python keeps those of an argument as lone surrogates).
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"{what} isn't valid UTF-8 at character {error.start + 1}: check the terminal's or the script's encoding."
        ) from None
    return text


def say(text: str = "", *, nl: bool = True, err: bool = False, bold: bool = False) -> None:
    """Print what documents or models wrote: a terminal must not take any of it for a command.

    ``bold`` is for terminals; in a file or pipe the text is as it is.
    """
    shown = visible(text)
    click.echo(click.style(shown, bold=True) if bold else shown, nl=nl, err=err)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
