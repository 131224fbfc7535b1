"""The searches of both legs, and what comes back from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from core.settings import OpenSearchSettings
from retrieval.index.opensearch.filters import Query
from retrieval.index.opensearch.mapping import SEARCH_FIELD, VECTOR, WINDOWS
from retrieval.index.opensearch.vectors import VectorLayout
from retrieval.index.port import Candidate

if TYPE_CHECKING:
    from core.chunk import Vector

MAX_RESULTS = 10_000
"""OpenSearch's own limit on one page of results (index.max_result_window), and on a k-NN query's k."""
MAX_TERMS = 1_000
"""Lucene refuses a query of more than 1024 clauses."""
_WORD = re.compile(r"[^\W_]+")

ANSWER_FIELDS = ",".join(
    f"responses.{part}" for part in ("status", "error", "hits.hits._id", "hits.hits._score", "hits.hits.fields")
)
WHERE = "responses.hits.hits._index"
"""What to ask for beside them to learn which generation answered."""


def lexical_search(query: str, filter: Query, k: int) -> dict[str, Any]:
    """BM25 over context and text. Lone surrogates in the query, which can't be sent, are replaced."""
    text = query.encode("utf-8", "replace").decode("utf-8")
    return _page({"bool": {"must": [_match(text)], "filter": [filter]}}, k)


def vector_search(
    embedding: Vector, filter: Query, k: int, settings: OpenSearchSettings, layout: VectorLayout
) -> dict[str, Any]:
    """HNSW over the windows, the best window counting for its chunk; the filter works inside the graph search.

    Lucene's graph search keeps no more candidates than the k that it is asked for: with 10 it misses a tenth of the ten
    best under filters of 10 to 50 %, with 100 it misses none (docs/generations.md). Fewer hits are a cut of these.
    """
    width = min(max(k, settings.hnsw_ef_search), MAX_RESULTS)
    options = layout.search_options(settings)
    knn = {VECTOR: {"vector": layout.encode(embedding), "k": width, "filter": filter, **options}}
    return _page({"nested": {"path": WINDOWS, "score_mode": "max", "query": {"knn": knn}}}, k)


def _match(text: str) -> Query:
    if _most_terms(text) <= MAX_TERMS:
        return {"match": {SEARCH_FIELD: {"query": text}}}
    # A match of pages of text would be refused. This is the BM25 sum over its most telling terms that occur, each
    # counted once. A match counts a word as often as it is asked, which is worth .07 of nDCG@10 on long questions.
    like = {
        "fields": [SEARCH_FIELD],
        "like": text,
        "max_query_terms": MAX_TERMS,
        "min_term_freq": 1,
        "min_doc_freq": 1,
        "minimum_should_match": 1,
    }
    return {"more_like_this": like}


def _most_terms(text: str) -> int:
    """An upper bound on the terms that the analyzer makes of the text.

    A character of a script without spaces can be a term of its own, and begin another one behind it.
    """
    return len(_WORD.findall(text)) + 2 * sum(not character.isascii() for character in text)


def candidates(response: Mapping[str, Any], to_score: Callable[[float], float] = float) -> list[Candidate]:
    """The hits of one search, ties in the order of their ids; ``to_score`` makes the score of OpenSearch's."""
    hits = response.get("hits", {}).get("hits", [])
    found = [Candidate(hit["_id"], hit["fields"]["document_id"][0], to_score(hit["_score"])) for hit in hits]
    found.sort(key=lambda candidate: (-candidate.score, candidate.chunk_id))
    return found


def _page(query: Query, k: int) -> dict[str, Any]:
    return {
        "query": query,
        "size": min(k, MAX_RESULTS),  # always: a shard may find more than k
        "_source": False,
        "docvalue_fields": ["document_id"],
        "track_total_hits": False,
    }
