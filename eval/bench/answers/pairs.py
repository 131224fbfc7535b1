"""Pairs of questions over the handbooks: such that ask for the same, and such that nearly do.

Written by hand in ``eval/questions/answer_cache.jsonl``; the others are made from the handbooks' questions by the ways
in which people word a question, and by changing the one thing that matters.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

FOLDER = Path(__file__).parents[2] / "questions"
_WAYS = (
    "Could you tell me: {}", "Please tell me {}", "hi, {}", "{} Thanks!", "I would like to know: {}",
    "quick question: {}", "{} I couldn't find it.",
)  # fmt: skip
_REWORDED = (
    (r"^How do I\b", "How can I"), (r"^How do I\b", "What do I have to do to"), (r"^How can I\b", "How do I"),
    (r"^What is\b", "What's"), (r"^What are\b", "Tell me what are"),
    (r"^Can I\b", "May I"), (r"^Can I\b", "Am I allowed to"),
    (r"^Do I have to\b", "Do I need to"), (r"^Who\b", "Which person"), (r"^How many\b", "What number of"),
    (r"^When should I\b", "When do I have to"), (r"^When\b", "At what time"), (r"\bthe company\b", "our company"),
    (r"\ba year\b", "per year"), (r"\bget\b", "receive"), (r"\bmaximum\b", "highest"),
    (r"^Where do I\b", "Where can I"),
    (r"\blaptop\b", "notebook"), (r"\bvacation\b", "holiday"), (r"\bemployees\b", "staff"),
)  # fmt: skip
_NEGATED = (
    (r"\bcan\b", "can't"), (r"\bis\b", "isn't"), (r"\bdo\b", "don't"), (r"\bare\b", "aren't"),
    (r"\bdoes\b", "doesn't"), (r"\bshould\b", "shouldn't"),
)  # fmt: skip
_NAMES = ("Norway", "Berlin", "Okta", "Alice Meyer", "Japan", "Slack", "Denver", "Bob Hansen")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions. ``kind`` is how they differ; ``same``: one answer answers both."""

    one: str
    other: str
    same: bool
    kind: str

    @property
    def tunes(self) -> bool:
        """Whether thresholds may be set by it: half of the questions, each with all pairs that it is in."""
        return sha256(self.one.encode()).digest()[0] % 2 == 0


def pairs(count: int, seed: int = 13) -> list[Pair]:
    """So many of each sort."""
    written = [_written(orjson.loads(line)) for line in (FOLDER / "answer_cache.jsonl").read_text().splitlines()]
    questions = [
        orjson.loads(line)["question"]
        for name in ("18f", "sourcegraph")
        for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()
    ]
    choice = random.Random(seed)
    same = [pair for question in questions for pair in _paraphrased(question, choice)]
    near = [pair for question in questions for pair in _missed(question, choice)]
    choice.shuffle(same)
    choice.shuffle(near)
    by_hand = {wanted: [pair for pair in written if pair.same is wanted] for wanted in (True, False)}
    return [*_filled(by_hand[True], same, count), *_filled(by_hand[False], near, count)]


def _filled(written: Sequence[Pair], made: Sequence[Pair], count: int) -> list[Pair]:
    return list(dict.fromkeys([*written, *made]))[:count]


def _written(line: dict[str, object]) -> Pair:
    same = bool(line["same"])
    return Pair(str(line["one"]), str(line["other"]), same, "paraphrase by hand" if same else "other subject by hand")


def _paraphrased(question: str, choice: random.Random) -> Iterator[Pair]:
    reworded = [re.sub(old, new, question, count=1) for old, new in _REWORDED if re.search(old, question)]
    for text in reworded:
        yield Pair(question, text, True, "reworded")
    way = choice.choice(_WAYS)
    base = choice.choice([question, *reworded])
    yield Pair(question, way.format(base[0].lower() + base[1:] if base.split()[0] != "I" else base), True, "framed")
    yield Pair(question, question.rstrip("?").lower(), True, "typed")


def _missed(question: str, choice: random.Random) -> Iterator[Pair]:
    if not question.endswith("?"):
        return
    one, other = choice.sample(range(2, 40), 2)
    number = re.search(r"\d+", question)
    if number:
        yield Pair(question, question.replace(number[0], str(int(number[0]) + choice.choice((1, 10)))), False, "number")
    way = choice.choice((" after {} years?", " for {} people?", " in 20{:02d}?"))
    stem = question.rstrip("?")
    yield Pair(stem + way.format(one), stem + way.format(other), False, "number")
    for old, new in _NEGATED:
        if re.search(old, question, re.I):
            yield Pair(question, re.sub(old, new, question, count=1, flags=re.I).capitalize(), False, "negation")
            break
    first, second = choice.sample(_NAMES, 2)
    place = choice.choice((" in {}?", " for {}?", " according to {}?"))
    yield Pair(stem + place.format(first), stem + place.format(second), False, "name")
    yield Pair(question, stem + place.format(first), False, "name added")
