"""Reciprocal rank fusion, by hand and by its properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fusion import Ranking, reciprocal_rank_fusion

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
