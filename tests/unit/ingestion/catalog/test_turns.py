"""Whose turn it is: by weight, whatever documents cost, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ingestion.catalog.turns import Candidate, Turns, share

COSTS = st.lists(st.integers(1, 50), min_size=1, max_size=30)


def queue(source: str, costs: list[int]) -> list[Candidate]:
    return [Candidate(f"{source}{number}", source, cost) for number, cost in enumerate(costs)]


@given(st.dictionaries(st.sampled_from("abcd"), COSTS, min_size=1), st.integers(1, 100))
def test_all_get_their_turn_in_their_order(waiting: dict[str, list[int]], most: int) -> None:
    turns, left = Turns(), [one for source, costs in waiting.items() for one in queue(source, costs)]
    weights = dict.fromkeys(waiting, 1)
    taken: list[str] = []
    while left:
        batch = turns.take(left, weights, most)
        costs = [one.cost for one in left if one.document_id in batch]
        assert len(batch) == 1 or (batch and sum(costs) <= most)
        taken += batch
        left = [one for one in left if one.document_id not in batch]
    assert len(taken) == len(set(taken)) == sum(map(len, waiting.values()))
    for source, costs in waiting.items():
        assert [one for one in taken if one[0] == source] == [f"{source}{number}" for number in range(len(costs))]


@given(st.lists(st.integers(1, 60), min_size=60, max_size=60), st.integers(1, 9), st.integers(1, 9))
def test_those_that_wait_get_what_their_weights_say(costs: list[int], first: int, second: int) -> None:
    turns, weights, given_out = Turns(), {"a": first, "b": second}, Counter[str]()
    left = {"a": queue("a", costs), "b": queue("b", costs[::-1])}
    while all(left.values()):
        batch = set(turns.take([*left["a"], *left["b"]], weights, 64))
        for source, waiting in list(left.items()):
            given_out[source] += sum(one.cost for one in waiting if one.document_id in batch)
            left[source] = [one for one in waiting if one.document_id not in batch]
        if all(left.values()):  # both had something to wait for all the time
            assert abs(given_out["a"] / first - given_out["b"] / second) <= 2 * 60


def test_large_documents_do_not_hold_up_small_ones() -> None:
    turns, weights = Turns(), {"large": 1, "small": 1}
    large, small = queue("large", [1000] * 20), queue("small", [1] * 20)
    for _ in range(3):
        taken = set(turns.take([*large, *small], weights, 256))
        large = [one for one in large if one.document_id not in taken]
        small = [one for one in small if one.document_id not in taken]
    assert not small


def test_one_that_comes_later_is_owed_nothing() -> None:
    turns = Turns()
    old = queue("old", [10] * 100)
    for _ in range(9):
        taken = set(turns.take(old, {"old": 1}, 100))
        old = [one for one in old if one.document_id not in taken]
    taken = set(turns.take([*old, *queue("new", [10] * 100)], {"old": 1, "new": 1}, 100))
    assert Counter(name[:3] for name in taken) == {"old": 5, "new": 5}


def test_a_share_is_never_nothing() -> None:
    assert share(200, 1, []) == 200
    assert share(200, 1, [1]) == 100
    assert share(200, 3, [1]) == 150
    assert share(2, 1, [1] * 10) == 1
