"""The searches of both legs, and what comes back from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.settings import OpenSearchSettings
from retrieval.index.opensearch.filters import Query
from retrieval.index.opensearch.mapping import HEADINGS_FIELD, SEARCH_FIELD, TITLE_FIELD, VECTOR, WINDOWS
from retrieval.index.opensearch.vectors import VectorLayout
from retrieval.index.phrases import beginnings, phrases
from retrieval.index.port import USUAL_FIELDS, Candidate

if TYPE_CHECKING:
    from core.chunk import Vector
    from core.pipeline import FieldWeights

MAX_RESULTS = 10_000
"""OpenSearch's own limit on one page of results (index.max_result_window), and on a k-NN query's k."""
FETCH_BATCH = 1_000
MAX_TERMS = 1_000
"""Lucene refuses a query of more than 1024 clauses."""
_WORD = re.compile(r"[^\W_]+")

ANSWER_FIELDS = ",".join(
    f"responses.{part}" for part in ("status", "error", "hits.hits._id", "hits.hits._score", "hits.hits.fields")
)
PASSAGES: dict[str, Any] = {"_source": {"excludes": ["windows", "context", "window_count"]}}
"""What to ask for to read passages. Vectors that are left out need not be put back into the source."""
VECTORS: dict[str, Any] = {"fields": [VECTOR]}
"""Likewise for their vectors: on 2.19 twice as fast as as source; doc values of nested vectors can't be asked for."""
WHERE = "responses.hits.hits._index"
"""What to ask for beside them to learn which generation answered."""


def lexical_search(query: str, filter: Query, k: int, fields: FieldWeights = USUAL_FIELDS) -> dict[str, Any]:
    """BM25 of the fields, added. Lone surrogates in the query, which can't be sent, are replaced."""
    text = query.encode("utf-8", "replace").decode("utf-8")
    return _page({"bool": {**_lexical(text, fields), "filter": [filter]}}, k)


def near_search(word: str, filter: Query, k: int) -> dict[str, Any]:
    """Words that are spelt nearly so: their stems, with an edit or two, and letters that changed places as one."""
    word = word.encode("utf-8", "replace").decode("utf-8")
    asked: list[Query] = [{"match": {SEARCH_FIELD: {"query": word, "fuzziness": "AUTO"}}}]
    shorter = " ".join(beginnings(word))
    if shorter:
        asked.append({"match": {SEARCH_FIELD: {"query": shorter, "fuzziness": 1}}})
    return _page({"bool": {"must": [{"bool": {"should": asked}}], "filter": [filter]}}, k)


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


def _lexical(text: str, fields: FieldWeights) -> dict[str, Any]:
    """What has to match, and what adds to the score of what does."""
    weights = {SEARCH_FIELD: fields.body, TITLE_FIELD: fields.title, HEADINGS_FIELD: fields.headings}
    matches = [_match(text, field, weight) for field, weight in weights.items() if weight]
    most = _most_terms(text)
    if most > MAX_TERMS:
        return {"must": [_most_telling(text)]}
    if most * len(matches) > MAX_TERMS:  # a page of text is no title: the body says it all
        return {"must": matches[:1]}
    if not fields.body:
        return {"must": [{"bool": {"should": matches}}]}
    pairs = phrases(text) if fields.phrases else []
    # The body has the words of the others, so that only it has to be walked through.
    return {"must": matches[:1], "should": [*matches[1:], *(_phrase(pair, fields.phrases) for pair in pairs)]}


def _match(text: str, field: str, weight: float) -> Query:
    return {"match": {field: {"query": text, "boost": weight}}}


def _phrase(text: str, weight: float) -> Query:
    return {"match_phrase": {SEARCH_FIELD: {"query": text, "boost": weight}}}


def _most_telling(text: str) -> Query:
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


def batched(ids: Sequence[str], size: int = FETCH_BATCH) -> Iterator[list[str]]:
    """The ids in parts that one search can name."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def _page(query: Query, k: int) -> dict[str, Any]:
    return {
        "query": query,
        "size": min(k, MAX_RESULTS),  # always: a shard may find more than k
        "_source": False,
        "docvalue_fields": ["document_id"],
        "track_total_hits": False,
    }
