"""Candidates of a source's questions, as the product's own search finds them: hard negatives come from there."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.errors import FootnoteError
from core.pipeline import PipelineConfig
from core.principal import ANONYMOUS
from eval.datasets import Collection
from eval.progress import Progress
from eval.training.groups import Group, teacher_scores, z_scores
from eval.training.recipe import Mining, Teacher
from retrieval.hit import SearchHit
from retrieval.retriever import Retriever

_LEAST = 3
"""Candidates without which there is no order to learn."""
_FIRST_HALF = 0.5
"""The share of negatives that come from the best ones; the rest are drawn from all."""


@dataclass(frozen=True, slots=True)
class Mined:
    """The groups of a source, and how many questions gave none, by the reason."""

    groups: list[Group]
    left_out: Counter[str] = field(default_factory=Counter)


def mine(
    collection: Collection, retriever: Retriever, pipeline: PipelineConfig, depth: int, progress: Progress
) -> Mined:
    """Search for every question, and keep the best ``depth`` passages of those that found a relevant document.

    Only what everybody may read is searched. A question whose documents aren't among the candidates teaches nothing
    that a reranker could do: it is counted, not kept.
    """
    mined = Mined([])
    what = f"{collection.name}: searching candidates"
    for number, (query, question) in enumerate(collection.queries.items(), start=1):
        try:
            found = retriever.search(question, ANONYMOUS, limit=depth, pipeline=pipeline)
        except FootnoteError as error:
            mined.left_out[f"search failed ({type(error).__name__})"] += 1
            continue
        relevant = {document: grade for document, grade in collection.qrels[query].items() if grade > 0}
        group = Group(
            id=query,
            source=collection.name,
            question=question,
            documents=tuple(_document(hit, relevant) for hit in found.hits),
            passages=tuple(hit.chunk.search_text for hit in found.hits),
            first=tuple(hit.score for hit in found.hits),
            relevant=relevant,
        )
        if len(group.documents) < _LEAST:
            mined.left_out["fewer than three candidates"] += 1
        elif not group.positives:
            mined.left_out[f"nothing relevant among the first {depth}"] += 1
        else:
            mined.groups.append(group)
        progress(what, number, len(collection.queries))
    return mined


def _document(hit: SearchHit, relevant: Container[str]) -> str:
    """The hit's document; where its text stands in several, a relevant one of them."""
    documents = (hit.chunk.document_id, *(other.document_id for other in hit.duplicates))
    return next((document for document in documents if document in relevant), documents[0])


def drawn(groups: Sequence[Group], mining: Mining, teacher: Teacher, seed: int) -> Mined:
    """Each question with the candidates that it is trained with.

    Up to a third of them are relevant, the best by the teacher; half of the negatives are the search's best, the others
    are drawn from the rest. Left out are copies of a relevant passage, and candidates that the teacher, knowing nothing
    of judgments, puts more than ``margin`` of its deviations above the best relevant one: those are likely relevant and
    not judged (de Souza et al., NV-Retriever, 2024, with the margin relative to the positive).
    """
    drawn = Mined([])
    for group in groups:
        places = _places(group, mining, teacher, random.Random(f"{seed}:{group.source}:{group.id}"))
        if len(places) < _LEAST:
            drawn.left_out["too few negatives that are surely none"] += 1
            continue
        drawn.groups.append(_only(group, places))
    return drawn


def _places(group: Group, mining: Mining, teacher: Teacher, chance: random.Random) -> list[int]:
    blind = z_scores(teacher_scores(group, teacher.model_copy(update={"relevant": 0.0})))
    positives = sorted(group.positives, key=lambda place: -blind[place])[: max(1, mining.candidates // 3)]
    texts = {_flat(group.passages[place]) for place in positives}
    limit = float(np.max(blind[positives])) + mining.margin
    negatives = [p for p in group.negatives if blind[p] <= limit and _flat(group.passages[p]) not in texts]
    room = mining.candidates - len(positives)
    best = negatives[: max(1, int(room * _FIRST_HALF))]
    rest = negatives[len(best) :]
    chosen = [*positives, *best, *chance.sample(rest, min(len(rest), room - len(best)))]
    return chosen if negatives else []


def _only(group: Group, places: Sequence[int]) -> Group:
    return replace(
        group,
        documents=tuple(group.documents[place] for place in places),
        passages=tuple(group.passages[place] for place in places),
        first=tuple(group.first[place] for place in places),
    )


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())
