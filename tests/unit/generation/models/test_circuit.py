"""The circuit, by a clock of the test's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from generation.models.circuit import Circuit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_failures_in_a_row_and_one_request_tries_again() -> None:
    clock = Clock()
    circuit = Circuit(3, 30, clock)
    for failed in (True, True, False, True, True):
        assert circuit.enter()
        circuit.leave(failed)
    assert circuit.enter()
    circuit.leave(True)
    assert not circuit.enter()
    clock.now += 31
    assert circuit.enter()
    assert not circuit.enter()  # one at a time
    circuit.leave(True)
    assert not circuit.enter()
    clock.now += 31
    assert circuit.enter()
    circuit.leave(False)
    assert circuit.enter()
    assert circuit.enter()


def test_a_trial_that_was_given_up_leaves_the_next_one_its_turn() -> None:
    clock = Clock()
    circuit = Circuit(1, 30, clock)
    assert circuit.enter()
    circuit.leave(True)
    clock.now += 31
    assert circuit.enter()
    circuit.leave(None)
    assert circuit.enter()


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0, 60)), max_size=60), st.integers(1, 5))
def test_it_never_stays_shut(history: list[tuple[bool | None, float]], failures: int) -> None:
    clock = Clock()
    circuit = Circuit(failures, 30, clock)
    for outcome, waited in history:
        clock.now += waited
        if circuit.enter():
            circuit.leave(outcome)
    clock.now += 31
    assert circuit.enter()
