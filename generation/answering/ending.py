"""What is counted while an answer is made, for its last event."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from generation.events import AnswerEnd, Done, StageEvent
from generation.models.port import Usage


@dataclass(slots=True)
class Tally:
    """Filled along the way. ``outcome`` is how the answer ended, for the metrics."""

    degraded: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)
    usage: Usage | None = None
    model: str = ""
    citations_dropped: int = 0
    citations_corrected: int = 0
    sentences_dropped: int = 0
    claims: int = 0
    claims_supported: int = 0
    finish_reason: AnswerEnd = "stop"
    outcome: str = "answered"

    def finished(self, name: str, began: float, queries: Sequence[str] = ()) -> StageEvent:
        """Note that a stage ended that began at this reading of ``time.perf_counter``."""
        self.timings_ms[name] = round((time.perf_counter() - began) * 1000, 2)
        return StageEvent(name=name, state="finished", ms=self.timings_ms[name], queries=tuple(queries))

    def abstain(self) -> None:
        """There is no answer."""
        self.outcome, self.finish_reason = "abstained", "abstain"

    def done(self) -> Done:
        """The last event."""
        return Done(
            finish_reason=self.finish_reason,
            usage=self.usage,
            timings_ms=dict(self.timings_ms),
            degraded=tuple(dict.fromkeys(self.degraded)),
            notices=tuple(dict.fromkeys(self.notices)),
            model=self.model,
            citations_dropped=self.citations_dropped,
            groundedness=round(self.claims_supported / self.claims, 3) if self.claims else None,
            citations_corrected=self.citations_corrected,
            sentences_dropped=self.sentences_dropped,
        )
