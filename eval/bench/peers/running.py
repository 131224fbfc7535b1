"""Taking turns: every block of documents, and every question, goes to all arms one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from core.errors import InvalidRequest
from eval.bench.peers.arms import ARMS, FILES, LIMIT, Arm, writers
from eval.bench.peers.process import CPU
from eval.bench.peers.record import Block, Question, Record, SetRecord
from eval.bench.peers.texts import document_of
from eval.bench.search.ingest import warm_up
from eval.client import ApiClient
from eval.corpus_folder import write_corpus
from eval.datasets import Collection, Document

OPEN_S, WRITE_S, ASK_S = 300.0, 3600.0, 120.0
WARM, WARM_MODELS = 20, 3
"""Questions that each arm answers before questions are timed, and before documents are."""
_SAVE_EVERY = 20
WHOLE = "footnote"
"""The arm of the whole path on our side: the running service."""

Progress = Callable[[str, int, int], None]
T = TypeVar("T")


class Side(Protocol):
    """A side's process, as the comparison needs it."""

    def call(self, method: str, *, timeout_s: float, **arguments: Any) -> Any:
        """Call one of its methods."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison runs on.

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
    record: Record
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
            for arm in _in_turn(arms, number):
                _note(measured, arm.name, self._call(arm, "write", WRITE_S, documents=block))
            row.blocks.append(measured)
            self.save()
        self.progress(f"{name}: indexing", len(texts), len(texts))
        return True

    def ask(self, name: str, collection: Collection, warm: Sequence[str], most: int) -> bool:
        """Ask question after question, each of all arms in turn; whether all are done."""
        row = self.record.sets[name]
        asked = list(collection.queries.items())[: most or None]
        if len(row.questions) >= len(asked):
            return True
        for arm in writers():
            self._call(arm, "settle", WRITE_S)
        self._warm(warm[:WARM], ARMS)
        for number, (query, text) in enumerate(asked):
            if number < len(row.questions):
                continue
            if number % _SAVE_EVERY == 0:
                self.save()
                if not self.goes_on():
                    return False
            self.progress(f"{name}: asking", number, len(asked))
            row.questions.append(self._question(query, text, number, row))
        self.save()
        self.progress(f"{name}: asking", len(asked), len(asked))
        return True

    def whole(self, name: str, documents: Sequence[Document], size: int, client: ApiClient, folder: Path) -> bool:
        """Ingest files, from the folder to the index, block after block, by both sides in turn.

        Raises:
            InvalidRequest: the service holds documents before the first block.
        """
        row = self.record.sets[name]
        if not row.files and client.documents():
            raise InvalidRequest(
                "The service holds documents already, and copies of them would not be embedded: start it on an empty "
                "data directory and index."
            )
        if len(row.files) * size < len(documents):
            warm_up(client)
            self._call(FILES, "ask", ASK_S, query=name, limit=LIMIT)
        for number, block in _blocks(documents, size):
            self.progress(f"{name}: from files", number * size, len(documents))
            if number < len(row.files):
                continue
            if not self.goes_on():
                return False
            files = folder / name / str(number)
            measured = Block(documents=write_corpus(block, files))
            for arm in _in_turn((WHOLE, FILES.name), number):
                if arm == WHOLE:
                    _note(measured, arm, _through_api(client, f"{name} {number}", files))
                else:
                    _note(measured, arm, self._call(FILES, "write_files", WRITE_S, folder=str(files)))
            row.files.append(measured)
            self.save()
        self.progress(f"{name}: from files", len(documents), len(documents))
        return True

    def _warm(self, queries: Sequence[str], arms: Sequence[Arm]) -> None:
        """Run arms' models and searches before they are timed."""
        for query in queries:
            for arm in arms:
                self._call(arm, "ask", ASK_S, query=query, limit=LIMIT)

    def _question(self, query: str, text: str, number: int, row: SetRecord) -> Question:
        measured = Question(id=query)
        for arm in _in_turn(ARMS, number):
            answer = self._call(arm, "ask", ASK_S, query=text, limit=LIMIT)
            measured.seconds[arm.name] = answer["seconds"]
            measured.cpu_s[arm.name] = answer[CPU]
            measured.stages[arm.name] = answer["stages"]
            found = (document_of(each, fit=row.fit) for each in answer["documents"])
            measured.found[arm.name] = list(dict.fromkeys(found))
        return measured

    def _call(self, arm: Arm, method: str, timeout_s: float, **arguments: Any) -> Any:
        return self.sides[arm.side].call(method, timeout_s=timeout_s, variant=arm.name, **arguments)


def _through_api(client: ApiClient, name: str, folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    _, run = client.ingest(f"{name} {time.time():.0f}", folder)
    return {"seconds": time.perf_counter() - began, "stages": {}, "vectors": run["indexed"]}


def _note(block: Block, arm: str, measured: Mapping[str, Any]) -> None:
    block.seconds[arm] = measured["seconds"]
    if CPU in measured:
        block.cpu_s[arm] = measured[CPU]
    block.stages[arm] = measured["stages"]
    block.vectors[arm] = measured["vectors"]


def _blocks(items: Sequence[T], size: int) -> Iterator[tuple[int, Sequence[T]]]:
    for number, first in enumerate(range(0, len(items), size)):
        yield number, items[first : first + size]


def _in_turn(items: Sequence[T], turn: int) -> Iterator[T]:
    """All of them, each turn beginning with another one."""
    at = turn % len(items)
    yield from (*items[at:], *items[:at])
