"""Recall of filtered vector search against exact search: ``footnote bench filtered --data ../shared/data``.

Real text: windows of one to three sentences of the collections and handbooks, embedded with the settings' model (kept
in ``--cache``), four windows to a chunk as in a knowledge base. Questions are the collections' own. Each share of the
chunks passes three filters: a random one; one that passes the chunks nearest to some question, asked by its
neighbours (correlated); and the same, asked by the questions farthest from it (against). A hit counts if its exact
similarity is at least that of the exact tenth, so ties are no loss.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from core.chunk import Chunk, EmbeddedChunk, Vectors
from core.filters import All, AnyOf
from core.metadata import Metadata
from core.settings import IndexSettings, Settings
from eval.bench.report import machine, machine_line, markdown, write_json
from eval.bench.search.filtered_text import cached_vectors, questions_of, texts_of
from eval.cli.shared import FILE, FOLDER, settings
from eval.progress import Progress, bars, tracked, unseen
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


def fill(
    index: SearchIndex, windows: np.ndarray, texts: Sequence[str], asked: Sequence[Trial], progress: Progress = unseen
) -> float:
    """Write the chunks with the tags of the filters that they pass; seconds."""
    tags: list[set[str]] = [set() for _ in range(len(windows))]
    for trial in asked:
        for chunk in trial.passing:
            tags[chunk].add(trial.tag)
    began = time.monotonic()
    for first in tracked(range(0, len(windows), _BATCH), "indexing", progress):
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


def run(
    index: SearchIndex,
    queries: Vectors,
    similarity: np.ndarray,
    asked: Sequence[Trial],
    k: int,
    *,
    progress: Progress = unseen,
) -> list[Cell]:
    """Ask every trial's questions with its filter, ``k`` candidates each; a row for each share and kind."""
    found: dict[tuple[float, str], list[tuple[float, float]]] = {}
    for trial in tracked(asked, f"asking for {k}", progress):
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


def _settings(current: Settings, kind: str, vectors: int, url: str | None, folder: Path) -> Settings:
    opensearch = current.index.opensearch.model_copy(update={"url": url} if url else {})
    index = IndexSettings.model_validate(
        {"kind": kind, "name": f"footnote-filtered-{vectors}", "opensearch": opensearch}
    )
    return current.model_copy(update={"data_dir": folder, "index": index})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of the command, but for the index."""

    data: Path
    vectors: int
    windows: int
    questions: int
    candidates: tuple[int, ...]
    cache: Path
    seed: int


def measure(asked: Asked, current: Settings, progress: Progress) -> dict[int, list[Cell]]:
    """Embed, fill an index of its own, and ask; cells by the number of candidates."""
    embedder = build_embedder(current)
    tokens = embedder.tokenizer.count
    texts = texts_of(asked.data, asked.vectors, lambda text: tokens(text) <= embedder.window_tokens)
    texts = texts[: len(texts) // asked.windows * asked.windows]
    vectors = cached_vectors(embedder, texts, asked.cache, progress)
    questions = questions_of(asked.data)
    some = questions[:: max(1, len(questions) // _QUESTIONS)]
    queries = np.stack([embedder.embed_query(question) for question in some])
    windows = vectors.reshape(len(texts) // asked.windows, asked.windows, embedder.dimensions)
    similarity = best_window(queries, windows)
    made_of = trials(similarity, asked.questions, asked.seed)
    index = build_index(current)
    try:
        made = index.begin(embedder.name, embedder.dimensions)
        pinned = index.for_generation(made.name)
        seconds = fill(pinned, windows, texts, made_of, progress)
        click.echo(f"{len(texts)} vectors in {len(windows)} chunks, indexed in {seconds:.0f} s", err=True)
        cells = {k: run(pinned, queries, similarity, made_of, k, progress=progress) for k in asked.candidates}
        index.drop(made.name)
    finally:
        index.close()
    return cells


@click.command(epilog="Example:  footnote bench filtered --data ../shared/data")
@click.option("--data", type=FOLDER, required=True, help="The folder of collections and handbooks.")
@click.option("--index", "kind", type=click.Choice(["embedded", "opensearch"]), default="embedded", show_default=True)
@click.option("--url", help="Of OpenSearch; without it, the settings'.")
@click.option("--vectors", default=200_000, show_default=True)
@click.option("--windows", default=4, show_default=True, help="Vectors to a chunk.")
@click.option("--questions", default=100, show_default=True, help="For each share and kind of filter.")
@click.option(
    "--k", "candidates", type=int, multiple=True, default=(AT,), show_default=True,
    help="Candidates asked for; recall is of the first 10. Repeatable.",
)  # fmt: skip
@click.option("--cache", type=FOLDER, default=".footnote/eval/filtered", show_default=True, help="Keeps the vectors.")
@click.option("--seed", default=7, show_default=True)
@click.option("--out", type=FILE, help="Write the figures as JSON.")
def filtered(*, kind: str, url: str | None, out: Path | None, **options: Any) -> None:
    """Compare filtered vector search with exact search; exit with status 1 where recall is below .97."""
    asked = Asked(**options)
    with tempfile.TemporaryDirectory(prefix="footnote-filtered-") as folder, bars() as progress:
        found = measure(asked, _settings(settings(), kind, asked.vectors, url, Path(folder)), progress)
    head = ("k", "passes", "filter", "questions", "recall@10", "lowest", "p50 ms")
    rows = [
        (k, f"{100 * c.share:g} %", c.kind, c.questions, f"{c.recall:.3f}", f"{c.lowest:.1f}", f"{c.p50_ms:.1f}")
        for k, cells in found.items()
        for c in cells
    ]
    click.echo(f"{machine_line()}; {kind}, {asked.vectors} vectors\n\n{markdown(head, rows)}")
    shown = {str(k): [asdict(cell) for cell in cells] for k, cells in found.items()}
    write_json({"machine": machine(), "vectors": asked.vectors, "index": kind, "k": shown}, out)
    if any(cell.recall < TARGET for cells in found.values() for cell in cells):
        raise click.exceptions.Exit(1)
