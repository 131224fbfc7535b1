"""Taking turns: every block of documents, and every question, goes to all arms one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from eval.bench.peers.arms import ARMS, LIMIT, Arm, writers
from eval.bench.peers.process import CPU
from eval.bench.peers.record import Block, Comparison, Question
from eval.bench.peers.texts import document_of
from eval.bench.timing import busy, in_turn
from eval.datasets import Collection
from eval.progress import Progress

OPEN_S, WRITE_S, ASK_S = 300.0, 3600.0, 120.0
WARM, WARM_MODELS = 20, 3
"""Questions that each arm answers before questions are timed, and before documents are."""
_SAVE_EVERY = 20

T = TypeVar("T")


class Side(Protocol):
    """A side's process, as the comparison needs it."""

    def call(self, method: str, *, timeout_s: float, **arguments: Any) -> Any:
        """Call one of its methods."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Has all arms do the same, one after another.

    Attributes:
        sides: the processes, by side.
        options: what every arm of a side is given besides its own options.
        goes_on: asked between measurements; False stops the comparison, which can go on later.
        save: called after each measurement.
    """

    sides: Mapping[str, Side]
    options: Mapping[str, Mapping[str, Any]]
    url: str
    model: str
    record: Comparison
    save: Callable[[], None]
    goes_on: Callable[[], bool]
    progress: Progress

    def open(self, name: str, arm: Arm) -> None:
        """Have an arm ready for a collection."""
        about = self._call(
            arm,
            "open",
            OPEN_S,
            url=self.url,
            index=f"peers-{self.record.run}-{name.casefold()}-{arm.index}",
            model=self.model,
            options={**self.options.get(arm.side, {}), **arm.options, "top": LIMIT},
        )
        self.record.about[arm.name] = {key: value for key, value in about.items() if key != CPU}

    def ingest(self, name: str, texts: Sequence[dict[str, str]], size: int, warm: Sequence[str]) -> bool:
        """Index block after block, each by all arms in turn; whether all are done."""
        row, arms = self.record.sets[name], writers()
        if len(row.blocks) * size < len(texts):
            self._warm(warm[:WARM_MODELS], arms)
        for number, block in _blocks(texts, size):
            self.progress(f"{name}: indexing", number * size, len(texts))
            if number < len(row.blocks):
                continue
            if not self.goes_on():
                return False
            measured = Block(documents=len(block))
            for arm in in_turn(arms, number):
                _note(measured, arm.name, self._call(arm, "write", WRITE_S, documents=block))
            row.blocks.append(measured)
            self.save()
        self.progress(f"{name}: indexing", len(texts), len(texts))
        return True

    def ask(self, name: str, collection: Collection, warm: Sequence[str], most: int, *, beside: bool = False) -> bool:
        """Ask question after question, each of all arms in turn; whether all are done.

        Args:
            beside: beside a busy process.
        """
        row = self.record.sets[name]
        done, what = (row.beside, f"{name}: asking beside") if beside else (row.questions, f"{name}: asking")
        asked = list(collection.queries.items())[: most or None]
        if len(done) >= len(asked):
            return True
        for arm in writers():
            self._call(arm, "settle", WRITE_S)
        with busy() if beside else nullcontext():
            self._warm(warm[:WARM], ARMS)
            for number, (query, text) in list(enumerate(asked))[len(done) :]:
                if number % _SAVE_EVERY == 0:
                    self.save()
                    if not self.goes_on():
                        return False
                self.progress(what, number, len(asked))
                done.append(self._question(query, text, number, fit=row.fit))
        self.save()
        self.progress(what, len(asked), len(asked))
        return True

    def _warm(self, queries: Sequence[str], arms: Sequence[Arm]) -> None:
        """Run arms' models and searches before they are timed."""
        for query in queries:
            for arm in arms:
                self._call(arm, "ask", ASK_S, query=query, limit=LIMIT)

    def _question(self, query: str, text: str, number: int, *, fit: bool) -> Question:
        measured = Question(id=query)
        for arm in in_turn(ARMS, number):
            answer = self._call(arm, "ask", ASK_S, query=text, limit=LIMIT)
            measured.seconds[arm.name] = answer["seconds"]
            measured.cpu_s[arm.name] = answer[CPU]
            measured.stages[arm.name] = answer["stages"]
            found = (document_of(each, fit=fit) for each in answer["documents"])
            measured.found[arm.name] = list(dict.fromkeys(found))
        return measured

    def _call(self, arm: Arm, method: str, timeout_s: float, **arguments: Any) -> Any:
        return self.sides[arm.side].call(method, timeout_s=timeout_s, variant=arm.name, **arguments)


def _note(block: Block, arm: str, measured: Mapping[str, Any]) -> None:
    block.seconds[arm] = measured["seconds"]
    block.cpu_s[arm] = measured[CPU]
    block.stages[arm] = measured["stages"]
    block.vectors[arm] = measured["vectors"]


def _blocks(items: Sequence[T], size: int) -> Iterator[tuple[int, Sequence[T]]]:
    for number, first in enumerate(range(0, len(items), size)):
        yield number, items[first : first + size]
