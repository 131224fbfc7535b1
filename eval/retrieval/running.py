"""Running pipelines over sets of judged questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import ConfigurationError, ModelUnavailable
from core.principal import ANONYMOUS, Principal
from core.settings import EmbedderSettings, RerankerSettings, Settings
from eval.datasets import Collection
from eval.metrics import latency
from eval.progress import Progress
from eval.retrieval.corpus import fingerprint
from eval.retrieval.figures import compare, figures, phase_rows, query_rows, stage_latencies
from eval.retrieval.own_index import OwnIndex, open_index
from eval.retrieval.pipelines import Entry
from eval.retrieval.record import PipelineRow, SetRow
from eval.retrieval.scoring import MAX, DocumentScore
from eval.retrieval.served_index import served
from eval.retrieval.ways import Asked, LegRecorder, Way
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder
from retrieval.index.port import SearchIndex
from retrieval.reranking.build import build_reranker
from retrieval.reranking.port import Reranker
from retrieval.retriever import Retriever

_WARM = 5
"""Questions asked of each pipeline before the clock counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to run.

    Attributes:
        baseline: the pipeline that the others are compared with.
        principal: the reader; only a live knowledge base has documents that not everybody may read.
        wrap: put around every index before it is searched; for tests of the harness itself.
    """

    settings: Settings
    entries: tuple[Entry, ...]
    baseline: str
    cache: Path
    progress: Progress
    rule: DocumentScore = MAX
    principal: Principal = ANONYMOUS
    stale: bool = False
    wrap: Callable[[SearchIndex], SearchIndex] = lambda index: index


@dataclass(slots=True)
class Models:
    """Embedders and rerankers by their settings, so that pipelines share them."""

    _embedders: dict[EmbedderSettings, Embedder] = field(default_factory=dict)
    _rerankers: dict[RerankerSettings, Reranker | None] = field(default_factory=dict)

    def embedder(self, settings: Settings) -> Embedder:
        """The embedder that the settings name."""
        if settings.embedder not in self._embedders:
            self._embedders[settings.embedder] = build_embedder(settings)
        return self._embedders[settings.embedder]

    def reranker(self, settings: Settings) -> Reranker | None:
        """The reranker that the settings name."""
        if settings.reranker not in self._rerankers:
            self._rerankers[settings.reranker] = build_reranker(settings)
        return self._rerankers[settings.reranker]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A set's row, and the rankings behind it: documents by pipeline and query."""

    row: SetRow
    rankings: Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class _Scene:
    """One set with everything that is needed to ask and to report. ``indexes``: by pipeline."""

    plan: Plan
    collection: Collection
    models: Models
    indexes: Mapping[str, OwnIndex]


def run_set(plan: Plan, collection: Collection, models: Models, *, documents: int | None = None) -> Outcome:
    """Ask every judged question of every pipeline, and work out the figures.

    Args:
        documents: how many a live knowledge base has; None: index the collection's own.

    Raises:
        FootnoteError: a model or the index isn't usable. A query that fails is a figure, not an error.
    """
    with _scene(plan, collection, models, live=documents is not None) as scene:
        asked = _ask_all(scene)
        row = _set_row(scene, asked, len(collection.documents) if documents is None else documents)
    return Outcome(row, {name: {q: found.ranking for q, found in answers.items()} for name, answers in asked.items()})


def ask_live(plan: Plan, name: str, questions: Mapping[str, str]) -> dict[str, dict[str, Asked]]:
    """What each pipeline finds in the knowledge base, by pipeline and question; nothing is scored.

    Raises:
        FootnoteError: a model or the index isn't usable.
    """
    with _scene(plan, Collection(name, (), questions, {}), Models(), live=True) as scene:
        return _ask_all(scene)


@contextmanager
def _scene(plan: Plan, collection: Collection, models: Models, *, live: bool) -> Iterator[_Scene]:
    """Open or build an index for each embedder, and close them at the end."""
    opened: dict[tuple[str, str | None], OwnIndex] = {}
    try:
        indexes = {}
        for entry in plan.entries:
            settings = entry.over(plan.settings)
            with _naming(entry):
                embedder = models.embedder(settings)
                models.reranker(settings)
            key = embedder.name, entry.generation
            if key not in opened and live:
                opened[key] = served(settings, embedder, entry.generation)
            elif key not in opened:
                opened[key] = open_index(
                    collection, settings, embedder, cache=plan.cache, progress=plan.progress, stale=plan.stale
                )
            indexes[entry.config.name] = opened[key]
        yield _Scene(plan, collection, models, indexes)
    finally:
        for own in opened.values():
            own.index.close()


@contextmanager
def _naming(entry: Entry) -> Iterator[None]:
    """Say which pipeline's model can't be used, where the pipeline and not the settings names it."""
    try:
        yield
    except (ConfigurationError, ModelUnavailable) as error:
        if entry.embedder is None and entry.reranker is None:
            raise
        raise type(error)(
            f"Pipeline {entry.config.name!r}, `models`: {error.message} Name the folder of a sentence-transformers "
            "model, or a model's name on the hub."
        ) from error


def _ways(scene: _Scene) -> list[Way]:
    """The pipelines, ready to be asked, their models loaded. Raises ModelUnavailable."""
    plan, found = scene.plan, []
    for entry in plan.entries:
        settings = entry.over(plan.settings)
        recorder, index = LegRecorder.around(plan.wrap(scene.indexes[entry.config.name].index))
        retriever = Retriever(index, scene.models.embedder(settings), scene.models.reranker(settings), settings)
        with _naming(entry):
            retriever.warm_up()
        found.append(Way(entry.config, retriever, recorder, plan.principal, plan.rule))
    return found


def _ask_all(scene: _Scene) -> dict[str, dict[str, Asked]]:
    """What each pipeline found for each query. They take turns, so that a busy moment hits all of them alike."""
    order = _ways(scene)
    questions = list(scene.collection.queries.items())
    for way in order:
        for _, text in questions[-_WARM:]:
            way.ask(text)
    asked: dict[str, dict[str, Asked]] = {way.config.name: {} for way in order}
    for place, (query, text) in enumerate(questions):
        turn = place % len(order)
        for way in order[turn:] + order[:turn]:
            asked[way.config.name][query] = way.ask(text)
        scene.plan.progress(f"{scene.collection.name}: asking", place + 1, len(questions))
    return asked


def _set_row(scene: _Scene, asked: Mapping[str, Mapping[str, Asked]], documents: int) -> SetRow:
    plan, collection = scene.plan, scene.collection
    rows = [_pipeline_row(scene, entry, asked[entry.config.name]) for entry in plan.entries]
    base = next(row for row in rows if row.name == plan.baseline)
    compared = [
        row if row is base else row.model_copy(update={"versus": compare(collection, base, row, asked)}) for row in rows
    ]
    return SetRow(
        name=collection.name,
        split=collection.split,
        fingerprint=fingerprint(collection),
        documents=documents,
        empty_documents=sum(not (document.title + document.text).strip() for document in collection.documents),
        judged=len(collection.queries),
        unjudged=tuple(collection.unjudged),
        missing=len(collection.missing),
        indexes=tuple({own.row.key: own.row for own in scene.indexes.values()}.values()),
        pipelines=tuple(compared),
    )


def _pipeline_row(scene: _Scene, entry: Entry, asked: Mapping[str, Asked]) -> PipelineRow:
    settings = entry.over(scene.plan.settings)
    reranker = scene.models.reranker(settings)
    rows = query_rows(scene.collection, asked)
    return PipelineRow(
        name=entry.config.name,
        config=entry.as_json(),
        embedder=scene.models.embedder(settings).name,
        reranker=reranker.name if reranker is not None else None,
        index=scene.indexes[entry.config.name].row.key,
        metrics=figures([row.metrics for row in rows]),
        latency=latency([row.ms for row in rows if row.status != "failed"]),
        stages=stage_latencies(asked),
        phases=phase_rows(scene.collection, asked),
        failed=sum(row.status == "failed" for row in rows),
        empty=sum(row.status == "empty" for row in rows),
        degraded=sum(bool(row.degraded) for row in rows),
        unjudged_10=sum(row.unjudged_10 for row in rows) / len(rows),
        queries=rows,
    )
