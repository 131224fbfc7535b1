"""Figures of the evidence model."""

from __future__ import annotations

import pytest

from eval.answers.evidence_figures import area, reciprocal_rank, reliability


def test_a_tie_is_no_merit() -> None:
    assert reciprocal_rank([0.5, 0.5, 0.1], [False, True, False]) == 0.5
    assert reciprocal_rank([0.2, 0.9], [False, True]) == 1.0
    assert reciprocal_rank([0.2], [False]) == 0.0


def test_area_of_a_perfect_order_is_one() -> None:
    assert area([0.1, 0.2, 0.8, 0.9] * 5, [False, False, True, True] * 5).value == 1.0


def test_reliability_has_a_bin_for_what_is_there() -> None:
    low, high = reliability([0.05, 0.01, 1.0, 0.95], [False, True, True, True])
    assert (low.pairs, low.true, high.pairs, high.true) == (2, 0.5, 2, 1.0)
    assert low.told == pytest.approx(0.03)
