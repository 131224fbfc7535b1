"""Which of a week's answers people review: a stratified draw that a seed decides, and nothing else."""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Outcome = Literal["thumbs_down", "abstained", "unsupported", "answered"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that could be drawn.

    Attributes:
        department: of the document that its first source lies in; empty where there is none.
    """

    answer_id: str
    outcome: Outcome
    department: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """An answer that was drawn.

    Attributes:
        weight: how many answers of the week it stands for.
        reviewers: how many are to see it, 1 or 2.
    """

    candidate: Candidate
    weight: float
    reviewers: int


def outcome_of(answer: Mapping[str, Any], *, down: bool) -> Outcome:
    """Which stratum a kept answer belongs to: the first of :data:`OUTCOMES` that is true of it.

    Args:
        down: somebody's thumb was down.
    """
    if down:
        return "thumbs_down"
    if answer.get("abstained"):
        return "abstained"
    return "unsupported" if any(one["verdict"] == "unsupported" for one in answer.get("verdicts", ())) else "answered"


def draw(candidates: Iterable[Candidate], size: int, twice: float, seed: str) -> list[Drawn]:
    """Draw answers: as many of each outcome as there are places for, and within it, by turns from each department.

    What an outcome has too few answers for goes to the others. The order of the candidates doesn't matter.

    Args:
        size: how many at most.
        twice: the share that two reviewers see.
    """
    strata: dict[Outcome, dict[str, deque[Candidate]]] = {outcome: {} for outcome in OUTCOMES}
    for one in sorted(candidates, key=lambda one: _place(seed, one.answer_id)):
        strata[one.outcome].setdefault(one.department, deque()).append(one)
    had = {outcome: {name: len(queue) for name, queue in cells.items()} for outcome, cells in strata.items()}
    places = _shares([sum(had[outcome].values()) for outcome in OUTCOMES], size)
    chosen: list[tuple[Candidate, float]] = []
    for outcome, count in zip(OUTCOMES, places, strict=True):
        taken = _by_turns(strata[outcome], count, seed)
        chosen += [(one, weight) for one, weight in zip(taken, _weights(taken, had[outcome]), strict=True)]
    chosen.sort(key=lambda one: _place(seed, "reviewers", one[0].answer_id))
    both = round(twice * len(chosen))
    return [Drawn(one, weight, 2 if at < both else 1) for at, (one, weight) in enumerate(chosen)]


def _shares(sizes: Sequence[int], places: int) -> list[int]:
    """Give out places evenly, to none more than it has."""
    given = [0] * len(sizes)
    while places and (open_to := [at for at, size in enumerate(sizes) if given[at] < size]):
        for at in open_to[:places]:
            given[at] += 1
        places -= min(places, len(open_to))
    return given


def _by_turns(cells: Mapping[str, deque[Candidate]], count: int, seed: str) -> list[Candidate]:
    waiting = deque(sorted(cells, key=lambda name: _place(seed, "departments", name)))
    taken: list[Candidate] = []
    while len(taken) < count:
        name = waiting.popleft()
        taken.append(cells[name].popleft())
        if cells[name]:
            waiting.append(name)
    return taken


def _weights(taken: Sequence[Candidate], had: Mapping[str, int]) -> list[float]:
    """How many answers each stands for: together for all of their outcome, departments that had no place included."""
    drawn: dict[str, int] = defaultdict(int)
    for one in taken:
        drawn[one.department] += 1
    reached = sum(had[name] for name in drawn)
    return [had[one.department] / drawn[one.department] * sum(had.values()) / reached for one in taken]


def _place(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
