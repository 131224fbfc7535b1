"""Indexes of several sizes and layouts, built piece by piece."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.chunk import Vectors
from core.errors import InvalidRequest
from core.settings import IndexSettings, OpenSearchSettings, Settings
from eval.bench.scale.corpus import BLOCK, Corpus, structure
from eval.bench.scale.node import NodeStats
from eval.bench.scale.record import Build, file_of, read_build
from retrieval.embedding.port import Embedder
from retrieval.index.build import build_index
from retrieval.index.opensearch.vectors import VectorLayout
from retrieval.index.port import SearchIndex

LAYOUTS: dict[str, dict[str, str]] = {
    "fp32": {"engine": "lucene", "encoder": "fp32"},
    "byte": {"engine": "lucene", "encoder": "byte"},
    "4x": {"engine": "lucene", "mode": "on_disk", "compression": "4x"},
    "faiss": {"engine": "faiss", "encoder": "fp32"},
    "fp16": {"engine": "faiss", "encoder": "fp16"},
    "16x": {"engine": "faiss", "mode": "on_disk", "compression": "16x"},
    "32x": {"engine": "faiss", "mode": "on_disk", "compression": "32x"},
}
"""What ``--layout`` names. The graph's parameters are the settings'."""
_REVISION = 1
"""Of the chunks that a corpus gives: another one means other contents."""
_STRUCTURE_OF = 100_000

Progress = Callable[[str, int, int], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Target:
    """An index to build: ``settings`` are those that reach it alone."""

    size: int
    layout: str
    settings: Settings
    key: str

    @property
    def name(self) -> str:
        """In words, short."""
        return f"{self.size:,} {self.layout}"


def target(size: int, layout: str, settings: Settings, corpus: Corpus, embedder: Embedder) -> Target:
    """The index of that size and layout in the settings' OpenSearch.

    Raises:
        InvalidRequest: there is no such layout.
    """
    if layout not in LAYOUTS:
        raise InvalidRequest(f"There is no layout {layout!r}: take {', '.join(LAYOUTS)}.")
    present = settings.index.opensearch.model_dump(exclude={"engine", "encoder", "mode", "compression", "password"})
    opensearch = OpenSearchSettings(
        **{**present, **LAYOUTS[layout], "password": settings.index.opensearch.password, "rescore_oversample": None}
    )
    kept = VectorLayout.of_settings(opensearch).field(embedder.dimensions)
    parts = [_REVISION, size, corpus.seed, embedder.name, _digest(corpus), kept, opensearch.shards, opensearch.url]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    index = IndexSettings(kind="opensearch", name=f"footnote-scale-{key}", opensearch=opensearch)
    return Target(size, layout, settings.model_copy(update={"index": index}), key)


@contextmanager
def opened(target: Target) -> Iterator[SearchIndex]:
    """The target's index."""
    index = build_index(target.settings)
    try:
        yield index
    finally:
        index.close()


def build(
    target: Target,
    corpus: Corpus,
    embedder: Embedder,
    folder: Path,
    *,
    segments: int,
    goes_on: Callable[[], bool],
    progress: Progress,
    clock: Clock = time.monotonic,
) -> Build:
    """Build the index, or go on building it, until it is finished or ``goes_on`` says to stop.

    What it says is kept in ``folder``. A build whose index is gone begins anew.

    Args:
        segments: merge to so many; 0: leave it as it has merged by itself.
    """
    stats = NodeStats(target.settings.index.opensearch)
    try:
        with opened(target) as index:
            state = _state(target, index, embedder, folder)
            if not state.finished and _fill(state, corpus, index, folder, (goes_on, progress, clock)):
                _finish(state, corpus, index, stats, (goes_on, clock))
            if state.finished and 0 < segments < state.segments:
                state.finished = _merge(state, stats, segments, (goes_on, clock))
            state.save(folder)
    finally:
        stats.close()
    return state


def drop(target: Target, folder: Path) -> bool:
    """Delete the target's index and what is kept about it; whether there was one."""
    state = read_build(folder, target.key)
    if state is None:
        return False
    stats = NodeStats(target.settings.index.opensearch)
    try:
        stats.delete(state.generation)
    finally:
        stats.close()
    file_of(folder, target.key).unlink()
    return True


def _state(target: Target, index: SearchIndex, embedder: Embedder, folder: Path) -> Build:
    known = read_build(folder, target.key)
    there = {generation.name for generation in index.generations()}
    if known is not None and known.generation in there:
        return known
    generation = index.begin(embedder.name, embedder.dimensions).name
    state = Build(size=target.size, layout=target.layout, key=target.key, generation=generation)
    state.save(folder)
    return state


def _fill(
    state: Build, corpus: Corpus, index: SearchIndex, folder: Path, rules: tuple[Callable[[], bool], Progress, Clock]
) -> bool:
    """Write the chunks that are missing; whether all are there."""
    goes_on, progress, clock = rules
    pinned, what = index.for_generation(state.generation), f"index {state.size:,} {state.layout}"
    for block in corpus.blocks(state.size, state.done // BLOCK * BLOCK):
        if not goes_on():
            return False
        chunks = corpus.chunks(block)
        began = clock()
        pinned.upsert(chunks)
        state.seconds = round(state.seconds + clock() - began, 2)
        state.done = block.first + len(chunks)
        state.save(folder)
        progress(what, state.done, state.size)
    return True


def _finish(
    state: Build, corpus: Corpus, index: SearchIndex, stats: NodeStats, rules: tuple[Callable[[], bool], Clock]
) -> None:
    """Make it findable, wait for its merges, make it live, and look at its files."""
    goes_on, clock = rules
    began = clock()
    index.for_generation(state.generation).refresh()
    if not stats.settle(state.generation, goes_on):
        return
    state.settled_s = round(clock() - began, 1)
    index.swap(state.generation)
    state.bytes, state.segments = stats.bytes_of(state.generation), stats.segments(state.generation)
    state.structure = asdict(structure(vectors_of(corpus, min(state.size, _STRUCTURE_OF))))
    state.finished = True


def _merge(state: Build, stats: NodeStats, segments: int, rules: tuple[Callable[[], bool], Clock]) -> bool:
    """Merge it further; whether that is done."""
    goes_on, clock = rules
    began = clock()
    done = stats.merge(state.generation, segments, goes_on)
    state.settled_s = round(state.settled_s + clock() - began, 1)
    state.bytes, state.segments = stats.bytes_of(state.generation), stats.segments(state.generation)
    return done


def vectors_of(corpus: Corpus, size: int) -> Vectors:
    """The vectors of the first ``size`` chunks, shape (size, dimensions)."""
    return np.concatenate([block.vectors for block in corpus.blocks(size)])


def _digest(corpus: Corpus) -> str:
    digest = hashlib.sha256("\0".join(corpus.texts).encode())
    digest.update(corpus.vectors.tobytes())
    return digest.hexdigest()
