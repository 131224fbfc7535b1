"""Putting the best candidates in order by reading their passages; when that fails, the order before it stands."""

from __future__ import annotations

from core.errors import ModelUnavailable
from core.pipeline import LateInteractionConfig, RerankConfig
from retrieval.embedding.port import TokenEmbeddings
from retrieval.notes import Notes
from retrieval.ranked import Ranked, mixed, reorder, reread
from retrieval.reranking.late_interaction import LateInteractionReranker
from retrieval.reranking.port import Reranker

_BEST = 10
"""A page."""


def read_tokens(query: str, head: list[Ranked], config: LateInteractionConfig, notes: Notes) -> None:
    """Reorder ``head`` by late interaction, with the token embeddings of the generation's embedder."""
    embedder = notes.view.embedder
    if not isinstance(embedder, TokenEmbeddings):
        notes.without("late interaction", "the embedder shows no token embeddings")
        return
    try:
        with notes.timed("interact"):
            scores = _scores(LateInteractionReranker(embedder), query, head)
    except ModelUnavailable as error:
        notes.without("late interaction", error.message)
    else:
        reread(head, scores, config.weight)


def rerank(reranker: Reranker, query: str, found: list[Ranked], config: RerankConfig, notes: Notes) -> None:
    """Reorder the head of ``found`` by the reranker, as far down as it pays to read."""
    try:
        with notes.timed("rerank"):
            scores = _while_it_pays(reranker, query, found[: config.depth], config)
    except ModelUnavailable as error:
        notes.without("reranker", error.message)
    else:
        head = found[: len(scores)]
        reorder(head, scores, config.weight)
        found[: len(scores)] = head


def _while_it_pays(reranker: Reranker, query: str, head: list[Ranked], config: RerankConfig) -> list[float]:
    """Scores of the head, or of so much of it as is read until a part brings none among the best."""
    scores: list[float] = []
    step = config.patience or len(head)
    while len(scores) < len(head):
        known = len(scores)
        scores += _scores(reranker, query, head[known : known + step])
        new = mixed(head[: len(scores)], scores, config.weight)
        if max(sorted(range(len(new)), key=lambda at: -new[at])[:_BEST]) < known:
            break
    return scores


def _scores(reranker: Reranker, query: str, head: list[Ranked]) -> list[float]:
    return reranker.score(query, [item.passage.search_text for item in head])
