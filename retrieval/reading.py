"""Putting the best candidates in order by reading their passages; when that fails, the order before it stands."""

from __future__ import annotations

from core.errors import IndexUnavailable, ModelUnavailable
from core.filters import Filter
from core.pipeline import LateInteractionConfig, NeighbourConfig, PipelineConfig, RerankConfig
from retrieval.coverage import coverage
from retrieval.embedding.port import TokenEmbeddings
from retrieval.notes import Notes
from retrieval.ranked import Ranked, mixed, reorder, reread, vouch, weigh_words, with_chunks
from retrieval.reranking.late_interaction import LateInteractionReranker
from retrieval.reranking.port import Reranker

_BEST = 10
"""A page."""
_BEST_BY_WORDS = 3


def look_again(query: str, ranked: list[Ranked], config: PipelineConfig, visible: Filter, notes: Notes) -> None:
    """Reorder the head of a fused ranking by what its passages say, as far as the pipeline does that."""
    if config.late_interaction is not None:
        depth = config.late_interaction.depth
        with notes.timed("fetch"):
            head = with_chunks(ranked[:depth], visible, notes.view.index, vectors=config.neighbours is not None)
        with notes.timed("cover"):
            share = words_found(query, head, config.late_interaction)
            if share < 1 and any("vector" in item.ranks for item in ranked):
                weigh_words(ranked, head, config, share)
        read_tokens(query, head, config.late_interaction, notes)
        ranked[:depth] = head
        notes.order("late interaction", ranked)
    if config.neighbours is not None:
        _vouch(ranked, config.neighbours, visible, notes)
        notes.order("neighbours", ranked)


def _vouch(ranked: list[Ranked], config: NeighbourConfig, visible: Filter, notes: Notes) -> None:
    head = ranked[: config.depth]
    known = {item.id: item.windows for item in head if item.windows is not None}
    missing = [item.id for item in head if item.windows is None]
    try:
        with notes.timed("neighbours"):
            vectors = known | (notes.view.index.vectors(missing, visible) if missing else {})
    except IndexUnavailable as error:
        notes.without("neighbours", error.message)
    else:
        vouch(ranked, vectors, config)


def words_found(query: str, head: list[Ranked], config: LateInteractionConfig) -> float:
    """How much the lexical leg may count, from 0 to 1, by what its best passages have of the question's words.

    BM25's scores can't tell: the best of passages that have two words of nine stands out as far as one that has all.
    """
    by_words = sorted((item for item in head if "lexical" in item.ranks), key=lambda item: item.ranks["lexical"])
    best = [item.passage.search_text for item in by_words[:_BEST_BY_WORDS]]
    if not config.coverage or not best:
        return 1.0
    return min(1.0, coverage(query, best) / config.coverage) ** 2


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
