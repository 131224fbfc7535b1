"""``footnote eval understanding``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from core.errors import InvalidRequest
from eval.answers.understanding import KINDS, QUESTIONS, Asker, Case, Outcome, read_cases
from eval.bench.report import machine_line, markdown, write_json
from eval.cli.shared import FILE, FOLDER, json_option, print_json, settings
from eval.metrics import share
from eval.progress import bars
from generation.build import build_chat_model
from retrieval.build import build_retriever

SPLITS = ("tune", "held")


@click.command(epilog="Example:  footnote eval understanding --kind follow-up --show  (docs/answers.md)")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only these. Repeatable.")
@click.option("--split", type=click.Choice(SPLITS), help="Only this half.")
@click.option("--first", type=click.IntRange(1), default=5, show_default=True, help="How many passages count.")
@click.option("--questions", type=FOLDER, default=QUESTIONS, help="A folder with files named as in eval/questions.")
@click.option("--with-model", is_flag=True, help="Have the language model of the settings rewrite follow-ups too.")
@click.option("--show", "shown", is_flag=True, help="Print what went wrong.")
@click.option("--out", type=FILE, help="Write the figures as JSON.")
@json_option
def understanding(
    *,
    kinds: tuple[str, ...],
    split: str | None,
    first: int,
    questions: Path,
    with_model: bool,
    shown: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Ask follow-ups, questions in parts, misspelt and vague ones, over the index in use: is the right file found?

    Right is a question one of whose expected files is among the first passages; one in two parts, for either; a vague
    one that is answered from two files, at least one of its topic. Single questions show that nothing else is harmed.
    """
    current = settings()
    model = build_chat_model(current) if with_model else None
    if with_model and model is None:
        raise InvalidRequest("--with-model asks the language model of the settings, and there is none: set llm.url.")
    cases = [one for one in read_cases(kinds or KINDS, questions) if split in (None, one.split)]
    search = build_retriever(current)
    try:
        search.warm_up()
        with bars() as progress:
            asker = Asker(search=search, settings=current, model=model, first=first)
            outcomes = asyncio.run(asker.ask_all(cases, progress))
    finally:
        search.close()
    rows = _rows(outcomes)
    told = {"machine": machine_line(), "first": first, "figures": [dict(zip(_HEAD, row, strict=True)) for row in rows]}
    write_json(told, out)
    if as_json:
        print_json(told)
        return
    if shown:
        _show(outcomes)
    click.echo(f"{machine_line()}; the first {first} passages\n\n{markdown(_HEAD, rows)}")


_HEAD = ("questions", "asked", *SPLITS)


def _rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    ways = dict.fromkeys((one.case.kind, one.way) for one in outcomes)
    return [(kind, way, *(_share(outcomes, kind, way, split) for split in SPLITS)) for kind, way in ways]


def _share(outcomes: Sequence[Outcome], kind: str, way: str, split: str) -> str:
    mine = [one.right for one in outcomes if (one.case.kind, one.way, one.case.split) == (kind, way, split)]
    return share(sum(mine), len(mine))


def _show(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        said = one.understood
        if not one.right:
            turns = " / ".join((*one.case.turns, one.case.question))
            click.echo(f"{one.case.kind} ({one.way}, {one.case.split}): {turns}\n  wanted {_wanted(one.case)}")
            for what, values in (("searched", said.queries), ("cited", said.cited), ("found", said.found[:5])):
                if values:
                    click.echo(f"  {what} {' | '.join(values)}")


def _wanted(case: Case) -> str:
    return " and ".join(" or ".join(group) for group in case.expected) or "/".join(case.in_path)
