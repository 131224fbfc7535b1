"""Requests that arrive whatever the service does, and people who read one streamed answer after another.

The model is open: searches come by a Poisson process and wait for nobody, as those of many people do. A search's time
counts from when it was due, so that a service which stalls is charged for all who came meanwhile; to leave them out is
what load testers call coordinated omission.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from types import MappingProxyType

import httpx
import psutil

from eval.progress import Progress

SEARCH, FIRST, WHOLE, READY = "search", "first words of an answer", "answer, whole", "/readyz"
REFUSED = frozenset({"429", "503"})
TIMEOUT_S = 60.0
_STREAM = MappingProxyType({"accept": "text/event-stream"})
_TICK_S = 1.0
_LONGEST_WAIT_S = 10.0


@dataclass(slots=True)
class Phase:
    """What came of one load.

    Attributes:
        name: what a report calls it.
        wall_s: how long requests were sent.
        seconds: of each request, by what was asked and how it ended: ``ok``, a status, the name of an error. A search's
            from when it was due.
        memory_mb: of the watched processes, once a second.
    """

    name: str
    wall_s: float = 0.0
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    memory_mb: list[float] = field(default_factory=list)

    def note(self, what: str, how: str, took_s: float) -> None:
        """One that has ended."""
        self.seconds[what, how].append(took_s)

    def served(self, what: str) -> list[float]:
        """Seconds of those that were."""
        return self.seconds.get((what, "ok"), [])

    def ended(self, what: str) -> dict[str, int]:
        """How many ended how."""
        return {how: len(all_) for (asked, how), all_ in self.seconds.items() if asked == what}

    def count(self, what: str, *, refused: bool) -> int:
        """How many were refused with 429 or 503, or else neither that nor served."""
        return sum(n for how, n in self.ended(what).items() if how != "ok" and (how in REFUSED) == refused)


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked of whom.

    Attributes:
        searches_per_s: how many searches arrive on average.
        streams: how many people read an answer at any time.
        pids: processes whose memory is watched, their children included.
    """

    questions: Sequence[str]
    searches_per_s: float
    streams: int
    pids: Sequence[int] = ()
    seed: int = 0


async def one_by_one(client: httpx.AsyncClient, questions: Sequence[str], progress: Progress) -> Phase:
    """Each question is searched for when the one before has been answered: the service at leisure."""
    phase, began = Phase("one by one"), time.perf_counter()
    for number, question in enumerate(questions):
        await _search(client, phase, question, time.perf_counter())
        progress(phase.name, number + 1, len(questions))
    phase.wall_s = time.perf_counter() - began
    return phase


async def under(client: httpx.AsyncClient, load: Load, name: str, seconds: float, progress: Progress) -> Phase:
    """Put the load on the service for so long, then wait for what is under way."""
    phase, began = Phase(name), time.perf_counter()
    until = began + seconds
    ask = cycle(load.questions).__next__
    readers = [asyncio.create_task(_read_answers(client, phase, ask, until)) for _ in range(load.streams)]
    watching = asyncio.create_task(_watch(client, phase, load.pids))
    showing = asyncio.create_task(_show(name, began, seconds, progress))
    async with asyncio.TaskGroup() as searches:
        async for due in _arrivals(load, began, until):
            searches.create_task(_search(client, phase, ask(), due))
        phase.wall_s = time.perf_counter() - began
    await asyncio.gather(*readers)
    for task in (watching, showing):
        task.cancel()
    await asyncio.gather(watching, showing, return_exceptions=True)
    return phase


async def _arrivals(load: Load, began: float, until: float) -> AsyncIterator[float]:
    """When each search is due, at that time: gaps are exponential."""
    generator, due = random.Random(load.seed), began
    while load.searches_per_s and (due := due + generator.expovariate(load.searches_per_s)) < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        yield due
    await asyncio.sleep(max(0.0, until - time.perf_counter()))


async def _search(client: httpx.AsyncClient, phase: Phase, question: str, due: float) -> None:
    try:
        response = await client.post("/v1/search", json={"query": question})
        how = "ok" if response.status_code == httpx.codes.OK else str(response.status_code)
    except httpx.TransportError as error:
        how = type(error).__name__
    phase.note(SEARCH, how, time.perf_counter() - due)


async def _read_answers(client: httpx.AsyncClient, phase: Phase, ask: Callable[[], str], until: float) -> None:
    """A person: asks, reads, asks again; waits as told when refused."""
    while time.perf_counter() < until:
        began, first, how, wait = time.perf_counter(), None, "broken off", 0.0
        try:
            async with client.stream("POST", "/v1/answers", json={"question": ask()}, headers=_STREAM) as response:
                if response.status_code != httpx.codes.OK:
                    how, wait = str(response.status_code), float(response.headers.get("retry-after", 1))
                async for line in response.aiter_lines():
                    if line == "event: token" and first is None:
                        first = time.perf_counter() - began
                    if line in {"event: done", "event: error"}:
                        how = "ok" if line.endswith("done") else "event error"
        except httpx.TransportError as error:
            how = type(error).__name__
        phase.note(WHOLE, how, time.perf_counter() - began)
        if first is not None:
            phase.note(FIRST, "ok", first)
        await asyncio.sleep(min(wait, _LONGEST_WAIT_S, max(0.0, until - time.perf_counter())))


async def _watch(client: httpx.AsyncClient, phase: Phase, pids: Sequence[int]) -> None:
    """Ask once a second whether the service is ready, and look how much memory it has."""
    while True:
        began = time.perf_counter()
        try:
            response = await client.get("/readyz")
            how = "ok" if response.status_code == httpx.codes.OK else f"not ready ({response.status_code})"
        except httpx.TransportError as error:
            how = type(error).__name__
        phase.note(READY, how, time.perf_counter() - began)
        if pids:
            phase.memory_mb.append(memory_mb(pids))
        await asyncio.sleep(_TICK_S)


def memory_mb(pids: Sequence[int]) -> float:
    """Resident megabytes of the processes and of all that they started; one that is gone has none."""
    total = 0
    for pid in pids:
        try:
            one = psutil.Process(pid)
            total += sum(each.memory_info().rss for each in (one, *one.children(recursive=True)))
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


async def _show(name: str, began: float, seconds: float, progress: Progress) -> None:
    while True:
        progress(f"{name}, seconds", int(min(seconds, time.perf_counter() - began)), int(seconds))
        await asyncio.sleep(_TICK_S)


def summary(phase: Phase) -> Mapping[str, object]:
    """The phase for a file of JSON, without single times."""
    return {
        "name": phase.name,
        "wall_s": round(phase.wall_s, 1),
        "ended": {what: phase.ended(what) for what in dict.fromkeys(asked for asked, _ in phase.seconds)},
        "memory_mb": [round(one) for one in phase.memory_mb],
    }
