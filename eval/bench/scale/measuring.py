"""Questions to several indexes, in turns: how long each way of asking takes, and what vector search misses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.chunk import Vectors
from core.errors import FootnoteError
from core.filters import AnyOf, Filter, for_reader
from core.principal import Principal
from eval.bench.scale.building import Target
from eval.bench.scale.corpus import GROUPS, Block, Corpus, department
from eval.bench.scale.record import Growth, Measured
from eval.bench.timing import in_turn, milliseconds
from eval.metrics import latency, ratio_of_percentiles
from eval.progress import Progress
from retrieval.embedding.port import Embedder
from retrieval.index.port import SearchIndex
from retrieval.retriever import Retriever

AT = 10
DEPARTMENT = department(0)
READER = Principal("reader", frozenset({"g1", "g2", "g3"}))
VISIBLE, NARROW = "all that the reader may see", "one department of it"
LEXICAL, VECTOR, FILTERED, BOTH, WHOLE = (
    "lexical leg",
    "vector leg",
    "vector leg, one department",
    "both legs, one round trip",
    "end to end",
)
WAYS = (LEXICAL, VECTOR, FILTERED, BOTH, WHOLE)


def filters() -> dict[str, Filter]:
    """What questions are asked under."""
    return {
        VISIBLE: for_reader(READER, None),
        NARROW: for_reader(READER, AnyOf("department", frozenset({DEPARTMENT}))),
    }


def passing(block: Block) -> dict[str, NDArray[np.bool_]]:
    """Which chunks of a block pass each of :func:`filters`."""
    numbers = block.numbers
    groups = [int(group[1:]) for group in READER.groups]
    seen = block.public | np.isin(numbers % GROUPS, groups)
    narrow = np.array([department(number) == DEPARTMENT for number in numbers.tolist()])
    return {VISIBLE: seen, NARROW: seen & narrow}


@dataclass(frozen=True, slots=True)
class Questions:
    """Their texts, and their vectors, shape (questions, dimensions)."""

    texts: Sequence[str]
    vectors: Vectors


def exact(
    corpus: Corpus, queries: Vectors, sizes: Sequence[int], progress: Progress
) -> dict[int, dict[str, NDArray[np.int64]]]:
    """The ten best chunks for each question, by size and filter, shape (questions, 10); by comparing them all.

    Raises:
        ValueError: so few chunks pass a filter that there are no ten.
    """
    best: dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]] = {}
    found: dict[int, dict[str, NDArray[np.int64]]] = {}
    for block in corpus.blocks(max(sizes)):
        similarity = queries @ block.vectors.T
        for name, passes in passing(block).items():
            scores, numbers = (
                similarity[:, passes],
                np.broadcast_to(block.numbers[passes], (len(queries), passes.sum())),
            )
            if name in best:
                scores = np.concatenate([best[name][0], scores], axis=1)
                numbers = np.concatenate([best[name][1], numbers], axis=1)
            order = np.argsort(-scores, axis=1)[:, :AT]
            best[name] = np.take_along_axis(scores, order, axis=1), np.take_along_axis(numbers, order, axis=1)
        end = block.first + len(block.vectors)
        progress("compare exactly", end, max(sizes))
        if end in sizes:
            found[end] = {name: numbers for name, (_, numbers) in best.items()}
    if any(numbers.shape[1] < AT for of_size in found.values() for numbers in of_size.values()):
        raise ValueError("fewer than ten chunks pass a filter")
    return found


class Asked:
    """One index, and the ways to ask it. What it finds by vector is kept, for recall."""

    def __init__(self, target: Target, index: SearchIndex, embedder: Embedder, questions: Questions) -> None:
        self.target = target
        self._index = index
        self._retriever = Retriever(index, embedder, None, target.settings)
        self._questions = questions
        self._depth = target.settings.retrieval.depth
        self._filters = filters()
        self.found: dict[str, dict[int, list[int]]] = {VISIBLE: {}, NARROW: {}}

    def ways(self, row: int) -> dict[str, Callable[[], object]]:
        """The ways to ask question number ``row``."""
        text, vector = self._questions.texts[row], self._questions.vectors[row]
        seen, depth = self._filters[VISIBLE], self._depth
        return {
            LEXICAL: lambda: self._index.lexical(text, seen, depth),
            VECTOR: lambda: self._by_vector(row, VISIBLE),
            FILTERED: lambda: self._by_vector(row, NARROW),
            BOTH: lambda: self._index.both(text, vector, seen, depth),
            WHOLE: lambda: self._end_to_end(text),
        }

    def _by_vector(self, row: int, name: str) -> None:
        hits = self._index.vector(self._questions.vectors[row], self._filters[name], self._depth)
        self.found[name][row] = [int(hit.chunk_id) for hit in hits[:AT]]

    def _end_to_end(self, text: str) -> None:
        answer = self._retriever.search(text, READER, limit=AT)
        if not answer.hits or answer.degraded:
            raise FootnoteError(f"Nothing to measure: {len(answer.hits)} hits, {answer.degraded}.")


def ask(asked: Sequence[Asked], rows: Sequence[int], progress: Progress, what: str = "ask") -> NDArray[np.float64]:
    """Milliseconds, shape (questions, indexes, ways). The indexes' order turns with each question."""
    times = np.empty((len(rows), len(asked), len(WAYS)))
    for done, row in enumerate(rows):
        for column, one in in_turn(list(enumerate(asked)), done):
            times[done, column] = [milliseconds(way) for way in one.ways(row).values()]
        progress(what, done + 1, len(rows))
    return times


def summary(
    asked: Sequence[Asked], times: NDArray[np.float64], right: Mapping[int, Mapping[str, NDArray[np.int64]]]
) -> list[Measured]:
    """A row for each index."""
    rows = []
    for column, one in enumerate(asked):
        by_way = {way: latency(times[:, column, number]) for number, way in enumerate(WAYS)}
        recalls = {
            name: round(
                float(np.mean([recall(hits, right[one.target.size][name][row]) for row, hits in of.items()])), 4
            )
            for name, of in one.found.items()
        }
        rows.append(Measured(size=one.target.size, layout=one.target.layout, latency=by_way, recall=recalls))
    return rows


def recall(hits: Sequence[int], right: NDArray[np.int64]) -> float:
    """The share of the right chunks that was found."""
    return len(set(hits) & set(right.tolist())) / len(right)


def growth(targets: Sequence[Target], times: NDArray[np.float64]) -> list[Growth]:
    """Each index against the smallest of its layout, and against the first layout of its size: ratios of medians."""
    rows = []
    for column, one in enumerate(targets):
        smallest = min((t for t in targets if t.layout == one.layout), key=lambda t: t.size)
        first = next(t for t in targets if t.size == one.size)
        for other in (smallest,) if first == smallest else (smallest, first):
            if other != one:
                rows += [_ratio(times[:, [targets.index(other), column], n], (way, other, one))
                         for n, way in enumerate(WAYS)]  # fmt: skip
    return rows


def _ratio(pairs: NDArray[np.float64], about: tuple[str, Target, Target]) -> Growth:
    way, other, one = about
    return Growth(way=way, of=other.name, to=one.name, ratio=ratio_of_percentiles(pairs, 1, 0))
