"""Whether a generation of the index may replace another one, by judged questions."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import NotFound
from core.pipeline import PipelineConfig
from core.principal import Principal
from core.settings import Settings
from eval.datasets import Collection
from eval.progress import Progress
from eval.retrieval.gate import Decision, Rule, decide
from eval.retrieval.keeping import make_run
from eval.retrieval.pipelines import Entry
from eval.retrieval.record import Run
from eval.retrieval.running import Models, Plan, run_set
from retrieval.index.build import build_index
from retrieval.index.port import Generation
from retrieval.pipeline import default_pipeline, named_pipelines

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What generations are judged by.

    Attributes:
        documents: how many the knowledge base has.
        principal: who asks; what they may not read is not found.
    """

    settings: Settings
    collection: Collection
    documents: int
    principal: Principal
    rule: Rule


def compare(judged: Judged, before: str, after: str, progress: Progress) -> tuple[Run, Decision]:
    """Ask every question of both generations, by turns, with the pipeline of searches that name none.

    Each is searched with the embedder that built it. Nothing is written, and what is served stays as it is.

    Raises:
        NotFound: the index has no generation of that name.
        ConfigurationError, ModelUnavailable, IndexUnavailable: a generation can't be searched.
    """
    settings = judged.settings
    there, pipeline = _generations(settings), _default(settings)
    for name in (before, after):
        if name not in there:
            raise NotFound(
                f"The index that the settings here name has no generation {name!r}. Its own generations are asked, so "
                "run this where the service's settings are."
            )
    plan = Plan(
        settings=settings,
        entries=tuple(_entry(pipeline, name, there[of]) for name, of in ((BEFORE, before), (AFTER, after))),
        baseline=BEFORE,
        cache=settings.data_dir / "eval",
        progress=progress,
        principal=judged.principal,
    )
    row = run_set(plan, judged.collection, Models(), documents=judged.documents).row
    run = make_run(plan, [row], note=f"{after} against {before}, pipeline {pipeline.name}")
    return run, decide([run], [run], judged.rule, baseline_pipeline=BEFORE, candidate_pipeline=AFTER)


def _generations(settings: Settings) -> dict[str, Generation]:
    index = build_index(settings)
    try:
        return {one.name: one for one in index.generations()}
    finally:
        index.close()


def _entry(pipeline: PipelineConfig, name: str, generation: Generation) -> Entry:
    config = pipeline.model_copy(update={"name": name})
    return Entry(config, embedder=generation.model or None, generation=generation.name)


def _default(settings: Settings) -> PipelineConfig:
    named = named_pipelines(settings, reranker=settings.reranker.model is not None)
    return named[default_pipeline(settings, named)]
