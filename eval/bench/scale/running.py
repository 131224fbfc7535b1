"""One run: the corpus, the indexes, the questions, the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.chunk import Vectors
from core.errors import InvalidRequest
from core.settings import Settings
from deploy.plan.index_size import LAYOUTS, size_of, stored_share
from deploy.plan.workload import Text, Workload
from eval.bench.report import machine
from eval.bench.scale import measuring
from eval.bench.scale.building import Target, build, drop, opened, target
from eval.bench.scale.corpus import BLOCK, Corpus
from eval.bench.scale.measuring import Asked, Questions
from eval.bench.scale.node import NodeStats
from eval.bench.scale.record import Build, Report
from eval.bench.search.filtered_text import questions_of, texts_of, vectors_by_part
from eval.progress import Progress
from retrieval.embedding.port import Embedder

_PLANNED_AS = {
    **{"fp32": "whole", "byte": "byte", "4x": "lucene 4x", "faiss": "whole, faiss", "fp16": "fp16"},
    **{"16x": "on disk, 16x", "32x": "on disk, 32x"},
}
PLANNED = {name: next(one for one in LAYOUTS if one.name == planned) for name, planned in _PLANNED_AS.items()}
"""The layouts of this benchmark as ``footnote plan`` knows them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for.

    Attributes:
        cache: where vectors and the state of builds are kept.
        goes_on: whether to build on.
        segments: merge every index to so many; 0: leave it as it has merged by itself.
    """

    settings: Settings
    data: Path
    sizes: Sequence[int]
    layouts: Sequence[str]
    distinct: int
    questions: int
    warm: int
    segments: int
    seed: int
    cache: Path
    goes_on: Callable[[], bool]
    progress: Progress
    command: str


def check(plan: Plan) -> None:
    """Raise InvalidRequest where the plan can't be carried out."""
    wrong = [size for size in plan.sizes if size % BLOCK or size <= 0]
    if wrong:
        raise InvalidRequest(f"--sizes {wrong[0]} isn't a multiple of {BLOCK:,}.")


def corpus_of(plan: Plan, embedder: Embedder) -> Corpus | None:
    """The real windows and their vectors, embedded where they aren't kept yet; None where time is up before.

    Raises:
        DatasetError: there is too little text.
    """
    tokens = embedder.tokenizer.count
    texts = texts_of(plan.data, plan.distinct, lambda text: tokens(text) <= embedder.window_tokens)
    parts: list[Vectors] = []
    for part in vectors_by_part(embedder, texts, plan.cache):
        parts.append(part)
        done = sum(len(one) for one in parts)
        plan.progress("embed", done, len(texts))
        if done < len(texts) and not plan.goes_on():
            return None
    return Corpus(texts, np.concatenate(parts), plan.seed)


def questions_for(plan: Plan, embedder: Embedder) -> Questions:
    """The collections' own questions, spread over them all. Raises DatasetError."""
    there = questions_of(plan.data)
    wanted = min(plan.questions + plan.warm, len(there))
    rows = np.random.default_rng(plan.seed).permutation(len(there))[:wanted]
    texts, vectors = [there[row] for row in rows], []
    for done, text in enumerate(texts):
        vectors.append(embedder.embed_query(text))
        plan.progress("embed questions", done + 1, len(texts))
    return Questions(texts, np.stack(vectors))


def targets_of(plan: Plan, corpus: Corpus, embedder: Embedder) -> list[Target]:
    """Every size in every layout, the small ones first."""
    return [
        target(size, layout, plan.settings, corpus, embedder)
        for size in sorted(set(plan.sizes))
        for layout in dict.fromkeys(plan.layouts)
    ]


def run(plan: Plan, embedder: Embedder) -> Report | None:
    """Build what is missing and measure it all; None where time was up before everything was built.

    Raises:
        DatasetError: too little text, or a record that can't be read.
        InvalidRequest: a size or a layout that can't be.
        IndexUnavailable: OpenSearch doesn't answer.
    """
    check(plan)
    corpus = corpus_of(plan, embedder)
    if corpus is None:
        return None
    targets = targets_of(plan, corpus, embedder)
    folder = plan.cache / "builds"
    folder.mkdir(parents=True, exist_ok=True)
    builds = []
    for one in targets:
        made = build(
            *(one, corpus, embedder, folder), segments=plan.segments, goes_on=plan.goes_on, progress=plan.progress
        )
        if not made.finished:
            return None
        made.planned = planned_bytes(corpus, made.size, made.layout, embedder.dimensions)
        builds.append(made)
    return _measure(plan, corpus, embedder, targets, builds)


def planned_bytes(corpus: Corpus, size: int, layout: str, dimensions: int) -> float:
    """What ``footnote plan`` would say of an index, from a sample of its text: ten blocks spread over it."""
    last = size // BLOCK - 1
    firsts = dict.fromkeys(round(number * last / 9) * BLOCK for number in range(10))
    texts = [one.chunk.text for first in firsts for one in corpus.chunks(corpus.block(first, first + BLOCK))]
    sample = Text(1, sum(map(len, texts)) / len(texts), stored_share(texts), measured=True)
    return size_of(Workload(size, sample, dimensions), PLANNED[layout]).disk


def drop_all(plan: Plan, embedder: Embedder) -> None:
    """Delete the plan's indexes. Raises as :func:`run` does."""
    check(plan)
    corpus = corpus_of(plan, embedder)
    for one in targets_of(plan, corpus, embedder) if corpus else ():
        drop(one, plan.cache / "builds")


def _measure(
    plan: Plan, corpus: Corpus, embedder: Embedder, targets: Sequence[Target], builds: Sequence[Build]
) -> Report:
    questions = questions_for(plan, embedder)
    warm = range(min(plan.warm, len(questions.texts) // 2))
    rows = range(len(warm), len(questions.texts))
    with _asked(targets, embedder, questions) as asked:
        for one, made in zip(asked, builds, strict=True):
            measuring.ask([one], warm, plan.progress, f"warm up {one.target.name}")
            _remember_memory(one.target, made, plan.cache / "builds")
            for found in one.found.values():
                found.clear()
        times = measuring.ask(asked, rows, plan.progress)
        right = measuring.exact(corpus, questions.vectors, [one.size for one in targets], plan.progress)
        measured = measuring.summary(asked, times, right)
    return Report(
        command=plan.command,
        machine=_machine(plan.settings),
        questions=len(rows),
        depth=plan.settings.retrieval.depth,
        distinct=len(corpus.texts),
        seed=plan.seed,
        builds=list(builds),
        measured=measured,
        growth=measuring.growth(targets, times),
    )


@contextmanager
def _asked(targets: Sequence[Target], embedder: Embedder, questions: Questions) -> Iterator[list[Asked]]:
    with ExitStack() as stack:
        yield [Asked(one, stack.enter_context(opened(one)), embedder, questions) for one in targets]


def _remember_memory(target: Target, made: Build, folder: Path) -> None:
    stats = NodeStats(target.settings.index.opensearch)
    try:
        memory = stats.memory()
    finally:
        stats.close()
    made.heap_mb, made.heap_max_mb = round(memory.heap, 1), round(memory.heap_max, 1)
    made.resident_mb = None if memory.resident is None else round(memory.resident, 1)
    made.keep(folder)


def _machine(settings: Settings) -> dict[str, object]:
    stats = NodeStats(settings.index.opensearch)
    try:
        version = stats.version()
    finally:
        stats.close()
    return {"opensearch": version, **machine()}
