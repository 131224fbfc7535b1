"""What a search notes on its way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.logs import get_logger
from core.telemetry import DEGRADED, stage
from retrieval.generation_watch import View

log = get_logger(__name__)


@dataclass(slots=True)
class Notes:
    """What one search works on, and what it has to report besides its hits."""

    view: View
    timings_ms: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

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
