"""Which conversations a candidate answers, how its answers end, and when it is taken back."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from api.canary.evidence import Evidence, evidence_of
from core.clock import Clock, SystemClock
from core.errors import Conflict, StorageUnavailable
from core.logs import get_logger
from core.settings import Settings
from core.telemetry import CANARY_ANSWERS, CANARY_RUNNING
from generation.events import AnswerEvent, Done, Verdict
from ingestion.catalog.canaries import Arm, Outcomes, Stop

if TYPE_CHECKING:
    from ingestion.catalog.catalog import Catalog

log = get_logger(__name__)

_BROKEN = ("llm:", "model:", "incomplete:")
"""What ``degraded`` begins with where the model that should have written didn't, or not to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a canary stands.

    Attributes:
        stop: None while it isn't stopped.
        sums: of each arm, over all days.
        days: in the evidence; today isn't.
        evidence: on first answers of conversations that failed.
    """

    stop: Stop | None
    sums: dict[Arm, Outcomes]
    days: int
    evidence: Evidence


class Ending:
    """Follows the events of one answer, to know how it ended."""

    def __init__(self) -> None:
        self._unsupported = False
        self._done: Done | None = None

    def see(self, event: AnswerEvent) -> None:
        """Take note of the next event."""
        if isinstance(event, Verdict):
            self._unsupported = self._unsupported or event.verdict == "unsupported"
        elif isinstance(event, Done):
            self._done = event

    def outcomes(self, *, first: bool) -> Outcomes:
        """It as sums. An answer that has no end, or that its model didn't write, ended in an error.

        Args:
            first: it is its conversation's first.
        """
        done = self._done
        error = done is None or done.finish_reason == "interrupted" or any(map(_is_broken, done.degraded))
        unsupported = self._unsupported or bool(done and done.sentences_dropped)
        return Outcomes(int(first), int(first and (error or unsupported)), 1, int(error), int(unsupported))


def _is_broken(part: str) -> bool:
    return part.startswith(_BROKEN)


class Canary:
    """Sends conversations to the candidate, and takes it back. Safe to use from several threads.

    Nothing goes to the candidate until the catalog has said that it isn't stopped, nor while it doesn't answer.

    Args:
        catalog: opens it; asked by :meth:`refresh`, :meth:`standing` and :meth:`stop` alone.
    """

    def __init__(self, settings: Settings, catalog: Callable[[], Catalog], clock: Clock | None = None) -> None:
        self._settings = settings.canary
        self.id = settings.canary.id
        self._catalog = catalog
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._outcomes: dict[tuple[date, Arm], Outcomes] = {}
        self._set_running(False)

    @property
    def running(self) -> bool:
        """Whether conversations go to the candidate now."""
        return self._running

    def arm(self, conversation_id: str) -> Arm | None:
        """Who answers a conversation, always the same as long as the share stays or grows; None: no canary runs."""
        if not self._running:
            return None
        digest = hashlib.sha256(f"{self.id}:{conversation_id}".encode()).digest()
        return "candidate" if int.from_bytes(digest[:8]) % 100 < self._settings.share else "baseline"

    def note(self, arm: Arm, ending: Ending, *, first: bool) -> None:
        """Count an answer; :meth:`refresh` writes it down."""
        outcomes, key = ending.outcomes(first=first), (self._clock.now().date(), arm)
        with self._lock:
            self._outcomes[key] = self._outcomes.get(key, Outcomes()) + outcomes
        ended = "error" if outcomes.errors else "unsupported" if outcomes.unsupported else "good"
        CANARY_ANSWERS.labels(arm, ended).inc()

    def refresh(self) -> None:
        """Write down what was counted, stop the candidate where a rule says so, and see whether it is stopped.

        Raises:
            StorageUnavailable: the catalog doesn't answer; the candidate answers nothing until it does.
        """
        if not self._settings.share:
            return
        with self._lock:
            outcomes, self._outcomes = self._outcomes, {}
        try:
            if outcomes:
                self._write(outcomes)
            standing = self.standing()
            reason = None if standing.stop else self._reason(standing)
            if reason is not None and self._catalog().canaries.stop(self.id, reason):
                log.warning("canary.stopped", canary=self.id, reason=reason)
            self._set_running(standing.stop is None and reason is None)
        except StorageUnavailable:
            self._set_running(False)
            raise

    def _write(self, outcomes: dict[tuple[date, Arm], Outcomes]) -> None:
        try:
            self._catalog().canaries.add(self.id, outcomes)
        except StorageUnavailable:
            with self._lock:
                for key, what in outcomes.items():
                    self._outcomes[key] = self._outcomes.get(key, Outcomes()) + what
            raise

    def standing(self) -> Standing:
        """How it stands. Raises StorageUnavailable."""
        store = self._catalog().canaries
        found, today = store.days(self.id), self._clock.now().date()
        sums: dict[Arm, Outcomes] = {"baseline": Outcomes(), "candidate": Outcomes()}
        for (_, arm), outcomes in found.items():
            sums[arm] += outcomes
        over = sorted({day for day, _ in found if day < today})
        pairs = [[found.get((day, arm), Outcomes()) for arm in sums] for day in over]
        counts = [(a.failures, a.conversations, b.failures, b.conversations) for a, b in pairs]
        return Standing(stop=store.stopped(self.id), sums=sums, days=len(over), evidence=evidence_of(counts))

    def _reason(self, standing: Standing) -> str | None:
        """Why it has to be stopped now."""
        if standing.evidence.verdict == "worse":
            return f"Its conversations fail more often than the baseline's (p = {standing.evidence.p_value:.2g})."
        today = self._clock.now().date()
        days = self._catalog().canaries.days(self.id)
        late = Outcomes()
        for day in (today, today - timedelta(days=1)):
            late += days.get((day, "candidate"), Outcomes())
        if late.answers < self._settings.after_answers:
            return None
        for name, most in (("errors", self._settings.most_errors), ("unsupported", self._settings.most_unsupported)):
            share = getattr(late, name) / late.answers
            if share > most:
                return f"{share:.0%} of its last {late.answers} answers were {name}: canary.most_{name} is {most:g}."
        return None

    def stop(self, reason: str) -> bool:
        """Take the candidate back for good; False where it was stopped before.

        Raises:
            Conflict: there is no canary.
            StorageUnavailable: it can't be written down; try again, or set ``canary.share = 0``.
        """
        if not self._settings.share:
            raise Conflict("No canary is set: canary.share is 0.")
        self._set_running(False)
        return self._catalog().canaries.stop(self.id, reason)

    def _set_running(self, running: bool) -> None:
        self._running = running
        CANARY_RUNNING.set(self._settings.share if running else 0)
