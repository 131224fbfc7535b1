"""The paired randomisation test against cases whose p is known."""

import numpy as np
import pytest

from eval.retrieval.comparing import p_value, split_by_sign


def test_few_pairs_are_counted_out_exactly() -> None:
    # Of the 2^4 ways to flip four equal gains, two are as extreme as what was seen: all up and all down.
    assert p_value([0.0] * 4, [0.1] * 4) == pytest.approx(2 / 16)
    assert p_value([0.1, 0.2], [0.2, 0.1]) == 1


def test_equal_runs_don_t_differ_and_unmoved_queries_change_nothing() -> None:
    assert p_value([0.3, 0.5], [0.3, 0.5]) == 1
    assert p_value([0.3, 0.5], [0.3, 0.9]) == 1
    moved = p_value([0.0] * 4, [0.1] * 4)
    assert p_value([0.0] * 4 + [0.7] * 50, [0.1] * 4 + [0.7] * 50) == pytest.approx(moved)


def test_rounding_is_no_difference() -> None:
    exact = [n / 7 for n in range(50)]
    assert p_value(exact, [round(value, 6) - 4e-7 for value in exact]) == 1


def test_a_clear_gain_and_a_clear_loss_are_seen_and_noise_is_not() -> None:
    generator = np.random.default_rng(4)
    before = generator.uniform(0.2, 0.8, 100)
    noise = generator.normal(0, 0.05, 100)
    assert p_value(list(before), list(before + 0.05 + noise)) < 0.001
    assert p_value(list(before), list(before - 0.05 + noise)) < 0.001
    assert p_value(list(before), list(before + noise - noise.mean())) > 0.5


def test_pairs_are_wanted() -> None:
    with pytest.raises(ValueError, match="not pairs"):
        p_value([0.1], [0.1, 0.2])
    with pytest.raises(ValueError, match="not pairs"):
        p_value([], [])


def test_signs() -> None:
    assert split_by_sign([0.1, 0.2, 0.3, 0.4], [0.2, 0.1, 0.3, 0.4 + 1e-12]) == (1, 1, 2)
