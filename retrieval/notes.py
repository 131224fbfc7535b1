"""What a search notes on its way."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.chunk import Vector
from core.logs import get_logger
from core.pipeline import PipelineConfig
from core.telemetry import DEGRADED, stage
from retrieval.generation_watch import View
from retrieval.ranked import Ranked

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search worked on: the index, the question as it was searched, its vector if there was one."""

    view: View
    query: str
    config: PipelineConfig
    embedding: Vector | None


@dataclass(slots=True)
class Trace:
    """The way of a search's candidates, step by step.

    Attributes:
        orders: their ids, best first, after each step that was taken.
        results: the ids of those that have a place among the results, best first.
        twins: passages that have none, with the document that says the same and has one.
    """

    orders: dict[str, list[str]] = field(default_factory=dict)
    results: list[str] = field(default_factory=list)
    twins: dict[str, str] = field(default_factory=dict)
    _searched: Searched | None = None

    @property
    def searched(self) -> Searched:
        """What was searched. Raises LookupError before it was."""
        if self._searched is None:
            raise LookupError("nothing was searched")
        return self._searched

    def begin(self, searched: Searched) -> None:
        """Begin, or begin anew."""
        self.orders.clear()
        self._searched = searched


@dataclass(slots=True)
class Notes:
    """What one search works on, and what it has to report besides its hits.

    Attributes:
        trace: where the way of its candidates is written; None: nowhere.
    """

    view: View
    trace: Trace | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def begin(self, query: str, config: PipelineConfig, embedding: Vector | None) -> None:
        """Note what is searched."""
        if self.trace is not None:
            self.trace.begin(Searched(self.view, query, config, embedding))

    def order(self, step: str, ranked: Sequence[Ranked]) -> None:
        """Note the candidates' order after a step; of a step that is taken again, behind those before."""
        if self.trace is not None:
            self.trace.orders.setdefault(step, []).extend(item.id for item in ranked)

    def end(self, found: Sequence[Ranked]) -> None:
        """Note the results."""
        if self.trace is not None:
            self.trace.results = [item.id for item in found]
            self.trace.twins = {twin.id: item.passage.document_id for item in found for twin in item.twins}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long a step took, all its times together, also when it fails."""
        began = time.perf_counter()
        try:
            with stage(f"retrieve.{name}"):
                yield
        finally:
            spent = (time.perf_counter() - began) * 1000
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + spent

    def without(self, part: str, why: str) -> None:
        """Say that a part had to be done without."""
        self.degraded.append(f"{part}: {why}")
        DEGRADED.labels(part).inc()
        log.warning("retrieve.degraded", part=part, why=why)
