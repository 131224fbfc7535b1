"""``footnote ask``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from api.cli import context
from api.cli.client import Event
from api.cli.options import Reader, Scope, json_option, print_json, question_from, reader_options, say, scope_options
from api.cli.places import place_of

QUOTE_CHARS = 300


@click.command(
    epilog="Example:  footnote ask 'How many days of parental leave do I get?' --as ida --group hr --department HR"
)
@click.argument("question")
@reader_options
@scope_options
@json_option
def ask(*, question: str, reader: Reader, scope: Scope, as_json: bool) -> None:
    """Ask QUESTION (- reads it from standard input) and stream the answer, with a footnote for each claim.

    Without --as and --group, you see what is public.
    """
    body = scope.into({"question": question_from(question)})
    client = context.client(reader)
    if as_json:
        print_json(client.request("POST", "/v1/answers", body))
        return
    show(client.answer(body))


def show(events: Iterable[Event]) -> None:
    """Print an answer as it comes: its text with marks, then the footnotes, then what it had to do without."""
    sources: dict[int, dict[str, Any]] = {}
    citations: list[dict[str, Any]] = []
    marked: set[int] = set()
    for event in events:
        if event.name == "sources":
            sources = {source["number"]: source for source in event.data["sources"]}
        elif event.name == "token":
            say(event.data["text"], nl=False)
            marked.clear()
        elif event.name == "citation":
            if event.data["number"] not in marked:
                say(f"[{event.data['number']}]", nl=False)
            marked.add(event.data["number"])
            citations.append(event.data)
        elif event.name == "abstain":
            _abstain(event.data)
        elif event.name == "done":
            say()
            _footnotes(citations, sources)
            if event.data.get("finish_reason") == "length":
                say("(The answer was cut off: it had reached the greatest length allowed, llm.max_tokens.)", err=True)
            for said in (*(event.data.get("notices") or ()), *(event.data.get("degraded") or ())):
                say(f"({said})", err=True)


def _footnotes(citations: list[dict[str, Any]], sources: dict[int, dict[str, Any]]) -> None:
    for number in sorted({citation["number"] for citation in citations}):
        mine = [citation for citation in citations if citation["number"] == number]
        source = sources.get(number, {})
        # A passage may run over several pages, sections and rows; the quotes are in some of them.
        for at, quotes in enumerate(_by_section([{**source, **citation} for citation in mine])):
            cells = list(dict.fromkeys(cell for quote in quotes for cell in quote.get("cells") or ()))
            place = place_of({**quotes[0], "cells": cells})
            say(f"    also in {place.removeprefix(', ')}" if at else f"\n[{number}] {source.get('title', '')}{place}")
            for quote in dict.fromkeys(_short(quote["quote"]) for quote in quotes):
                say(f'    "{quote}"')
        say(f"    {source.get('uri', '')}")


def _by_section(quotes: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    """The quotes of one page and section together, in the order of the answer."""
    sections: dict[object, list[dict[str, Any]]] = {}
    for quote in quotes:
        sections.setdefault((quote.get("page"), tuple(quote.get("heading_path") or ())), []).append(quote)
    return sections.values()


def _short(quote: str) -> str:
    flat = " ".join(quote.split())
    return flat if len(flat) <= QUOTE_CHARS else flat[: QUOTE_CHARS - 1].rstrip() + "…"


def _abstain(data: dict[str, Any]) -> None:
    say(f"No answer: {data['reason']}", nl=False)
    nearest = data.get("nearest") or ()
    if nearest:
        say("\nThe passages that came nearest:", nl=False)
    for near in nearest:
        say(f"\n  - {near['title']}{place_of(near)}", nl=False)
        say(f'\n    "{_short(near["quote"])}"\n    {near["uri"]}', nl=False)
