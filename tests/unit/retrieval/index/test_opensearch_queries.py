"""The searches of both legs, and how their scores are read."""

from __future__ import annotations

import numpy as np

from core.pipeline import FieldWeights
from core.settings import OpenSearchSettings
from retrieval.index.opensearch.queries import (
    MAX_RESULTS,
    MAX_TERMS,
    candidates,
    lexical_search,
    vector_search,
)
from retrieval.index.opensearch.vectors import VectorLayout

LUCENE = OpenSearchSettings()


def test_both_searches_ask_for_ids_and_scores_only_and_say_how_many() -> None:
    for search in (
        lexical_search("q", {}, 20_000),
        vector_search(np.ones(2, np.float32), {}, 20_000, LUCENE, VectorLayout()),
    ):
        assert search["size"] == MAX_RESULTS
        assert search["_source"] is False
        assert search["track_total_hits"] is False


def test_the_filter_is_inside_both_legs() -> None:
    only = {"terms": {"acl": ["public"]}}
    assert lexical_search("q", only, 5)["query"]["bool"]["filter"] == [only]
    search = vector_search(np.ones(2, np.float32), only, 5, LUCENE, VectorLayout())
    knn = search["query"]["nested"]["query"]["knn"]["windows.vector"]
    assert knn["filter"] == only
    assert (knn["k"], search["size"]) == (LUCENE.hnsw_ef_search, 5)


def test_the_graph_is_searched_as_wide_as_the_settings_say() -> None:
    wide = OpenSearchSettings(hnsw_ef_search=300)
    search = vector_search(np.ones(2, np.float32), {}, 5, wide, VectorLayout())
    assert search["query"]["nested"]["query"]["knn"]["windows.vector"]["k"] == 300


def test_a_question_is_sent_as_the_generation_keeps_vectors() -> None:
    settings = OpenSearchSettings(engine="faiss", mode="on_disk", hnsw_ef_search=200, rescore_oversample=5)
    disk = vector_search(np.ones(2, np.float32), {}, 5, settings, VectorLayout.of_settings(settings))
    knn = disk["query"]["nested"]["query"]["knn"]["windows.vector"]
    assert knn["method_parameters"] == {"ef_search": 200}
    assert knn["rescore"] == {"oversample_factor": 5}
    rounded = vector_search(np.array([0.6, -0.8], np.float32), {}, 5, LUCENE, VectorLayout(encoder="byte"))
    assert rounded["query"]["nested"]["query"]["knn"]["windows.vector"]["vector"].tolist() == [95, -127]


def test_a_short_question_is_a_match_and_a_long_one_the_sum_of_its_most_telling_terms() -> None:
    short = lexical_search("xy_zzy " * (MAX_TERMS // 2), {}, 5)["query"]["bool"]["must"]
    assert list(short[0]) == ["match"]
    long = lexical_search("x " * (MAX_TERMS + 1), {}, 5)["query"]["bool"]["must"]
    assert long[0]["more_like_this"]["max_query_terms"] == MAX_TERMS


def test_a_script_without_spaces_has_a_term_to_a_character() -> None:
    for text in ("\u6587" * MAX_TERMS, "a\u6587" * (MAX_TERMS // 2 + 1)):
        assert "more_like_this" in lexical_search(text, {}, 5)["query"]["bool"]["must"][0]


def test_a_lone_surrogate_in_a_question_is_replaced() -> None:
    [match] = lexical_search("a\ud800b", {}, 5)["query"]["bool"]["must"]
    assert match["match"]["search"]["query"] == "a?b"


def test_fields_add_and_only_the_body_has_to_match() -> None:
    asked = lexical_search("terms of service", {}, 5, FieldWeights(title=0.5, headings=0, phrases=0.2))["query"]["bool"]
    assert asked["must"] == [{"match": {"search": {"query": "terms of service", "boost": 1.0}}}]
    assert asked["should"] == [
        {"match": {"title_words": {"query": "terms of service", "boost": 0.5}}},
        {"match_phrase": {"search": {"query": "terms of service", "boost": 0.2}}},
    ]
    alone = lexical_search("terms of service", {}, 5, FieldWeights(title=1, headings=0, body=0))["query"]["bool"]
    assert alone["must"] == [
        {"bool": {"should": [{"match": {"title_words": {"query": "terms of service", "boost": 1}}}]}}
    ]
    assert "should" not in alone


def test_ties_are_in_the_order_of_their_ids() -> None:
    hits = [{"_id": i, "_score": s, "fields": {"document_id": ["d"]}} for i, s in [("b", 1.0), ("c", 2.0), ("a", 1.0)]]
    assert [c.chunk_id for c in candidates({"hits": {"hits": hits}})] == ["c", "a", "b"]
    assert candidates({"status": 200}) == []
