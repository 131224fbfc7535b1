"""``footnote search``."""

from __future__ import annotations

from typing import Any

import click

from api.cli import context
from api.cli.options import Reader, Scope, json_option, print_json, question_from, reader_options, say, scope_options

TEXT_CHARS = 240


@click.command(epilog="Example:  footnote search 'hotel limit' --type pdf --limit 5")
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True, help="How many passages.")
@reader_options
@scope_options
@json_option
def search(*, query: str, limit: int, reader: Reader, scope: Scope, as_json: bool) -> None:
    """Show the passages that QUERY finds, with the rank and score of each leg. No model writes anything."""
    body = scope.into({"query": question_from(query), "limit": limit})
    found = context.client(reader).request("POST", "/v1/search", body)
    if as_json:
        print_json(found)
        return
    for place, hit in enumerate(found["hits"], start=1):
        _show(place, hit)
    if not found["hits"]:
        say("Nothing found that you may read.")
    for said in (*(found.get("notices") or ()), *(found.get("degraded") or ())):
        say(f"({said})", err=True)


def _show(place: int, hit: dict[str, Any]) -> None:
    say(f"{place:>3}. {hit['title']}{place_of(hit)}")
    legs = []
    for leg in ("lexical", "vector", "rerank"):
        rank, score = hit["ranks"].get(leg), hit["scores"].get(leg)
        if rank is not None:
            legs.append(f"{leg} #{rank}" + (f" ({score:.3f})" if score is not None else ""))
    say(f"     score {hit['score']:.4f}: {', '.join(legs)}")
    text = " ".join(hit["text"].split())
    say(f"     {text[:TEXT_CHARS]}{'…' if len(text) > TEXT_CHARS else ''}")
    say(f"     {hit['uri']}")
    for other in hit.get("duplicates") or ():
        title = f"{other['title']}, " if other["title"] != hit["title"] else ""
        say(f"     also in {title}{other['uri']}")


def place_of(passage: dict[str, Any]) -> str:
    """Where in its document a passage stands: page, cells and headings, each after a comma.

    A heading that repeats the title, or the sheet, is left out.
    """
    page, cells, headings = passage.get("page"), passage.get("cells") or (), list(passage.get("heading_path") or ())
    if headings and headings[0] == passage.get("title"):
        del headings[0]
    if cells and headings == [cells[0].rpartition("!")[0]]:
        headings = []
    parts = [f"page {page}"] if page else []
    parts += cells
    if headings:
        parts.append(" > ".join(headings))
    return "".join(f", {part}" for part in parts)
