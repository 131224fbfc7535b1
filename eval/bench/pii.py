"""What of personal data is found: ``footnote bench pii``.

``eval/pii/sentences.txt`` has sentences, one a line, with ``{{KIND|words}}`` around what is to be found; a third of
them hold nothing, and many of those look as if they did. An entity is found where one of its kind overlaps it.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from importlib.resources import files

import click

from core.guard_settings import PiiSettings
from eval.bench.report import machine_line
from eval.bench.timing import milliseconds
from eval.cli.shared import json_option, print_json
from generation.guarding.pii import Entity
from generation.guarding.presidio import NAMED, PATTERNS, PresidioFinder

_MARKED = re.compile(r"\{\{([A-Z_]+)\|(.+?)\}\}")
_ROUNDS = 5
_LENGTH = 1000


def labelled(line: str) -> tuple[str, list[Entity]]:
    """A line's text, and what is to be found in it."""
    text, at, entities = "", 0, []
    for match in _MARKED.finditer(line):
        text += line[at : match.start()]
        entities.append(Entity(match[1], len(text), len(text) + len(match[2]), 1.0))
        text, at = text + match[2], match.end()
    return text + line[at:], entities


def counted(finder: PresidioFinder, lines: list[str]) -> dict[str, Counter[str]]:
    """By kind: ``found`` and ``missed`` of what is there, ``right`` and ``false`` of what was found."""
    counts = {kind: Counter[str]() for kind in (*PATTERNS, *NAMED)}
    for line in lines:
        text, entities = labelled(line)
        found = finder.find(text, counts.keys())
        for one in entities:
            counts[one.kind]["found" if _met(one, found) else "missed"] += 1
        for one in found:
            counts[one.kind]["right" if _met(one, entities) else "false"] += 1
    return counts


def _met(one: Entity, others: object) -> bool:
    assert isinstance(others, list | tuple)
    return any(other.kind == one.kind and other.start < one.end and one.start < other.end for other in others)


def _cost(kinds: tuple[str, ...], text: str) -> float:
    """Milliseconds for a thousand characters, the median; each time a text that wasn't seen before."""
    finder = PresidioFinder(PiiSettings())
    texts = [f"{text} {turn}" for turn in range(_ROUNDS + 1)]
    times = [milliseconds(lambda text=one: finder.find(text, kinds)) for one in texts]  # type: ignore[misc]
    return statistics.median(times[1:]) / len(text) * _LENGTH


@click.command(epilog="Example:  footnote bench pii")
@json_option
def pii(as_json: bool) -> None:
    """Measure precision and recall of personal data on labelled sentences, and what looking for it takes."""
    lines = files("eval").joinpath("pii/sentences.txt").read_text(encoding="utf-8").splitlines()
    counts = counted(PresidioFinder(PiiSettings()), lines)
    text = " ".join(labelled(line)[0] for line in lines)[: 8 * _LENGTH]
    costs = {"patterns": _cost(PATTERNS, text), "names too": _cost((*PATTERNS, *NAMED), text)}
    if as_json:
        print_json({"counts": counts, "ms_per_1000_characters": costs})
        return
    click.echo(machine_line())
    click.echo(f"{len(lines)} sentences, {sum(not labelled(line)[1] for line in lines)} of them with nothing to find")
    for kind, count in counts.items():
        there, told = count["found"] + count["missed"], count["right"] + count["false"]
        click.echo(f"{kind:14} recall {count['found']:3}/{there:<3}  precision {count['right']:3}/{told:<3}")
    for name, cost in costs.items():
        click.echo(f"{name}: {cost:.1f} ms for 1,000 characters")
