"""Scores that take neighbours into account, by hand and by their properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chunk import Vectors
from retrieval.neighbours import pooled, regularised


def around(*degrees: float) -> Vectors:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_by_hand() -> None:
    scores = regularised([3.0, 2.5, 1.0], around(0, 90, 0), weight=0.5, neighbours=2)
    # the first and the last are each other's only neighbour; the middle one has none, and keeps its own score
    assert scores == pytest.approx([0.5 * 1 + 0.5 * 0, 0.75, 0.5 * 0 + 0.5 * 1])


def test_only_the_nearest_count() -> None:
    # each has its opposite, so that their mean is 0; the others of a half lie nearer than those across
    half = around(0, 10, 50)
    scores = regularised([4.0, 2.0, 0.0, 1.0, 1.0, 1.0], np.concatenate([half, -half]), weight=1.0, neighbours=1)
    assert scores == pytest.approx([0.5, 1.0, 0.5, 0.25, 0.25, 0.25])


def test_what_all_have_in_common_does_not_count() -> None:
    apart = np.array([[1, 0.2], [1, -0.2], [-1, 0.2], [-1, -0.2]], np.float32)
    shared = np.concatenate([apart, np.full((4, 1), 9, np.float32)], axis=1)
    shared /= np.linalg.norm(shared, axis=1, keepdims=True)  # all cosines are above .96 now
    scores = regularised([3.0, 1.0, 0.0, 2.0], shared, weight=1.0, neighbours=3)
    assert scores == pytest.approx([1 / 3, 1.0, 2 / 3, 0.0]), "two pairs vouch for each other"


def test_copies_tell_nothing_apart() -> None:
    assert regularised([3.0, 1.0, 2.0], around(40, 40, 40), weight=0.5, neighbours=2) == pytest.approx([1, 0, 0.5])


def test_nothing_to_score() -> None:
    assert regularised([], np.empty((0, 2), np.float32), weight=0.5, neighbours=3) == []
    assert regularised([7.0], around(0), weight=0.5, neighbours=3) == [0.0]


def test_windows_are_pooled_to_a_unit_vector() -> None:
    assert pooled(around(0, 90)) == pytest.approx([np.sqrt(0.5), np.sqrt(0.5)])
    assert not np.isnan(pooled(np.zeros((2, 3), np.float32))).any()


@given(
    st.lists(st.tuples(st.floats(-10, 10), st.floats(0, 360)), min_size=1, max_size=12),
    st.floats(0, 1),
    st.integers(1, 12),
)
def test_properties(candidates: list[tuple[float, float]], weight: float, neighbours: int) -> None:
    own, angles = zip(*candidates, strict=True)
    scores = regularised(own, around(*angles), weight=weight, neighbours=neighbours)
    assert len(scores) == len(own)
    assert all(-1e-6 <= score <= 1 + 1e-6 for score in scores)
    unmoved = regularised(own, around(*angles), weight=0.0, neighbours=neighbours)
    spread = max(own) - min(own) or 1.0
    assert unmoved == pytest.approx([(score - min(own)) / spread for score in own])
