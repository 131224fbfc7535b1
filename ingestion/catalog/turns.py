"""Whose turn it is, where several sources want the same: they share by weight, whatever their documents cost."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that waits for its turn.

    Attributes:
        cost: what it takes of that which is shared, such as chunks to be embedded.
    """

    document_id: str
    source_id: str
    cost: int


class Turns:
    """Shares by weight between those that wait at the time: start-time fair queueing.

    Each source has a clock, that runs by what it was given over its weight; the one whose clock is behind is next. One
    that begins to wait starts with the clock that is furthest behind, so that it is neither owed nor owes anything.
    Each process shares what it gives out itself. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clocks: dict[str, float] = {}

    def take(self, waiting: Iterable[Candidate], weights: Mapping[str, int], most: int) -> list[str]:
        """The documents whose turn it is, of a cost of up to ``most`` together, but at least one.

        Args:
            waiting: in the order in which they came; that of one source is kept.
            weights: of their sources, at least 1.
        """
        queues: dict[str, deque[Candidate]] = {}
        for candidate in waiting:
            queues.setdefault(candidate.source_id, deque()).append(candidate)
        with self._lock:
            known = [self._clocks[source] for source in queues if source in self._clocks]
            start = min(known, default=0.0)
            self._clocks = {source: self._clocks.get(source, start) for source in queues}
            taken: list[str] = []
            while queues:
                source = min(queues, key=self._clocks.__getitem__)
                first = queues[source][0]
                if taken and first.cost > most:
                    break
                taken.append(first.document_id)
                most -= first.cost
                self._clocks[source] += max(first.cost, 1) / weights[source]
                queues[source].popleft()
                if not queues[source]:
                    del queues[source]
            return taken


def share(whole: int, weight: int, others: Iterable[int]) -> int:
    """What of a whole falls to one of this weight, beside others of theirs: at least 1."""
    return max(1, whole * weight // (weight + sum(others)))
