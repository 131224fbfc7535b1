"""The candidates of all sources, searched, and kept block by block."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from core.errors import ConfigurationError
from core.pipeline import PipelineConfig
from core.settings import Settings
from eval.datasets import Collection, DatasetError
from eval.progress import Progress
from eval.retrieval.corpus import fingerprint
from eval.retrieval.own_index import open_index
from eval.retrieval.running import Models
from eval.training.gating import default_config, plain, without_reranker
from eval.training.groups import Group, read_groups, write_groups
from eval.training.mining import Mined, mine
from eval.training.recipe import Recipe, Source
from eval.training.sources import Questions, normalised, read_source, without
from retrieval.embedding.port import Embedder
from retrieval.index.build import build_index
from retrieval.index.port import SearchIndex
from retrieval.retriever import Retriever

_BLOCK = 100
"""Questions that are searched before they are kept: what an end by force costs at most."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every question that found something relevant.

    Attributes:
        facts: by source: its kind, how many questions were asked, and why others were left out.
        key: identifies the groups.
        embedder: the one that searched.
    """

    groups: list[Group]
    facts: dict[str, dict[str, Any]]
    key: str
    embedder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What every source is searched with."""

    recipe: Recipe
    settings: Settings
    pipeline: PipelineConfig
    embedder: Embedder
    folder: Path
    cache: Path
    progress: Progress
    stale: bool


def prepare(
    recipe: Recipe,
    settings: Settings,
    tested: Sequence[Collection],
    *,
    work: Path,
    cache: Path,
    progress: Progress,
    stale: bool,
) -> Candidates:
    """Read and search every source, or read what was kept of it.

    Args:
        tested: the gate's sets, whose questions are left out of every source.

    Raises:
        DatasetError: a source has nothing to ask, or nothing of it is found.
        FootnoteError: a model or an index isn't there, or can't be used.
    """
    embedder = Models().embedder(settings)
    search = _Search(
        recipe=recipe,
        settings=plain(settings),
        pipeline=_pipeline(recipe, settings, embedder),
        embedder=embedder,
        folder=work / "groups",
        cache=cache,
        progress=progress,
        stale=stale,
    )
    search.folder.mkdir(parents=True, exist_ok=True)
    avoided = frozenset(normalised(text) for one in tested for text in one.queries.values())
    found = {name: _found(name, source, search, avoided) for name, source in recipe.sources.items()}
    return Candidates(
        groups=[group for groups, _, _ in found.values() for group in groups],
        facts={name: facts for name, (_, facts, _) in found.items()},
        key=_digest([key for _, _, key in found.values()]),
        embedder=embedder.name,
    )


def _pipeline(recipe: Recipe, settings: Settings, embedder: Embedder) -> PipelineConfig:
    pipeline = recipe.mining.pipeline or without_reranker(default_config(settings, embedder))
    if pipeline.reranker is not None:
        raise ConfigurationError(
            "mining.pipeline has a reranker: its candidates are those that a reranker gets. Drop it."
        )
    return pipeline


def _found(
    name: str, source: Source, search: _Search, avoided: frozenset[str]
) -> tuple[list[Group], dict[str, Any], str]:
    """A source's groups, what is to be recorded of them, and what identifies them. Raises DatasetError."""
    questions = without(read_source(name, source, search.settings, search.recipe.fitting.seed), avoided, name)
    found, key = _source(name, source, questions, search)
    asked = len(questions.collection.queries)
    if not found.groups:
        why = "; ".join(f"{reason}: {count}" for reason, count in found.left_out.items())
        raise DatasetError(f"{name}: of its {asked} questions none can be used ({why}).")
    left_out = {**(questions.left_out or {}), **found.left_out}
    return found.groups, {"kind": source.kind, "asked": asked, "left_out": left_out}, key


def _source(name: str, source: Source, questions: Questions, search: _Search) -> tuple[Mined, str]:
    """The groups of a source, block by block; a block that was made before is read from its file."""
    key = _key(source, questions, search)
    folder = search.folder / f"{name}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    collection, whole = questions.collection, Mined([])
    asked = list(collection.queries)
    with _Opened(questions, search) as opened:
        for first in range(0, len(asked), _BLOCK):
            file = folder / f"{first:07}.jsonl"
            notes = file.with_suffix(".json")
            if not (file.is_file() and notes.is_file()):
                some = {query: collection.queries[query] for query in asked[first : first + _BLOCK]}
                mined = opened.block(replace(collection, queries=some), first, len(asked))
                write_groups(mined.groups, file)
                notes.write_text(json.dumps(mined.left_out) + "\n", encoding="utf-8")
            whole.groups.extend(read_groups(file))
            whole.left_out.update(json.loads(notes.read_text(encoding="utf-8")))
    return whole, key


class _Opened:
    """A source's index, opened by the first block that has to be made."""

    def __init__(self, questions: Questions, search: _Search) -> None:
        self._questions = questions
        self._search = search
        self._index: SearchIndex | None = None
        self._retriever: Retriever | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._index is not None:
            self._index.close()

    def block(self, collection: Collection, done: int, total: int) -> Mined:
        """Search some of the questions, of which ``done`` are done already."""
        search = self._search

        def progress(what: str, here: int, _: int) -> None:
            search.progress(what, done + here, total)

        if self._retriever is None:
            self._index = _index(self._questions, search)
            self._retriever = Retriever(self._index, search.embedder, None, search.settings)
            self._retriever.warm_up()
        return mine(collection, self._retriever, search.pipeline, search.recipe.mining.depth, progress)


def _index(questions: Questions, search: _Search) -> SearchIndex:
    """The index of the source's own documents, or the one that is served, only read."""
    collection, embedder = questions.collection, search.embedder
    if questions.documents is None:
        own = open_index(
            collection, search.settings, embedder, cache=search.cache, progress=search.progress, stale=search.stale
        )
        return own.index
    index = build_index(search.settings)
    if not any(generation.live for generation in index.generations()):
        index.close()
        raise ConfigurationError("The knowledge base has no index yet. Take documents in: footnote ingest FOLDER")
    index.ensure(embedder.name, embedder.dimensions)
    return index


def _key(source: Source, questions: Questions, search: _Search) -> str:
    recipe = search.recipe
    return _digest(
        [
            source.model_dump(mode="json", exclude={"path", "qrels"}),
            fingerprint(questions.collection),
            questions.documents,
            recipe.mining.depth,
            search.pipeline.model_dump(mode="json"),
            search.embedder.name,
            search.settings.chunking.model_dump(mode="json"),
        ]
    )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
