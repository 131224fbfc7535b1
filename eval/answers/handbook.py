"""What the answers to a handbook are worth: ``python -m eval.answers.handbook --questions FILE``.

Asks each question of a JSONL file in one process, over the index that the settings name (ingest the handbook first),
with no language model: the extractive answerer. A question has the files that answer it and the words that an answer
must hold (``a|b``: either will do); one without files is one that the handbook doesn't answer. Half of the questions
were used while tuning (``tune``), the other half wasn't (``held``); of ``18f.jsonl`` none was. Shares come with 95 %
Wilson intervals.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.errors import FootnoteError
from core.filters import Filter, parse_filters
from core.principal import ANONYMOUS
from core.settings_source import load_settings
from eval.datasets import DatasetError
from generation.answerer import Answerer, Question
from generation.events import Abstain, Citation, Done, Sources, Token
from retrieval.build import build_retriever
from retrieval.embedding.port import Embedder

QUESTIONS = Path(__file__).parents[1] / "questions" / "sourcegraph.jsonl"
_Z = 1.959963984540054
_TIMED = 30


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what is known of its answer; no files: the documents don't answer it."""

    question: str
    kind: str
    split: str
    files: tuple[str, ...]
    words: tuple[str, ...]


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
    def found(self) -> bool:
        """An expected file is among the passages that the answerer had."""
        return any(uri.endswith(self.asked.files) for uri in self.offered)


def holds(text: str, words: Sequence[str]) -> bool:
    """Whether a text holds one alternative of each, whatever the case, emphasis and apostrophes."""
    plain = _plain(text)
    return all(any(_plain(one) in plain for one in word.split("|")) for word in words)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.casefold().replace("*", "").replace("’", "'"))


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, eq. for the score interval)."""
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, _Z * _Z
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, centre - half), min(1.0, centre + half)


def read_questions(path: Path) -> list[Asked]:
    """The questions of a JSONL file. Raises DatasetError: a line isn't one."""
    asked = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            one = Asked(row["question"], row["kind"], row["split"], tuple(row["files"]), tuple(row["words"]))
        except (KeyError, ValueError, TypeError) as error:
            raise DatasetError(f"{path}, line {number}, is not a question: {type(error).__name__}: {error}") from error
        asked.append(one)
    return asked


async def ask(answerer: Answerer, asked: Asked, filters: Filter | None = None) -> Answered:
    """Ask one question as an anonymous reader."""
    text, quotes, uris, ms = "", [], [], 0.0
    offered: tuple[str, ...] = ()
    began = time.perf_counter()
    question = Question(
        text=asked.question, principal=ANONYMOUS, answer_id="eval", conversation_id="eval", filters=filters
    )
    async for event in answerer.answer(question):
        if isinstance(event, Sources):
            offered = tuple(source.uri for source in event.sources)
        elif isinstance(event, Token):
            text += event.text
        elif isinstance(event, Citation):
            quotes.append(event.quote)
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
        "an expected file was retrieved": count(able, lambda one: one.found),
        "wrongly abstained": count(able, lambda one: not one.quotes),
        "rightly abstained": count(unable, lambda one: not one.quotes),
    }


def _table(answers: Sequence[Answered]) -> Table:
    table = Table("measure", "tune", "held out", "both", title=f"{len(answers)} questions (share, 95 % Wilson)")
    halves = [[one for one in answers if one.asked.split == split] for split in ("tune", "held")]
    columns = [shares(part) for part in (*halves, answers)]
    for name in columns[0]:
        table.add_row(name, *(_cell(*column[name]) for column in columns))
    lengths = [len(one.text.split()) for one in answers if one.quotes]
    table.add_row("words in an answer, median", "", "", f"{median(lengths) if lengths else 0:.0f}")
    return table


def _cell(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{hits}/{of} = {hits / of if of else 0:.2f} ({low:.2f}-{high:.2f})"


def _latency(answers: Sequence[Answered], embedder: Embedder) -> dict[str, float]:
    """Milliseconds to the whole answer and of choosing its sentences, and against embedding one question."""
    embeds = []
    for one in answers[:_TIMED]:
        began = time.perf_counter()
        embedder.embed_query(one.asked.question)
        embeds.append(1000 * (time.perf_counter() - began))
    total, extract = [one.ms for one in answers], [one.extract_ms for one in answers]
    return {
        "answer_p50_ms": float(np.percentile(total, 50)),
        "answer_p95_ms": float(np.percentile(total, 95)),
        "extract_p50_ms": float(np.percentile(extract, 50)),
        "extract_p95_ms": float(np.percentile(extract, 95)),
        "embed_query_p50_ms": median(embeds),
        "answer_p50_to_embed_query": float(np.percentile(total, 50)) / median(embeds),
    }


def _verdict(one: Answered) -> str:
    if not one.asked.files:
        return "answered wrongly" if one.quotes else "abstained rightly"
    if not one.quotes:
        return "abstained wrongly"
    return "right" if one.right else "wrong"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eval.answers.handbook", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--questions", type=Path, default=QUESTIONS, help="JSONL: question, kind, split, files, words")
    parser.add_argument("--source", help="the id of the handbook's source, where the index holds others too")
    parser.add_argument("--split", choices=["tune", "held"], help="only this half")
    parser.add_argument("--show", action="store_true", help="print every question with its answer")
    parser.add_argument("--out", type=Path, help="write the answers as JSON")
    return parser.parse_args(argv)


async def run(
    answerer: Answerer, questions: Sequence[Asked], filters: Filter | None, console: Console
) -> list[Answered]:
    """Ask them one after the other; the first is asked twice, so that no model's start is timed."""
    if questions:
        await ask(answerer, questions[0], filters)
    return [await ask(answerer, one, filters) for one in track(questions, "asking", console=console)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    args, console = _arguments(argv), Console(stderr=True)
    try:
        questions = [one for one in read_questions(args.questions) if args.split in (None, one.split)]
        filters = parse_filters({"source": [args.source]}) if args.source else None
        settings = load_settings()
        retriever = build_retriever(settings)
        retriever.warm_up()
        answers = asyncio.run(run(Answerer(retriever, None, settings), questions, filters, console))
    except (FootnoteError, DatasetError, OSError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    latency = _latency(answers, retriever.embedder)
    out = Console()
    if args.show:
        for one in answers:
            out.print(f"\n{_verdict(one)} · {one.asked.question}", style="bold", markup=False)
            out.print(one.text or "(abstained)", markup=False)
    out.print(_table(answers))
    out.print(" · ".join(f"{name} {value:.1f}" for name, value in latency.items()))
    if args.out:
        args.out.write_text(json.dumps(_report(answers, latency), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0


def _report(answers: Sequence[Answered], latency: dict[str, float]) -> dict[str, Any]:
    rows = [{**asdict(one), "verdict": _verdict(one)} for one in answers]
    return {"latency": latency, "shares": shares(answers), "answers": rows}


if __name__ == "__main__":
    sys.exit(main())
