"""``footnote ask``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from api.cli import context
from api.cli.commands.conversations import latest_id
from api.cli.commands.search import place_of
from api.cli.options import Reader, Scope, json_option, print_json, question_from, reader_options, say, scope_options
from api.client.wire import Event

QUOTE_CHARS = 300


@click.command(
    epilog="Example:  footnote ask 'How many days of parental leave do I get?' --as ida --group hr --department HR"
)
@click.argument("question")
@click.option("--continue", "goes_on", is_flag=True, help="Go on with your latest conversation.")
@click.option("--conversation", metavar="ID", help="Go on with this one (`footnote conversations list`).")
@reader_options
@scope_options
@json_option
def ask(*, question: str, goes_on: bool, conversation: str | None, reader: Reader, scope: Scope, as_json: bool) -> None:
    """Ask QUESTION (- reads it from standard input) and stream the answer, with a footnote for each claim.

    Without --as and --group, you see what is public.
    """
    if goes_on and conversation:
        raise click.UsageError("Give --continue or --conversation, not both.")
    body = scope.into({"question": question_from(question)})
    client = context.client(reader)
    if goes_on or conversation:
        body["conversation_id"] = conversation or latest_id(client)
    if as_json:
        print_json(client.request("POST", "/v1/answers", body))
        return
    show(client.events(body))


def show(events: Iterable[Event]) -> None:
    """Print an answer as it comes: its text with marks, then the footnotes, then what it had to do without."""
    sources: dict[int, dict[str, Any]] = {}
    answer = _Answer()
    for event in events:
        if event.name == "sources":
            sources = {source["number"]: source for source in event.data["sources"]}
        elif event.name == "stage":
            answer.checked |= event.data["name"] == "verify"
        elif event.name == "token":
            answer.add(event.data["text"])
        elif event.name == "citation":
            answer.cite(event.data)
        elif event.name == "verdict":
            answer.judge(event.data)
        elif event.name == "abstain":
            _abstain(event.data)
        elif event.name == "done":
            answer.print_up_to(None)
            say()
            _footnotes(answer.citations, sources)
            _end(event.data)


def _end(done: dict[str, Any]) -> None:
    if done.get("finish_reason") == "length":
        say("(The answer was cut off: it had reached the greatest length allowed, llm.max_tokens.)", err=True)
    if done.get("finish_reason") == "stopped":
        say("(The answer was stopped: it isn't complete.)", err=True)
    if done.get("citations_corrected"):
        say(f"({done['citations_corrected']} citations named a wrong source and were corrected.)", err=True)
    if done.get("sentences_dropped"):
        say(f"({done['sentences_dropped']} sentences were left out: no source supports them.)", err=True)
    for said in (*(done.get("notices") or ()), *(done.get("degraded") or ())):
        say(f"({said})", err=True)


class _Answer:
    """The answer on the terminal: what is checked waits for its verdict, as marks can't be put in later.

    Attributes:
        checked: verdicts will come.
        citations: all of them, in their order.
    """

    def __init__(self) -> None:
        self.checked = False
        self.citations: list[dict[str, Any]] = []
        self._text = ""
        self._printed = 0
        self._waiting: list[dict[str, Any]] = []
        self._marked: set[int] = set()

    def add(self, text: str) -> None:
        self._text += text
        if not self.checked:
            self.print_up_to(None)

    def cite(self, citation: dict[str, Any]) -> None:
        self.citations.append(citation)
        self._waiting.append(citation)
        if not self.checked:
            self._marks(self._printed)

    def judge(self, verdict: dict[str, Any]) -> None:
        self.print_up_to(verdict["answer_end"])
        if verdict["verdict"] in ("unsupported", "partial"):
            word = "unsupported" if verdict["verdict"] == "unsupported" else "partly supported"
            say(f" [{word}: {'; '.join(verdict['reasons'])}]", nl=False)

    def print_up_to(self, end: int | None) -> None:
        """Print the text up to there, None: all of it, with the marks of the citations that end in it."""
        end = len(self._text) if end is None else end
        for at in sorted(
            {one.get("answer_end", 0) for one in self._waiting if one.get("answer_end", 0) <= end} | {end}
        ):
            if at > self._printed:
                self._print(at)
                self._marked.clear()
            self._marks(at)

    def _print(self, up_to: int) -> None:
        """Print what comes next, in bold the words that a citation says answer the question."""
        for start, end in sorted(filter(None, map(_key, self._waiting))):
            if self._printed <= start < end <= up_to:
                say(self._text[self._printed : start], nl=False)
                say(self._text[start:end], nl=False, bold=True)
                self._printed = end
        say(self._text[self._printed : up_to], nl=False)
        self._printed = up_to

    def _marks(self, up_to: int) -> None:
        for one in [one for one in self._waiting if one.get("answer_end", 0) <= up_to]:
            self._waiting.remove(one)
            if one["number"] not in self._marked:
                say(f"[{one['number']}]", nl=False)
            self._marked.add(one["number"])


def _key(citation: dict[str, Any]) -> tuple[int, int] | None:
    """Where in the answer the words stand that answer; None where that isn't known, or the quote was changed."""
    first, last, quote = (citation.get(name) for name in ("key_start", "key_end", "quote"))
    start, end = citation.get("answer_start", 0), citation.get("answer_end", 0)
    if first is None or last is None or quote is None or len(quote) != end - start:
        return None
    moved = start - citation["quote_start"]
    return first + moved, last + moved


def _footnotes(citations: list[dict[str, Any]], sources: dict[int, dict[str, Any]]) -> None:
    for number in sorted({citation["number"] for citation in citations}):
        mine = [citation for citation in citations if citation["number"] == number]
        source = sources.get(number, {})
        # A passage may run over several pages, sections and rows; the quotes are in some of them.
        for at, quotes in enumerate(_by_section([{**source, **citation} for citation in mine])):
            cells = list(dict.fromkeys(cell for quote in quotes for cell in quote.get("cells") or ()))
            place = place_of({**quotes[0], "cells": cells})
            say(f"    also in {place.removeprefix(', ')}" if at else f"\n[{number}] {source.get('title', '')}{place}")
            for quote in dict.fromkeys(_short(quote["quote"]) for quote in quotes if quote["quote"]):
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
