"""The draw of answers for reviewers."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.catalog.review_sampling import OUTCOMES, Candidate, Outcome, draw, outcome_of

cells = st.tuples(st.sampled_from(OUTCOMES), st.sampled_from(["HR", "Sales", ""]))


def candidates(count: int, outcome: Outcome = "answered", department: str = "HR") -> list[Candidate]:
    return [Candidate(f"{outcome}-{department}-{number}", outcome, department) for number in range(count)]


def test_outcomes_share_the_places_and_departments_those_of_an_outcome() -> None:
    week = [
        *candidates(400), *candidates(300, department="Sales"), *candidates(3, department="Legal"),
        *candidates(50, "abstained"), *candidates(40, "unsupported"), *candidates(10, "thumbs_down"),
    ]  # fmt: skip
    drawn = draw(week, 100, 0.2, "seed")
    assert Counter(one.candidate.outcome for one in drawn) == {
        "thumbs_down": 10, "abstained": 30, "unsupported": 30, "answered": 30,
    }  # fmt: skip
    by_department = Counter(one.candidate.department for one in drawn if one.candidate.outcome == "answered")
    assert by_department["Legal"] == 3
    assert abs(by_department["HR"] - by_department["Sales"]) <= 1
    assert sum(one.reviewers == 2 for one in drawn) == 20
    assert sum(one.weight for one in drawn) == pytest.approx(len(week))
    assert {one.weight for one in drawn if one.candidate.department == "Legal"} == {1}


@given(st.lists(cells, max_size=60), st.integers(0, 40), st.floats(0, 1), st.randoms(use_true_random=False))
def test_a_seed_decides_the_draw(
    given_: list[tuple[Outcome, str]], size: int, twice: float, shuffler: random.Random
) -> None:
    week = [Candidate(str(number), *cell) for number, cell in enumerate(given_)]
    drawn = draw(week, size, twice, "seed")
    assert len(drawn) == len({one.candidate.answer_id for one in drawn}) == min(size, len(week))
    mixed = list(week)
    shuffler.shuffle(mixed)
    assert draw(mixed, size, twice, "seed") == drawn
    for outcome in {one.candidate.outcome for one in drawn}:
        weight = sum(one.weight for one in drawn if one.candidate.outcome == outcome)
        assert weight == pytest.approx(sum(one.outcome == outcome for one in week))


def test_another_seed_draws_others() -> None:
    week = candidates(1000)
    first, second = ({one.candidate.answer_id for one in draw(week, 100, 0.2, seed)} for seed in ("a", "b"))
    assert first != second


def test_which_stratum_an_answer_belongs_to() -> None:
    unsupported = {"abstained": None, "verdicts": [{"verdict": "supported"}, {"verdict": "unsupported"}]}
    abstained = {"abstained": {"reason": "nothing", "nearest": []}, "verdicts": []}
    assert outcome_of({"abstained": None, "verdicts": []}, down=False) == "answered"
    assert outcome_of(unsupported, down=False) == "unsupported"
    assert outcome_of(abstained, down=False) == "abstained"
    assert outcome_of(abstained, down=True) == "thumbs_down"
