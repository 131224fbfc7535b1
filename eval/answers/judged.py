"""What the answers to judged questions are worth.

Asks each question of a JSONL file in one process, over the index that the settings name, with no language model: the
extractive answerer. A question has the files that answer it and the words that an answer must hold (``a|b``: either
will do); one without files is one that the documents don't answer. Half of the questions about Sourcegraph's handbook
were used while tuning (``tune``), the other half wasn't (``held``); of ``18f.jsonl`` none was.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.filters import Filter
from core.principal import ANONYMOUS
from eval.datasets import DatasetError, read_rows
from eval.progress import Progress, tracked
from generation.answerer import Answerer
from generation.events import Abstain, Citation, Done, Sources, Token
from generation.models.port import Message
from generation.question import Question

QUESTIONS = Path(__file__).parents[1] / "questions" / "sourcegraph.jsonl"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what is known of its answer; no files: the documents don't answer it."""

    question: str
    kind: str
    split: str
    files: tuple[str, ...]
    words: tuple[str, ...]
    turns: tuple[str, ...] = ()
    """What was asked and answered before it, in turn."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back.

    Attributes:
        text: the answer, empty where it abstained.
        quotes: the cited passages, in order.
        uris: of the cited sources, in order.
        offered: URIs of every passage that the answerer had.
        ms: the time from question to the last event.
        extract_ms: the part of it that choosing sentences took.
    """

    asked: Asked
    text: str
    quotes: tuple[str, ...]
    uris: tuple[str, ...]
    offered: tuple[str, ...]
    ms: float
    extract_ms: float

    @property
    def right(self) -> bool:
        """The expected words are in the answer."""
        return bool(self.quotes) and holds(self.text, self.asked.words)

    @property
    def right_first(self) -> bool:
        """They are in its first quote already."""
        return bool(self.quotes) and holds(self.quotes[0], self.asked.words)

    @property
    def on_target(self) -> bool:
        """The first cited source is one of the expected files."""
        return bool(self.uris) and self.uris[0].endswith(self.asked.files)

    @property
    def found_early(self) -> bool:
        """An expected file is that of one of the first five passages."""
        return any(uri.endswith(self.asked.files) for uri in self.offered[:5])

    @property
    def found(self) -> bool:
        """An expected file is among the passages that the answerer had."""
        return any(uri.endswith(self.asked.files) for uri in self.offered)


def holds(text: str, words: Sequence[str]) -> bool:
    """Whether a text holds one alternative of each, whatever the case, emphasis and apostrophes."""
    plain = _plain(text)
    return all(any(_plain(one) in plain for one in word.split("|")) for word in words)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.casefold().replace("*", "").replace("’", "'"))


def read_questions(path: Path) -> list[Asked]:
    """The questions of a JSONL file. Raises DatasetError: a line isn't one."""
    asked = []
    for where, row in read_rows(path):
        try:
            *turns, question = row["turns"] if "turns" in row else [row["question"]]
            one = Asked(question, row["kind"], row["split"], tuple(row["files"]), tuple(row["words"]), tuple(turns))
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{where}: not a question: {type(error).__name__}: {error}") from error
        asked.append(one)
    return asked


async def ask(answerer: Answerer, asked: Asked, filters: Filter | None = None) -> Answered:
    """Ask one question as an anonymous reader."""
    text, quotes, uris, ms = "", [], [], 0.0
    offered: tuple[str, ...] = ()
    began = time.perf_counter()
    question = Question(
        text=asked.question,
        principal=ANONYMOUS,
        answer_id="eval",
        conversation_id="eval",
        filters=filters,
        history=[Message("assistant" if at % 2 else "user", turn) for at, turn in enumerate(asked.turns)],
    )
    async for event in answerer.answer(question):
        if isinstance(event, Sources):
            offered = tuple(source.uri for source in event.sources)
        elif isinstance(event, Token):
            text += event.text
        elif isinstance(event, Citation):
            quotes.append(event.quote or "")
            uris.append(offered[event.number - 1])
        elif isinstance(event, Abstain):
            text = ""
        elif isinstance(event, Done):
            ms = event.timings_ms.get("generate", 0.0)
    return Answered(
        asked, text, tuple(quotes), tuple(uris), offered, 1000 * (time.perf_counter() - began), extract_ms=ms
    )


def shares(answers: Sequence[Answered]) -> dict[str, tuple[int, int]]:
    """Hits and cases of each measure."""
    able = [one for one in answers if one.asked.files]
    unable = [one for one in answers if not one.asked.files]

    def count(of: Sequence[Answered], is_hit: Callable[[Answered], bool]) -> tuple[int, int]:
        return sum(map(is_hit, of)), len(of)

    return {
        "expected words in the answer": count(able, lambda one: one.right),
        "expected words in its first quote": count(able, lambda one: one.right_first),
        "first cited source is an expected file": count(able, lambda one: one.on_target),
        "an expected file is among the first five passages": count(able, lambda one: one.found_early),
        "an expected file was retrieved": count(able, lambda one: one.found),
        "wrongly abstained": count(able, lambda one: not one.quotes),
        "rightly abstained": count(unable, lambda one: not one.quotes),
    }


def verdict(one: Answered) -> str:
    """In words, whether that was right."""
    if not one.asked.files:
        return "answered wrongly" if one.quotes else "abstained rightly"
    if not one.quotes:
        return "abstained wrongly"
    return "right" if one.right else "wrong"


async def ask_all(
    answerer: Answerer, questions: Sequence[Asked], filters: Filter | None, progress: Progress
) -> list[Answered]:
    """Ask them one after the other; the first is asked twice, so that no model's start is timed."""
    if questions:
        await ask(answerer, questions[0], filters)
    return [await ask(answerer, one, filters) for one in tracked(questions, "asking", progress)]
