"""Packing units into passages of the wanted size, cut where the document's structure cuts best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from ingestion.chunking.tokens import TokenIndex
from ingestion.chunking.units import Unit

Tie = Callable[[Unit, Unit], float]
"""How good a place to cut is between two units, among places that structure holds for equal: lower is better. It
must depend on the text around the place only, or an edit would move every cut behind it."""

_Cost = tuple[int, float]

_NEAR = 2
"""How many times the least tokens around a place are near it: so much can be shared out as passages of any size."""
_AFTER_HEADING = 100
"""How bad a place to cut is behind a heading, which would be parted from what it heads."""


class Packer:
    """Packs units, in order, into groups.

    Text is cut in any case where that is better than at all places near. Between such places, a group is closed at the
    first heading after ``least`` tokens, so that small neighbouring sections share one; or where the next unit doesn't
    fit into ``most``, at the best place to cut behind ``least`` tokens.

    Args:
        least: tokens that a group should have.
        most: tokens that a group has at most, but for a single unit that is longer.
        limit: tokens that a single unit may have with the headings above it.
        tie: decides between places to cut that are equally good by structure.
    """

    def __init__(self, index: TokenIndex, least: int, most: int, limit: int, tie: Tie) -> None:
        self._index = index
        self._least = min(least, most)
        self._most = most
        self._limit = limit
        self._tie = tie

    def pack(self, units: Iterable[Unit]) -> list[list[Unit]]:
        """The groups; every unit is in exactly one."""
        return [group for stretch in self._stretches(list(units)) for group in self._pack(stretch)]

    def _stretches(self, units: list[Unit]) -> Iterator[list[Unit]]:
        """The units between places that are cut in any case: those that are better than all others near them.

        Such a place depends on nothing but the text near it, so that an edit moves cuts up to the next one and not
        further: the local minima of content-defined chunking.
        """
        near = _NEAR * self._least
        costs = [(self._cost(before, after), self._tie(before, after)) for before, after in pairwise(units)]
        places = [self._index.count(units[0].start, unit.start) for unit in units[1:]]
        whole = self._index.count(units[0].start, units[-1].end) if units else 0
        apart = [min(left, right) for left, right in zip(*_distances(costs, places, whole), strict=True)]
        first = 0
        for number, distance in enumerate(apart, start=1):
            if distance >= near and costs[number - 1][0] < _AFTER_HEADING:
                yield units[first:number]
                first = number
        yield units[first:]

    def _pack(self, units: Sequence[Unit]) -> list[list[Unit]]:
        groups: list[list[Unit]] = []
        current: list[Unit] = []
        for unit in units:
            while current and self._closes(current, unit):
                cut = self._best_cut(current, unit)
                groups.append(current[:cut])
                current = current[cut:]
            current.append(unit)
        if current:
            groups.append(current)
        return self._balance(groups)

    def _tokens(self, units: Sequence[Unit]) -> int:
        return self._index.count(units[0].start, units[-1].end)

    def _closes(self, current: Sequence[Unit], following: Unit) -> bool:
        most = self._limit if all(unit.heading for unit in current) else self._most
        if self._index.count(current[0].start, following.end) > most:
            return True
        return following.heading and not current[-1].heading and self._tokens(current) >= self._least

    def _best_cut(self, current: Sequence[Unit], following: Unit) -> int:
        """How many of the current units to close: all, or fewer where that is a better cut and leaves enough."""
        after = [*current[1:], following]
        first = len(current)
        while first > 1 and self._tokens(current[: first - 1]) >= self._least:
            first -= 1
        places = range(first, len(current) + 1)
        costs = {number: self._cost(current[number - 1], after[number - 1]) for number in places}
        best = min(costs.values())
        if best >= _AFTER_HEADING:
            return self._before_headings(current)
        equal = [number for number in places if costs[number] == best]
        return min(equal, key=lambda number: (self._tie(current[number - 1], after[number - 1]), -number))

    @staticmethod
    def _cost(before: Unit, after: Unit) -> int:
        return after.cut + (_AFTER_HEADING if before.heading else 0)

    @staticmethod
    def _before_headings(current: Sequence[Unit]) -> int:
        place = len(current)
        while place > 0 and current[place - 1].heading:
            place -= 1
        return place or len(current)

    def _balance(self, groups: list[list[Unit]]) -> list[list[Unit]]:
        """A last group that is too small is joined with the one before it, or shares its units evenly with it."""
        if len(groups) < 2 or self._tokens(groups[-1]) >= self._least:  # noqa: PLR2004
            return groups
        joined = groups[-2] + groups[-1]
        if self._tokens(joined) <= self._most:
            return [*groups[:-2], joined]
        cut = self._even_cut(joined, len(groups[-2]))
        return [*groups[:-2], joined[:cut], joined[cut:]]

    def _even_cut(self, joined: Sequence[Unit], as_it_was: int) -> int:
        best, place = self._tokens(joined[as_it_was:]), as_it_was
        for number in range(1, len(joined)):
            left, right = self._tokens(joined[:number]), self._tokens(joined[number:])
            smaller = min(left, right)
            if max(left, right) <= self._most and not joined[number - 1].heading and smaller > best:
                best, place = smaller, number
        return place


def _distances(costs: Sequence[_Cost], places: Sequence[int], whole: int) -> tuple[list[int], list[int]]:
    """How far it is from each place back, and on, to one that is no worse, or to the end of the text."""
    back, on = list(places), [whole - place for place in places]
    stack: list[int] = []  # places that no later one so far is as good as, from the best to the last
    for number, cost in enumerate(costs):
        while stack and costs[stack[-1]] >= cost:
            other = stack.pop()
            on[other] = places[number] - places[other]
            if costs[other] == cost:
                back[number] = on[other]
        if stack:
            back[number] = min(back[number], places[number] - places[stack[-1]])
        stack.append(number)
    return back, on
