"""Reciprocal rank fusion, by hand and by its properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fusion import Normalisation, Ranking, Scored, convex_fusion, reciprocal_rank_fusion

ids = st.lists(st.text("abcdefgh", min_size=1, max_size=2), unique=True, max_size=20)
weights = st.floats(0, 5)


def test_by_hand() -> None:
    fused = reciprocal_rank_fusion({"lexical": Ranking(["a", "b"]), "vector": Ranking(["b", "c"], 0.5)}, k=60)
    assert [(f.id, f.score) for f in fused] == [
        ("b", pytest.approx(1 / 62 + 0.5 / 61)),
        ("a", pytest.approx(1 / 61)),
        ("c", pytest.approx(0.5 / 62)),
    ]
    assert fused[0].ranks == {"lexical": 2, "vector": 1}


def test_ties_go_by_id() -> None:
    fused = reciprocal_rank_fusion({"lexical": Ranking(["z"]), "vector": Ranking(["a"])})
    assert [f.id for f in fused] == ["a", "z"]


def test_a_repeated_id_counts_once() -> None:
    fused = reciprocal_rank_fusion({"lexical": Ranking(["a", "a", "b"])})
    assert [f.ranks["lexical"] for f in fused] == [1, 2]


@pytest.mark.parametrize(("k", "weight"), [(-1, 1.0), (60, -0.1)])
def test_negative_numbers_are_refused(k: int, weight: float) -> None:
    with pytest.raises(ValueError, match="negative"):
        reciprocal_rank_fusion({"lexical": Ranking(["a"], weight)}, k=k)


@given(ids, ids, weights, weights, st.integers(0, 100))
def test_properties(lexical: list[str], vector: list[str], one: float, other: float, k: int) -> None:
    legs = {"lexical": Ranking(lexical, one), "vector": Ranking(vector, other)}
    fused = reciprocal_rank_fusion(legs, k=k)
    assert {f.id for f in fused} == set(lexical) | set(vector)
    assert fused == sorted(fused, key=lambda f: (-f.score, f.id))
    assert fused == reciprocal_rank_fusion(dict(reversed(legs.items())), k=k), "the legs' order plays no part"
    for f in fused:
        expected = (one / (k + lexical.index(f.id) + 1) if f.id in lexical else 0) + (
            other / (k + vector.index(f.id) + 1) if f.id in vector else 0
        )
        assert f.score == pytest.approx(expected)


@given(ids)
def test_one_leg_keeps_its_order_and_an_empty_leg_adds_nothing(leg: list[str]) -> None:
    fused = reciprocal_rank_fusion({"lexical": Ranking(leg), "vector": Ranking([])})
    assert [f.id for f in fused] == leg


def test_convex_by_hand() -> None:
    legs = {
        "lexical": Scored({"a": 12.0, "b": 6.0, "c": 2.0}),
        "vector": Scored({"b": 0.8, "d": 0.4}, weight=3.0, floor=-1.0),
    }
    fused = convex_fusion(legs)
    assert [(f.id, f.score) for f in fused] == [
        ("b", pytest.approx((0.4 + 3 * 1.0) / 4)),
        ("a", pytest.approx(1.0 / 4)),
        ("c", 0.0),
        ("d", 0.0),
    ]
    assert fused[0].ranks == {"lexical": 2, "vector": 1}
    theoretical = {f.id: f.score for f in convex_fusion(legs, normalisation="theoretical")}
    assert theoretical["a"] == pytest.approx((12 / 12 + 3 * 1.4 / 1.8) / 4)
    deviations = {f.id: f.score for f in convex_fusion({"lexical": legs["lexical"]}, normalisation="z-score")}
    assert sum(deviations.values()) == pytest.approx(0, abs=1e-9)


def test_a_leg_with_one_hit_says_that_it_is_better_than_all_others() -> None:
    vector = Scored({"a": 0.9, "b": 0.89, "c": 0.1})
    for how in ("min-max", "z-score", "theoretical"):
        alone = convex_fusion({"lexical": Scored({"b": 7.0}, rest=0.0), "vector": vector}, normalisation=how)
        assert [f.id for f in alone] == ["b", "a", "c"]


def test_a_leg_that_cannot_tell_its_candidates_apart_moves_nothing() -> None:
    for normalisation in ("min-max", "z-score", "theoretical"):
        legs = {"lexical": Scored({"a": 1.0, "b": 1.0}), "vector": Scored({"b": 0.5, "a": 0.25})}
        assert [f.id for f in convex_fusion(legs, normalisation=normalisation)] == ["b", "a"]


def test_negative_weights_of_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        convex_fusion({"lexical": Scored({"a": 1.0}, weight=-1.0)})


scores = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.floats(-1, 50), max_size=20)


@given(scores, scores, st.floats(0.01, 5), st.floats(0.01, 5), st.sampled_from(["min-max", "z-score", "theoretical"]))
def test_properties_of_convex_fusion(
    lexical: dict[str, float], vector: dict[str, float], one: float, other: float, how: Normalisation
) -> None:
    def best_first(leg: dict[str, float]) -> dict[str, float]:
        return dict(sorted(leg.items(), key=lambda item: (-item[1], item[0])))

    legs = {
        "lexical": Scored(best_first(lexical), one, floor=-1.0),
        "vector": Scored(best_first(vector), other, floor=-1.0),
    }
    fused = convex_fusion(legs, normalisation=how)
    assert {f.id for f in fused} == set(lexical) | set(vector)
    assert [f.id for f in fused] == [f.id for f in sorted(fused, key=lambda f: (-f.score, f.id))]
    if how != "z-score":
        assert all(-1e-9 <= f.score <= 1 + 1e-9 for f in fused)
    for f in fused:
        assert set(f.ranks) == {name for name, leg in (("lexical", lexical), ("vector", vector)) if f.id in leg}
    both = set(lexical) & set(vector)
    places = {f.id: place for place, f in enumerate(fused)}
    for better in both:
        for worse in both:
            if lexical[better] > lexical[worse] + 1e-3 and vector[better] > vector[worse] + 1e-3:
                assert places[better] < places[worse], "better in both legs is better"
