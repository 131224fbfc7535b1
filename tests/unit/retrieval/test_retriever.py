"""The pipelines over fakes at the ports: what runs, what is left out, and what is said when a part is down."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.chunk import Chunk, EmbeddedChunk, Vector, Vectors
from core.errors import IndexUnavailable, InvalidRequest, ModelUnavailable
from core.filters import All, AnyCase, AnyOf, Filter, visible_to
from core.pipeline import FieldWeights, LateInteractionConfig
from core.principal import ANONYMOUS, Principal
from core.settings import ApiSettings, RerankerSettings, RetrievalSettings, Settings
from retrieval.generation_watch import LIFETIME_S, GenerationWatch
from retrieval.index.port import Candidate, Generation, LegResults
from retrieval.pipeline import FusionConfig, NeighbourConfig, PipelineConfig, RerankConfig
from retrieval.retriever import Retriever


def candidates(*ids: str) -> list[Candidate]:
    return [Candidate(id, f"doc-{id}", 10.0 - place) for place, id in enumerate(ids)]  # noqa: A001


class FakeIndex:
    """Two fixed rankings; notes each call."""

    def __init__(self, lexical: Sequence[str] = "abcd", vector: Sequence[str] = "bcxy") -> None:
        self.legs = {"lexical": candidates(*lexical), "vector": candidates(*vector)}
        self.down: dict[str, str] = {}
        self.gone: set[str] = set()
        self.calls: list[str] = []
        self.filters: list[Filter] = []
        self.depths: list[int] = []
        self.fetched: list[list[str]] = []
        self.live = Generation("g1", "fake", 2, True)

    def _leg(self, leg: str, filter: Filter, k: int) -> list[Candidate]:
        self.filters.append(filter)
        self.depths.append(k)
        if leg in self.down:
            raise IndexUnavailable(self.down[leg])
        return self.legs[leg][:k]

    def lexical(self, query: str, filter: Filter, k: int, fields: FieldWeights) -> list[Candidate]:
        self.calls.append("lexical")
        self.fields = fields
        return self._leg("lexical", filter, k)

    def vector(self, embedding: Vector, filter: Filter, k: int) -> list[Candidate]:
        self.calls.append("vector")
        return self._leg("vector", filter, k)

    def both(self, query: str, embedding: Vector, filter: Filter, k: int, fields: FieldWeights) -> LegResults:
        self.calls.append("both")
        self.fields = fields
        self.filters.append(filter)
        if len(self.down) == 2:
            raise IndexUnavailable("all down")
        found = {leg: None if leg in self.down else self.legs[leg][:k] for leg in ("lexical", "vector")}
        return LegResults(found["lexical"], found["vector"], dict(self.down))

    def fetch(self, chunk_ids: Sequence[str], filter: Filter) -> list[Chunk]:
        self.fetched.append(list(chunk_ids))
        self.filters.append(filter)
        return [
            Chunk(id=id, document_id=f"doc-{id}", source_id="s", uri="u", ordinal=0, text=f"text {id}", start=0, end=6)
            for id in chunk_ids  # noqa: A001
            if id not in self.gone
        ]

    def fetch_embedded(self, chunk_ids: Sequence[str], filter: Filter) -> list[EmbeddedChunk]:
        self.calls.append("fetch_embedded")
        return [EmbeddedChunk(chunk, self._windows(chunk.id)) for chunk in self.fetch(chunk_ids, filter)]

    def vectors(self, chunk_ids: Sequence[str], filter: Filter) -> dict[str, Vectors]:
        self.filters.append(filter)
        self.asked_vectors = list(chunk_ids)
        if "vectors" in self.down:
            raise IndexUnavailable(self.down["vectors"])
        return {each: self._windows(each) for each in chunk_ids if each not in self.gone}

    def facets(self, wanted: Mapping[str, Filter], most: int) -> dict[str, list[tuple[str, int]]]:
        self.filters += wanted.values()
        return {field: [("HR", most)] for field in wanted}

    def values(self, field: str, filter: Filter) -> list[str]:
        self.filters.append(filter)
        return [] if isinstance(filter, All) else ["HR"]

    @staticmethod
    def _windows(chunk_id: str) -> Vectors:
        return np.array([[1, 0] if chunk_id in {"x", "y", "a"} else [0, 1]], np.float32)

    def generations(self) -> list[Generation]:
        self.calls.append("generations")
        if "generations" in self.down:
            raise IndexUnavailable("no answer")
        return [Generation("g0", "old", 2, False), self.live]

    def close(self) -> None:
        self.calls.append("close")


class FakeEmbedder:
    name = "fake"
    dimensions = 2

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.down = False

    def warm_up(self) -> None:
        self.queries.append("warm")

    def embed_query(self, query: str) -> Vector:
        if self.down:
            raise ModelUnavailable("no model")
        self.queries.append(query)
        return np.array([1, 0], dtype=np.float32)


class FakeReranker:
    """Likes the end of the alphabet."""

    name = "fake-reranker"
    down = False
    warmed = False

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def warm_up(self) -> None:
        self.warmed = True

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        if self.down:
            raise ModelUnavailable("no reranker")
        self.seen.append(list(passages))
        return [float(ord(passage[-1])) for passage in passages]


class Parts:
    def __init__(self, *, rerank: bool = False, **retrieval: object) -> None:
        self.index, self.embedder = FakeIndex(), FakeEmbedder()
        self.reranker = FakeReranker() if rerank else None
        settings = Settings(
            retrieval=RetrievalSettings(**retrieval),
            reranker=RerankerSettings(depth=3, weight=1),
            api=ApiSettings(max_question_chars=100),
        )
        self.retriever = Retriever(self.index, self.embedder, self.reranker, settings)  # type: ignore[arg-type]

    def ids(self, **kwargs) -> str:
        return "".join(hit.chunk.id for hit in self.retriever.search("leave", ANONYMOUS, **kwargs).hits)


def test_facets_are_of_what_the_reader_may_read() -> None:
    parts = Parts()
    wanted: dict[str, Filter | None] = {"department": None, "tags": AnyOf("language", frozenset({"de"}))}
    scoped = Principal("ann", sources=frozenset({"s1"}))
    assert parts.retriever.facets(scoped, wanted, 5) == {"department": [("HR", 5)], "tags": [("HR", 5)]}
    for used in parts.index.filters:
        assert visible_to(scoped) in (used, *getattr(used, "clauses", ()))


def test_hybrid_fuses_both_legs_and_says_where_each_hit_was() -> None:
    parts = Parts()
    response = parts.retriever.search("leave", ANONYMOUS, pipeline="hybrid")
    assert (response.pipeline, response.index_generation, response.total_candidates) == ("hybrid", "g1", 6)
    assert response.degraded == ()
    first = response.hits[0]
    assert first.chunk.id == "b"
    assert (first.ranks.lexical, first.ranks.vector, first.ranks.rerank) == (2, 1, None)
    assert first.score == first.scores.fused == pytest.approx(1 / 62 + 1 / 61)
    assert (first.scores.lexical, first.scores.vector, first.scores.rerank) == (9.0, 10.0, None)
    assert set(response.timings_ms) == {"embed", "search", "fuse", "fetch", "total"}
    assert "both" in parts.index.calls


def test_a_search_is_checked_and_its_generation_told_without_asking_the_index() -> None:
    parts = Parts()
    parts.retriever.check("leave", "hybrid")
    for query, pipeline in (("leave", "magic"), (" ", None), ("x" * 101, None)):
        with pytest.raises(InvalidRequest):
            parts.retriever.check(query, pipeline)
    assert (parts.retriever.generation, parts.index.calls, parts.embedder.queries) == ("", [], [])
    parts.retriever.search("leave", ANONYMOUS)
    assert parts.retriever.generation == "g1"


def test_lexical_embeds_nothing_and_keeps_the_legs_order() -> None:
    parts = Parts(lexical_weight=0)
    response = parts.retriever.search("leave", ANONYMOUS, pipeline="lexical")
    assert "".join(hit.chunk.id for hit in response.hits) == "abcd"
    assert parts.embedder.queries == []
    assert response.hits[0].score == response.hits[0].scores.lexical == 10.0
    assert response.hits[0].scores.fused is None
    assert response.degraded == ()


def test_the_pipelines_fields_go_to_the_lexical_leg() -> None:
    own = PipelineConfig(name="own", fields=FieldWeights(title=2, headings=1.5))
    parts = Parts(pipelines=(own,))
    for config in (own, own.model_copy(update={"legs": ("lexical",)})):
        parts.retriever.search("leave", ANONYMOUS, pipeline=config)
        assert parts.index.fields == own.fields
    parts.retriever.search("leave", ANONYMOUS, pipeline="hybrid")
    assert parts.index.fields == FieldWeights()


def test_a_question_of_stop_words_is_answered_by_vectors_and_that_is_said() -> None:
    response = Parts().retriever.search("What is that?", ANONYMOUS, pipeline="convex")
    assert response.notices == ("The question has only words that every text has.",)
    assert response.degraded == ()
    assert response.hits


def test_words_that_no_passage_has_are_said_to_be_so() -> None:
    says = "No passage that you may read has a word of the question."
    parts = Parts()
    assert says not in parts.retriever.search("leave", ANONYMOUS, pipeline="convex").notices
    parts.index.legs["lexical"] = []
    assert says in parts.retriever.search("leave", ANONYMOUS, pipeline="convex").notices
    assert says in parts.retriever.search("leave", ANONYMOUS, pipeline="lexical").notices
    assert says not in parts.retriever.search("leave", ANONYMOUS, pipeline="vector").notices
    assert says not in parts.retriever.search("What is that?", ANONYMOUS, pipeline="convex").notices
    parts.embedder.down = True
    response = parts.retriever.search("leave", ANONYMOUS, pipeline="convex")
    assert response.degraded == ("vector: no model",)
    assert response.notices == (says,)


def test_a_filter_of_an_unknown_value_is_told_among_what_the_reader_may_read() -> None:
    parts = Parts()
    asked = All((AnyCase("department", frozenset({"hrr"})),))
    parts.index.legs = {"lexical": [], "vector": []}
    response = parts.retriever.search("leave", ANONYMOUS, filters=asked, pipeline="vector")
    assert response.notices == ("No document that you may read has department 'hrr'. Did you mean 'HR'?",)
    assert parts.index.filters[-1] == AnyOf("acl", ANONYMOUS.terms)


def test_vector_asks_only_the_vector_leg() -> None:
    parts = Parts()
    assert parts.ids(pipeline="vector") == "bcxy"
    assert "lexical" not in parts.index.calls
    assert "both" not in parts.index.calls


def test_weights_count() -> None:
    assert Parts(lexical_weight=0.0).ids(limit=4, pipeline="hybrid") == "bcxy"


@given(
    st.permutations([chr(0x4E00 + number) for number in range(60)]),
    st.permutations([chr(0x4E00 + number) for number in range(30, 90)]),
    st.sampled_from(["lexical", "vector", "hybrid", "convex", "convex+neighbours", "hybrid+rerank"]),
    st.integers(1, 40),
    st.integers(1, 25),
)
def test_pages_of_any_size_show_everything_once_in_one_order(
    lexical: list[str], vector: list[str], pipeline: str, depth: int, size: int
) -> None:
    parts = Parts(rerank=True, depth=depth)
    parts.index = FakeIndex(lexical, vector)
    parts.retriever._index = parts.index
    parts.retriever._generation = GenerationWatch(parts.index, parts.embedder)
    everything = parts.ids(limit=100, pipeline=pipeline)
    assert len(set(everything)) == len(everything) == {"lexical": 60, "vector": 60}.get(pipeline, 90)
    pages = (parts.ids(limit=size, offset=offset, pipeline=pipeline) for offset in range(0, 100, size))
    assert "".join(pages) == everything


def test_the_legs_are_asked_for_more_only_when_the_page_needs_it() -> None:
    parts = Parts(depth=3, pipeline="lexical")
    parts.ids(limit=3)
    assert parts.index.depths == [3]
    parts.ids(limit=2, offset=2)
    assert parts.index.depths == [3, 3, 12]
    assert parts.ids(limit=5, offset=50) == ""


def test_permissions_and_filters_are_in_every_call() -> None:
    parts = Parts()
    wanted = AnyOf("department", frozenset({"HR"}))
    for pipeline in parts.retriever.pipelines:
        parts.retriever.search("leave", Principal("ann"), filters=wanted, pipeline=pipeline)
    expected = All((AnyOf("acl", frozenset({"public", "user:ann"})), wanted))
    assert len(parts.index.filters) == 11
    assert set(parts.index.filters) == {expected}


def test_a_passage_that_went_in_between_is_left_out() -> None:
    parts = Parts()
    parts.index.gone = {"b"}
    assert "b" not in parts.ids()


@pytest.mark.parametrize(("leg", "left"), [("vector", "abcd"), ("lexical", "bcxy")])
def test_a_leg_that_is_down_is_named(leg: str, left: str) -> None:
    parts = Parts()
    parts.index.down = {leg: "timed out"}
    response = parts.retriever.search("leave", ANONYMOUS)
    assert "".join(hit.chunk.id for hit in response.hits) == left
    assert f"{leg}: timed out" in response.degraded


def test_without_the_embedder_the_lexical_leg_answers() -> None:
    parts = Parts()
    parts.embedder.down = True
    response = parts.retriever.search("leave", ANONYMOUS)
    assert "".join(hit.chunk.id for hit in response.hits) == "abcd"
    assert "vector: no model" in response.degraded
    with pytest.raises(ModelUnavailable):
        parts.ids(pipeline="vector")


def test_all_legs_down_is_an_error() -> None:
    parts = Parts()
    parts.index.down = {"lexical": "x", "vector": "y"}
    for pipeline in parts.retriever.pipelines:
        with pytest.raises(IndexUnavailable):
            parts.ids(pipeline=pipeline)


def test_an_index_of_another_embedder_gets_no_vectors() -> None:
    parts = Parts()
    parts.index.live = Generation("g2", "another", 2, True)
    response = parts.retriever.search("leave", ANONYMOUS)
    assert any(why.startswith("vector: The index holds vectors of another") for why in response.degraded)
    assert parts.embedder.queries == []


def test_reranking_reorders_the_top_and_leaves_the_rest() -> None:
    parts = Parts(rerank=True)
    assert parts.retriever.pipelines[-1] == "hybrid+rerank"
    fused = parts.ids(pipeline=parts.retriever.pipelines[-2])
    response = parts.retriever.search("leave", ANONYMOUS)
    assert "".join(hit.chunk.id for hit in response.hits) == "".join(sorted(fused[:3], reverse=True)) + fused[3:]
    assert response.degraded == ()
    assert [hit.ranks.rerank for hit in response.hits] == [1, 2, 3, None, None, None]
    assert response.hits[0].score == response.hits[0].scores.rerank
    assert "rerank" in response.timings_ms
    assert len(parts.reranker.seen[0]) == 3
    assert parts.ids(limit=2, offset=2) == "".join(h.chunk.id for h in response.hits)[2:4]
    assert parts.ids(limit=2, offset=3) == fused[3:5]
    assert len(parts.reranker.seen) == 2, "a page below the depth needs no reranking"


def test_without_the_reranker_the_fused_order_stands() -> None:
    parts = Parts(rerank=True)
    parts.reranker.down = True
    response = parts.retriever.search("leave", ANONYMOUS)
    without = parts.retriever.pipelines[-2]
    assert "".join(hit.chunk.id for hit in response.hits) == parts.ids(pipeline=without)
    assert response.degraded == ("reranker: no reranker",)


@pytest.mark.parametrize("query", ["", "  \n", "\0", "x" * 101, "\ud800"])
def test_a_query_that_cannot_be_used(query: str) -> None:
    with pytest.raises(InvalidRequest, match="query"):
        Parts().retriever.search(query, ANONYMOUS)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"limit": 0}, "1 to 200"),
        ({"limit": 201}, "1 to 200"),
        ({"offset": -1}, "offset"),
        ({"offset": 1000}, "1000"),
        ({"pipeline": "magic"}, "lexical, vector, hybrid"),
        ({"pipeline": "hybrid+rerank"}, "reranker.model"),
    ],
)
def test_a_request_out_of_bounds(kwargs: dict, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        Parts().ids(**kwargs)


def test_warm_up_and_close_reach_the_parts() -> None:
    parts = Parts(rerank=True)
    parts.retriever.warm_up()
    parts.retriever.close()
    assert parts.embedder.queries == ["warm"]
    assert parts.reranker.warmed
    assert "close" in parts.index.calls


def test_the_generation_is_asked_for_now_and_then_and_kept_over_an_outage() -> None:
    index, now = FakeIndex(), [0.0]
    watch = GenerationWatch(index, FakeEmbedder(), monotonic=lambda: now[0])  # type: ignore[arg-type]
    assert [watch.name(), watch.name()] == ["g1", "g1"]
    assert index.calls == ["generations"]
    index.live = Generation("g2", "fake", 2, True)
    now[0] = LIFETIME_S
    assert watch.name() == "g2"
    index.down = {"generations": "x"}
    now[0] = 2 * LIFETIME_S
    assert watch.name() == "g2"


def test_a_configuration_can_come_with_the_search() -> None:
    parts = Parts()
    by_score = PipelineConfig(name="by-score", fusion=FusionConfig(method="convex"), depth=2)
    response = parts.retriever.search("leave", ANONYMOUS, pipeline=by_score, limit=2)
    assert response.pipeline == "by-score"
    assert "".join(hit.chunk.id for hit in response.hits) == "ab"
    assert response.hits[0].score == response.hits[0].scores.fused
    with pytest.raises(InvalidRequest, match=r"reranker\.model"):
        parts.ids(pipeline=PipelineConfig(name="x", reranker=RerankConfig()))


def test_the_rerankers_score_can_be_mixed_with_the_fused_one() -> None:
    parts = Parts(rerank=True)
    fused = parts.ids(pipeline="hybrid")
    ids = {
        w: parts.ids(pipeline=PipelineConfig(name="x", reranker=RerankConfig(depth=4, weight=w))) for w in (0, 0.5, 1)
    }
    assert ids[0] == fused
    assert ids[1] == "".join(sorted(fused[:4], reverse=True)) + fused[4:]
    assert ids[0.5] != ids[0]


VOUCHING = PipelineConfig(name="vouching", neighbours=NeighbourConfig(depth=5, neighbours=2, weight=0.8))


def test_the_default_fuses_by_score_and_lets_candidates_vouch() -> None:
    parts = Parts()
    response = parts.retriever.search("leave", ANONYMOUS)
    assert response.pipeline == parts.retriever.pipelines[-1] == "convex+neighbours"
    assert response.degraded == ()
    assert Parts(pipeline="lexical").retriever.search("leave", ANONYMOUS).pipeline == "lexical"


def test_candidates_vouch_for_those_like_them() -> None:
    parts = Parts()
    plain = parts.ids(pipeline="hybrid")
    response = parts.retriever.search("leave", ANONYMOUS, pipeline=VOUCHING)
    assert parts.index.asked_vectors == list(plain[:5])
    order = "".join(hit.chunk.id for hit in response.hits)
    assert sorted(order) == sorted(plain)
    assert order[5:] == plain[5:]
    assert order != plain
    fused = {hit.chunk.id: hit.scores.fused for hit in response.hits}
    assert fused["b"] == pytest.approx(1 / 62 + 1 / 61), "the fused score is told as it was"
    assert [hit.score for hit in response.hits[:5]] == sorted((h.score for h in response.hits[:5]), reverse=True)
    assert "neighbours" in response.timings_ms


def test_without_vectors_the_fused_order_stands() -> None:
    parts = Parts()
    plain = parts.ids(pipeline="hybrid")
    parts.index.down = {"vectors": "timed out"}
    response = parts.retriever.search("leave", ANONYMOUS, pipeline=VOUCHING)
    assert "".join(hit.chunk.id for hit in response.hits) == plain
    assert "neighbours: timed out" in response.degraded
    parts.index.down = {}
    parts.index.gone = set("abcdxy")
    assert parts.ids(pipeline=VOUCHING) == ""


class LettersEmbedder(FakeEmbedder):
    """Shows tokens: the last letter of a passage, and the first of the question."""

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        question, *passages = texts
        return [np.array([ord(letter)], np.int32) for letter in (question[0], *(passage[-1] for passage in passages))]

    def token_embeddings(self, tokens: NDArray[np.int32]) -> Vectors:
        return np.eye(128, dtype=np.float32)[tokens]


LATE = PipelineConfig(name="late", late_interaction=LateInteractionConfig(depth=5, weight=0.9, coverage=0))


def test_the_best_are_read_token_by_token_and_then_vouched_for() -> None:
    parts = Parts()
    parts.embedder = LettersEmbedder()
    parts.retriever = Retriever(parts.index, parts.embedder, None, Settings())  # type: ignore[arg-type]
    assert parts.retriever.pipelines[-1] == "convex+late+neighbours"
    fused = parts.ids(pipeline="hybrid")
    parts.index.fetched.clear()
    response = parts.retriever.search("xyz", ANONYMOUS, pipeline=LATE)
    found = "".join(hit.chunk.id for hit in response.hits)
    assert found == "x" + fused.replace("x", "")
    assert parts.index.fetched == [list(fused[:5]), list(fused[5:])], "nothing is fetched twice"
    scores = [hit.score for hit in response.hits]
    assert scores == sorted(scores, reverse=True), "also across the depth"
    assert {"fetch", "interact"} <= set(response.timings_ms)
    vouched = LATE.model_copy(update={"neighbours": NeighbourConfig(depth=5, neighbours=2, weight=0.9)})
    assert parts.ids(pipeline=vouched) != found


def test_vectors_come_with_the_passages_that_are_read_and_only_the_others_are_asked_for() -> None:
    parts = Parts()
    parts.embedder = LettersEmbedder()
    parts.retriever = Retriever(parts.index, parts.embedder, None, Settings())  # type: ignore[arg-type]
    for depth, others in ((3, []), (5, list(parts.ids(pipeline=LATE)[3:5]))):
        late = LateInteractionConfig(depth=3, weight=0, coverage=0)
        neighbours = NeighbourConfig(depth=depth, neighbours=2, weight=0.9)
        parts.index.asked_vectors = []
        parts.index.calls.clear()
        pipeline = PipelineConfig(name="both", late_interaction=late, neighbours=neighbours)
        parts.retriever.search("leave", ANONYMOUS, pipeline=pipeline)
        assert parts.index.calls.count("fetch_embedded") == 1
        assert parts.index.asked_vectors == others


def test_a_passage_that_went_meanwhile_is_not_read() -> None:
    parts = Parts()
    parts.embedder = LettersEmbedder()
    parts.retriever = Retriever(parts.index, parts.embedder, None, Settings())  # type: ignore[arg-type]
    parts.index.gone = {"x"}
    assert "x" not in parts.ids(pipeline=LATE)


def test_an_embedder_without_tokens_reads_nothing_and_says_so() -> None:
    parts = Parts()
    response = parts.retriever.search("xyz", ANONYMOUS, pipeline=LATE)
    assert "".join(hit.chunk.id for hit in response.hits) == parts.ids(pipeline="hybrid")
    assert response.degraded == ("late interaction: the embedder shows no token embeddings",)
