"""From passages to a ranking of documents, and from rankings to trec_eval's figures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pytrec_eval

from core.errors import InvalidRequest

NDCG = "ndcg@10"
METRICS = (NDCG, "mrr@10", "recall@10", "recall@50", "recall@100", "map")
DEPTH = 100
"""How many passages a pipeline is asked for: the deepest figure is Recall@100."""
_CUT = 10
_TREC_NAMES = {
    NDCG: "ndcg_cut_10",
    "recall@10": "recall_10",
    "recall@50": "recall_50",
    "recall@100": "recall_100",
    "map": "map",
}
_MEASURES = {"ndcg_cut.10", "recall.10,50,100", "map"}
_RULE = re.compile(r"max|sum:([1-9]\d*)")


@dataclass(frozen=True, slots=True)
class DocumentScore:
    """How a ranking of passages becomes one of documents.

    ``max``: a document stands where its best passage does (MaxP: Dai and Callan, Deeper Text Understanding for IR with
    Contextual Neural Language Modeling, SIGIR 2019). ``sum:N``: by the sum of ``1 / log2(1 + place)`` over its N best
    passages. Places and not scores, because scores on both sides of a reranker's depth don't compare.
    """

    rule: str = "max"

    def __post_init__(self) -> None:
        if not _RULE.fullmatch(self.rule):
            raise InvalidRequest(f"The document score is {self.rule!r}: use max, or sum:N as in sum:3.")

    def ranking(self, passages: Iterable[str]) -> list[str]:
        """Documents, best first, from the documents of passages, best first. Ties keep the passages' order."""
        if self.rule == "max":
            return list(dict.fromkeys(passages))
        best = int(self.rule.partition(":")[2])
        gains: dict[str, list[float]] = {}
        for place, document in enumerate(passages, start=1):
            gains.setdefault(document, []).append(1 / math.log2(1 + place))
        return sorted(gains, key=lambda document: -sum(gains[document][:best]))  # stable


MAX = DocumentScore()
"""A document stands where its best passage does."""


def measure(
    rankings: Mapping[str, Sequence[str]], qrels: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, float]]:
    """Every metric of every judged query, by trec_eval; a query without a ranking scores 0.

    trec_eval orders by score and breaks ties its own way, so a ranking goes in as falling whole numbers: its order is
    what is measured. MRR@10 is trec_eval's recip_rank of the first ten.
    """
    full = {query: _as_run(rankings.get(query, ())) for query in qrels}
    cut = {query: _as_run(rankings.get(query, ())[:_CUT]) for query in qrels}
    judged = {query: dict(grades) for query, grades in qrels.items()}
    found = pytrec_eval.RelevanceEvaluator(judged, _MEASURES).evaluate(full)
    reciprocal = pytrec_eval.RelevanceEvaluator(judged, {"recip_rank"}).evaluate(cut)
    return {
        query: {
            metric: float(reciprocal[query]["recip_rank"] if metric == "mrr@10" else found[query][_TREC_NAMES[metric]])
            for metric in METRICS
        }
        for query in qrels
    }


def _as_run(ranking: Sequence[str]) -> dict[str, float]:
    return {document: float(len(ranking) - place) for place, document in enumerate(ranking)}
