"""Recall of filtered vector search against exact search: ``python -m eval.bench filtered --data ../shared/data``.

Real text: windows of one to three sentences of the collections and handbooks, embedded with the settings' model (kept
in ``--cache``), four windows to a chunk as in a knowledge base. Questions are the collections' own. Each share of the
chunks passes three filters: a random one; one that passes the chunks nearest to some question, asked by its
neighbours (correlated); and the same, asked by the questions farthest from it (against). A hit counts if its exact
similarity is at least that of the exact tenth, so ties are no loss.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from core.chunk import Chunk, EmbeddedChunk, Vectors
from core.errors import FootnoteError
from core.filters import All, AnyOf
from core.metadata import Metadata
from core.settings import IndexSettings, Settings
from core.settings_source import load_settings
from eval.bench.search.filtered_text import cached_vectors, questions_of, texts_of
from eval.datasets import DatasetError
from retrieval.embedding.build import build_embedder
from retrieval.index.build import build_index
from retrieval.index.port import SearchIndex

SHARES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5)
KINDS = ("random", "correlated", "against")
ANCHORS = 4
AT = 10
TARGET = 0.97
_BATCH = 500
_QUESTIONS = 300
_TIE = 1e-5


@dataclass(frozen=True, slots=True)
class Cell:
    """One share and kind of filter: mean recall@10, its lowest question, and milliseconds."""

    share: float
    kind: str
    questions: int
    recall: float
    lowest: float
    p50_ms: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A filter by the tag that its chunks carry, which those are, and the questions (rows) to ask with it."""

    share: float
    kind: str
    tag: str
    passing: np.ndarray
    questions: np.ndarray


def trials(similarity: np.ndarray, ask: int, seed: int) -> list[Trial]:
    """The filters, of the questions' similarity to the chunks, shape (questions, chunks).

    Args:
        ask: questions for each share and kind.
    """
    rng = np.random.default_rng(seed)
    questions, chunks = similarity.shape
    anchors = rng.choice(questions, ANCHORS, replace=False)
    made = []
    for share in SHARES:
        count = max(AT, round(share * chunks))
        some = rng.choice(questions, min(ask, questions), replace=False)
        made.append(Trial(share, "random", f"r{share}", rng.choice(chunks, count, replace=False), some))
        for number, anchor in enumerate(anchors):
            nearest = np.argpartition(-similarity[anchor], count - 1)[:count]
            # How a question stands to a filter: its mean similarity to what the filter passes.
            order = np.argsort(-similarity[:, nearest].mean(axis=1))
            each = max(1, min(ask // ANCHORS, questions // 2))
            tag = f"c{share}-{number}"
            made.append(Trial(share, "correlated", tag, nearest, order[:each]))
            made.append(Trial(share, "against", tag, nearest, order[-each:]))
    return made


def best_window(queries: Vectors, windows: np.ndarray) -> np.ndarray:
    """Similarity of each query to each chunk's best window; windows of shape (chunks, windows, dimensions)."""
    chunks, each, dimensions = windows.shape
    flat = windows.reshape(chunks * each, dimensions)
    return np.stack([(flat @ query).reshape(chunks, each).max(axis=1) for query in queries])


def fill(index: SearchIndex, windows: np.ndarray, texts: Sequence[str], asked: Sequence[Trial]) -> float:
    """Write the chunks with the tags of the filters that they pass; seconds."""
    tags: list[set[str]] = [set() for _ in range(len(windows))]
    for trial in asked:
        for chunk in trial.passing:
            tags[chunk].add(trial.tag)
    began = time.monotonic()
    for first in track(range(0, len(windows), _BATCH), "indexing", console=Console(stderr=True)):
        index.upsert([_chunk(n, windows[n], texts, tags[n]) for n in range(first, min(first + _BATCH, len(windows)))])
    index.refresh()
    return time.monotonic() - began


def _chunk(number: int, windows: Vectors, texts: Sequence[str], tags: set[str]) -> EmbeddedChunk:
    each = len(windows)
    text = " ".join(texts[number * each : (number + 1) * each])
    chunk = Chunk(
        id=str(number),
        document_id=f"d{number}",
        source_id="filtered",
        uri=f"filtered:{number}",
        ordinal=0,
        text=text,
        start=0,
        end=len(text),
        acl=("public",),
        metadata=Metadata(tags=tuple(sorted(tags))),
    )
    return EmbeddedChunk(chunk, windows)


def run(index: SearchIndex, queries: Vectors, similarity: np.ndarray, asked: Sequence[Trial], k: int) -> list[Cell]:
    """Ask every trial's questions with its filter, ``k`` candidates each; a row for each share and kind."""
    found: dict[tuple[float, str], list[tuple[float, float]]] = {}
    for trial in track(asked, "asking", console=Console(stderr=True)):
        passes = All((AnyOf("acl", frozenset({"public"})), AnyOf("tags", frozenset({trial.tag}))))
        for row in trial.questions:
            began = time.perf_counter()
            hits = [int(candidate.chunk_id) for candidate in index.vector(queries[row], passes, k)][:AT]
            elapsed_ms = (time.perf_counter() - began) * 1000
            outcome = recall(hits, similarity[row], trial.passing), elapsed_ms
            found.setdefault((trial.share, trial.kind), []).append(outcome)
    cells = []
    for (share, kind), outcomes in sorted(found.items(), key=lambda item: (item[0][0], KINDS.index(item[0][1]))):
        recalls, times = np.array(outcomes).T
        row = (round(float(recalls.mean()), 4), round(float(recalls.min()), 2), round(float(np.median(times)), 1))
        cells.append(Cell(share, kind, len(outcomes), *row))
    return cells


def recall(hits: Sequence[int], similarity: np.ndarray, passing: np.ndarray) -> float:
    """The share of the exact ten best of what passes that was found; a chunk as similar as the tenth is as good.

    Args:
        hits: chunks found.
        similarity: of the question to every chunk.
        passing: the chunks that pass the filter.
    """
    wanted = min(AT, len(passing))
    tenth = np.partition(similarity[passing], -wanted)[-wanted]
    allowed = set(passing.tolist())
    right = [hit for hit in set(hits) if hit in allowed and similarity[hit] >= tenth - _TIE]
    return len(right) / wanted


def _table(cells: Sequence[Cell], title: str) -> Table:
    table = Table("passes", "filter", "questions", "recall@10", "lowest", "p50 ms", title=title)
    for cell in cells:
        shown = (f"{100 * cell.share:g} %", cell.kind, str(cell.questions), f"{cell.recall:.3f}")
        table.add_row(*shown, f"{cell.lowest:.1f}", f"{cell.p50_ms:.1f}")
    return table


def _settings(args: argparse.Namespace, folder: Path) -> Settings:
    settings = load_settings()
    opensearch = settings.index.opensearch.model_copy(update={"url": args.url} if args.url else {})
    index = IndexSettings(kind=args.index, name=f"footnote-filtered-{args.vectors}", opensearch=opensearch)
    return settings.model_copy(update={"data_dir": folder, "index": index})


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of collections and handbooks")
    parser.add_argument("--index", choices=("embedded", "opensearch"), default="embedded")
    parser.add_argument("--url", help="of OpenSearch; else the settings'")
    parser.add_argument("--vectors", type=int, default=200_000)
    parser.add_argument("--windows", type=int, default=4, help="vectors to a chunk")
    parser.add_argument("--questions", type=int, default=100, help="for each share and kind of filter")
    parser.add_argument(
        "--k", type=int, nargs="+", default=[AT], help="candidates asked for; recall is of the first 10"
    )
    parser.add_argument("--cache", type=Path, default=Path(".footnote/eval/filtered"), help="where vectors are kept")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    return parser.parse_args(argv)


def _measure(args: argparse.Namespace, folder: Path) -> Iterator[tuple[int, list[Cell]]]:
    settings = _settings(args, folder)
    embedder = build_embedder(settings)
    tokens = embedder.tokenizer.count
    texts = texts_of(args.data, args.vectors, lambda text: tokens(text) <= embedder.window_tokens)
    texts = texts[: len(texts) // args.windows * args.windows]
    with Progress(console=Console(stderr=True)) as progress:
        vectors = cached_vectors(embedder, texts, args.cache, progress)
    questions = questions_of(args.data)
    some = questions[:: max(1, len(questions) // _QUESTIONS)]
    shown = track(some, "embedding questions", console=Console(stderr=True))
    queries = np.stack([embedder.embed_query(question) for question in shown])
    windows = vectors.reshape(len(texts) // args.windows, args.windows, embedder.dimensions)
    similarity = best_window(queries, windows)
    asked = trials(similarity, args.questions, args.seed)
    index = build_index(settings)
    try:
        made = index.begin(embedder.name, embedder.dimensions)
        pinned = index.for_generation(made.name)
        seconds = fill(pinned, windows, texts, asked)
        Console(stderr=True).print(f"{len(texts)} vectors in {len(windows)} chunks, indexed in {seconds:.0f} s")
        for k in args.k:
            yield k, run(pinned, queries, similarity, asked, k)
        index.drop(made.name)
    finally:
        index.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 1 where a cell is below the target."""
    args, console = _arguments(argv), Console(stderr=True)
    results = {}
    try:
        with tempfile.TemporaryDirectory(prefix="footnote-filtered-") as folder:
            for k, cells in _measure(args, Path(folder)):
                Console().print(_table(cells, f"{args.index}, {args.vectors} vectors, k = {k}"))
                results[k] = cells
    except (FootnoteError, DatasetError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    if args.out:
        rows = {str(k): [asdict(cell) for cell in cells] for k, cells in results.items()}
        args.out.write_text(json.dumps({"vectors": args.vectors, "index": args.index, "k": rows}, indent=2) + "\n")
    return int(any(cell.recall < TARGET for cells in results.values() for cell in cells))
