"""The formulas against known values, and questions that move."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from eval.drift.topics import k_means, nearest, psi, topics


def around(centres: list[list[float]], counts: list[int], seed: int) -> NDArray[np.float32]:
    """Unit vectors around these directions."""
    rng = np.random.default_rng(seed)
    points = np.repeat(np.array(centres), counts, axis=0)
    points = points + rng.normal(0, 0.05, points.shape)
    units: NDArray[np.float32] = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return units


AXES = np.eye(6).tolist()


def test_psi_of_known_distributions() -> None:
    # (.9 - .5) ln(.9 / .5) + (.1 - .5) ln(.1 / .5)
    assert psi(np.array([0.5, 0.5]), np.array([0.9, 0.1])) == pytest.approx(0.8788898309344878, abs=1e-12)
    assert psi(np.array([0.2, 0.3, 0.5]), np.array([0.2, 0.3, 0.5])) == 0


def test_psi_is_symmetric() -> None:
    one, two = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.4, 0.2])
    assert psi(one, two) == pytest.approx(psi(two, one))


def test_clusters_are_found() -> None:
    points = around(AXES[:3], [40, 40, 40], 1)
    mine = nearest(points, k_means(points, 3, seed=0))
    assert [len(set(mine[at : at + 40])) for at in (0, 40, 80)] == [1, 1, 1]
    assert len(set(mine)) == 3


def test_more_clusters_than_different_points() -> None:
    assert len(k_means(np.ones((60, 2), np.float32), 3, seed=0)) == 1


def test_the_same_questions_are_no_news() -> None:
    found = topics(around(AXES[:4], [100] * 4, 1), around(AXES[:4], [50] * 4, 2))
    assert found is not None
    assert found.psi < 0.1
    assert found.new < 0.15


def test_other_shares_move_psi_and_another_topic_is_new() -> None:
    before = around(AXES[:4], [100] * 4, 1)
    moved = topics(before, around(AXES[:4], [150, 20, 20, 10], 2))
    other = topics(before, around(AXES[:5], [25] * 4 + [100], 2))
    assert moved is not None
    assert other is not None
    assert moved.psi > 0.25
    assert moved.grown[1] > moved.grown[0]
    assert moved.new < 0.15
    assert other.new >= 0.5


def test_few_questions_say_nothing() -> None:
    assert topics(around(AXES[:2], [25, 24], 1), around(AXES[:2], [50, 50], 1)) is None
