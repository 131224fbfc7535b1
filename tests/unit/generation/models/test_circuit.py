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


def through(circuit: Circuit, failed: bool | None) -> None:
    permit = circuit.enter()
    assert permit is not None
    circuit.leave(permit, failed)


def test_it_opens_after_failures_in_a_row_and_one_request_tries_again() -> None:
    clock = Clock()
    circuit = Circuit(3, 30, clock)
    late = circuit.enter()
    assert late is not None
    for failed in (True, True, False, True, True, True):
        through(circuit, failed)
    assert circuit.enter() is None
    clock.now += 30
    assert circuit.enter() == "trial"
    circuit.leave(late, None)
    assert circuit.enter() is None  # one at a time, whoever else ends meanwhile
    circuit.leave("trial", True)
    assert circuit.enter() is None
    clock.now += 30
    through(circuit, False)
    assert circuit.enter() == "request"
    assert circuit.enter() == "request"


def test_a_trial_that_was_given_up_leaves_the_next_one_its_turn() -> None:
    clock = Clock()
    circuit = Circuit(1, 30, clock)
    through(circuit, True)
    clock.now += 31
    through(circuit, None)
    assert circuit.enter() == "trial"


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0, 60)), max_size=60), st.integers(1, 5))
def test_it_never_stays_shut(history: list[tuple[bool | None, float]], failures: int) -> None:
    clock = Clock()
    circuit = Circuit(failures, 30, clock)
    for outcome, waited in history:
        clock.now += waited
        permit = circuit.enter()
        if permit is not None:
            circuit.leave(permit, outcome)
    clock.now += 31
    assert circuit.enter() is not None
