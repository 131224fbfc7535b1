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
            for part in event.data.get("degraded") or ():
                say(f"({part})", err=True)


def _footnotes(citations: list[dict[str, Any]], sources: dict[int, dict[str, Any]]) -> None:
    for number in sorted({citation["number"] for citation in citations}):
        mine = [citation for citation in citations if citation["number"] == number]
        source = sources.get(number, {})
        # A passage may run over several pages, or rows; the quotes are on some of them.
        page = next((citation["page"] for citation in mine if citation.get("page")), source.get("page"))
        cells = list(dict.fromkeys(cell for citation in mine for cell in citation.get("cells") or ()))
        say(f"\n[{number}] {source.get('title', '')}{place_of({**source, 'page': page, 'cells': cells})}")
        for quote in dict.fromkeys(_short(citation["quote"]) for citation in mine):
            say(f'    "{quote}"')
        say(f"    {source.get('uri', '')}")


def _short(quote: str) -> str:
    flat = " ".join(quote.split())
    return flat if len(flat) <= QUOTE_CHARS else flat[: QUOTE_CHARS - 1].rstrip() + "…"


def _abstain(data: dict[str, Any]) -> None:
    say(f"No answer: {data['reason']}", nl=False)
    nearest = data.get("nearest") or ()
    if nearest:
        say("\nNearest documents:", nl=False)
    for source in nearest:
        say(f"\n  - {source['title']}{place_of(source)}  {source['uri']}", nl=False)
