"""Whether a trained reranker may be used: the default pipeline with it against the default pipeline without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.pipeline import PipelineConfig, RerankConfig
from core.settings import Settings
from eval.datasets import DatasetError
from eval.progress import Progress
from eval.retrieval.gate import Decision, Rule, decide
from eval.retrieval.keeping import make_run
from eval.retrieval.pipelines import Entry
from eval.retrieval.record import Run
from eval.retrieval.running import Models, Plan, run_set
from eval.training.recipe import Gate
from eval.training.sources import Questions, normalised, read_source
from retrieval.embedding.port import Embedder, TokenEmbeddings
from retrieval.pipeline import default_pipeline, named_pipelines

TRAINED = "trained"
"""The name of the candidate pipeline."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate measured and said; ``pipeline`` is the candidate."""

    run: Run
    decision: Decision
    pipeline: PipelineConfig


def default_config(settings: Settings, embedder: Embedder) -> PipelineConfig:
    """The pipeline of a search that names none, as a retriever with this embedder and the settings' reranker has it.

    Raises:
        ConfigurationError: two pipelines of one name, or the settings name one that there is not.
    """
    tokens = isinstance(embedder, TokenEmbeddings)
    named = named_pipelines(settings, reranker=settings.reranker.model is not None, tokens=tokens)
    return named[default_pipeline(settings, named)]


def without_reranker(config: PipelineConfig) -> PipelineConfig:
    """The same pipeline up to its reranker: what gives a reranker its candidates."""
    return config.model_copy(update={"reranker": None})


def plain(settings: Settings) -> Settings:
    """The settings without pipelines of their own: those are passed as they are, some need a reranker to be there."""
    return settings.model_copy(
        update={"retrieval": settings.retrieval.model_copy(update={"pipelines": (), "pipeline": None})}
    )


def gate_sets(gate: Gate, settings: Settings, seed: int) -> dict[str, Questions]:
    """Read the gate's sets, by name.

    Raises:
        DatasetError: a set can't be read, or two of them are the same questions.
    """
    sets = {name: read_source(name, source, settings, seed) for name, source in gate.sets.items()}
    seen: dict[frozenset[str], str] = {}
    for name, questions in sets.items():
        asked = frozenset(map(normalised, questions.collection.queries.values()))
        if asked in seen:
            raise DatasetError(f"gate.sets: {name} and {seen[asked]} ask the same questions: they are one set.")
        seen[asked] = name
    return sets


def judge(
    model: Path,
    weight: float,
    gate: Gate,
    sets: dict[str, Questions],
    settings: Settings,
    *,
    cache: Path,
    progress: Progress,
    stale: bool = False,
) -> Judged:
    """Run both pipelines over every set, and let the gate decide.

    A reranker that the settings have already stays part of what has to be beaten.

    Raises:
        FootnoteError: a model or an index isn't usable.
    """
    models = Models()
    base = default_config(settings, models.embedder(settings))
    candidate = without_reranker(base).model_copy(
        update={"name": TRAINED, "reranker": RerankConfig(depth=gate.depth, weight=weight)}
    )
    plan = Plan(
        settings=plain(settings),
        entries=(Entry(base), Entry(candidate, reranker=str(model))),
        baseline=base.name,
        cache=cache,
        progress=progress,
        stale=stale,
    )
    rows = [run_set(plan, one.collection, models, documents=one.documents).row for one in sets.values()]
    run = make_run(plan, rows, note=f"gate of the reranker {model.name}")
    rule = Rule(alpha=gate.alpha, latency_ratio=gate.latency_ratio or None, max_drop=gate.max_drop)
    decision = decide([run], [run], rule, baseline_pipeline=base.name, candidate_pipeline=TRAINED)
    return Judged(run, decision, candidate)
