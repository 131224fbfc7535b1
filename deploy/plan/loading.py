"""How long the first load takes, and what a day of syncs is like: documents flow through parse, embed and index.

A fluid model. Each stage passes on so much a second, and stands still while the stage behind it is full, as ingestion
keeps its work bounded (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import InvalidRequest
from deploy.plan.workload import Workload

_STEPS = 2000
_ROUNDED = 1e-6
"""The share of all documents that is taken for none."""
_SYNCS_A_DAY = 6
EDIT_SHARE = 0.014
"""Of a changed document's chunks, those that are embedded anew: .42 to 1.40 % measured (docs/chunking.md)."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What workers do. Two of them are assumed: measure your own, with a sample and ``footnote bench ingest``.

    Attributes:
        parsed: documents a second and core: assumed.
        embedded: tokens a second of one worker, or of one request at a time to a hosted model: assumed.
        indexed: chunks a second and core of the data nodes: a million in 1,050 s on two busy cores.
        kept: of the embedder's rate, what a whole ingestion keeps (``footnote bench ingest``).
    """

    parsed: float = 1.0
    embedded: float = 36_000.0
    indexed: float = 476.0
    kept: float = 0.87


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers: cores that parse, workers that embed, cores of the data nodes that write beside their searches."""

    parse_cores: int
    embedders: int
    index_cores: float

    def __post_init__(self) -> None:
        if min(self.parse_cores, self.embedders, self.index_cores) <= 0:
            raise InvalidRequest("A plan needs at least one core that parses, and one worker that embeds.")


@dataclass(frozen=True, slots=True)
class Load:
    """What became of documents that came at once.

    Attributes:
        hours: until the last could be found.
        parse_hours, embed_hours: that the crews of these stages were at work.
        bound_by: the stage that the others waited for.
    """

    hours: float
    parse_hours: float
    embed_hours: float
    bound_by: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of syncs.

    Attributes:
        documents: that change in the day.
        slowest_hours: from a sync's beginning until its documents can be found, at the day's worst.
        embed_hours: that embedders are at work in the day; they may be gone for the rest.
        most_waiting: documents that wait at once.
        kept_up: the last sync's documents can be found within the day.
    """

    documents: float
    slowest_hours: float
    embed_hours: float
    most_waiting: float
    kept_up: bool


def first_load(workload: Workload, crew: Crew, rates: Rates, in_flight: int = 1000) -> Load:
    """All documents, into an empty index."""
    stages = _stages(workload, 1.0, crew, rates)
    (taken,), busy, _ = _flow([(0.0, float(workload.documents))], stages, in_flight)
    return Load(taken / 3600, busy["parse"] / 3600, busy["embed"] / 3600, min(stages, key=lambda name: stages[name]))


def day_of_syncs(workload: Workload, crew: Crew, rates: Rates, in_flight: int = 1000) -> Day:
    """Six syncs, each with its share of the day's changes; what one leaves waits behind the next."""
    changed = workload.documents_at_end * workload.changed_a_day
    if not changed:
        return Day(0.0, 0.0, 0.0, 0.0, kept_up=True)
    spacing = 86_400 / _SYNCS_A_DAY
    arrivals = [(number * spacing, changed / _SYNCS_A_DAY) for number in range(_SYNCS_A_DAY)]
    taken, busy, waiting = _flow(arrivals, _stages(workload, EDIT_SHARE, crew, rates), in_flight)
    kept_up = arrivals[-1][0] + taken[-1] <= arrivals[-1][0] + spacing
    return Day(changed, max(taken) / 3600, busy["embed"] / 3600, waiting, kept_up)


def _stages(workload: Workload, embedded: float, crew: Crew, rates: Rates) -> dict[str, float]:
    """Documents a second that each stage passes on, of each document so much being embedded anew."""
    tokens = workload.tokens / workload.documents * embedded
    chunks = workload.text.chunks_a_document * embedded
    return {
        "parse": crew.parse_cores * rates.parsed,
        "embed": crew.embedders * rates.embedded * rates.kept / tokens,
        "index": crew.index_cores * rates.indexed / chunks,
    }


def _flow(
    arrivals: Sequence[tuple[float, float]], stages: Mapping[str, float], in_flight: int
) -> tuple[list[float], dict[str, float], float]:
    """Let documents through the stages.

    Returns:
        For each arrival the seconds until all that had come by then was through; the seconds that each stage was busy;
        and the most documents that waited to begin.
    """
    whole = sum(documents for _, documents in arrivals)
    step = min(whole / _STEPS, in_flight / 4) / min(stages.values())
    names = list(stages)
    done, busy = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    now, come, most, coming, through = 0.0, 0.0, 0.0, list(arrivals), list[float]()
    while len(through) < len(arrivals):
        while coming and coming[0][0] <= now:
            come += coming.pop(0)[1]
        if coming and come - done[names[-1]] < whole * _ROUNDED:  # nothing to do before the next ones come
            now = coming[0][0]
            continue
        now += step
        for place in reversed(range(len(names))):
            name = names[place]
            there = (come if place == 0 else done[names[place - 1]]) - done[name]
            room = in_flight - (done[name] - done[names[place + 1]]) if place + 1 < len(names) else there
            passed = max(0.0, min(stages[name] * step, there, room))
            done[name] += passed
            busy[name] += passed / stages[name]
        most = max(most, come - done[names[0]])
        due = sum(documents for _, documents in arrivals[: len(through) + 1])
        if done[names[-1]] >= due - whole * _ROUNDED:
            through.append(now - arrivals[len(through)][0])
    return through, busy, most
