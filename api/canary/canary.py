"""Which conversations a candidate answers, how its answers end, and when it is taken back."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, get_args

from api.canary.evidence import Evidence, evidence_of
from api.canary.slowness import SHARE, is_slow
from core.clock import Clock, SystemClock
from core.errors import Conflict, FootnoteError, StorageUnavailable
from core.logs import get_logger
from core.settings import Settings
from core.telemetry import CANARY_ANSWERS, CANARY_RUNNING, CANARY_SLOW
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
        share: of conversations, in a hundred, that the candidate is to answer today.
        stop: None while it isn't stopped.
        sums: of each arm, over all days.
        days: in the evidence; today isn't.
        evidence: on first answers of conversations that failed.
    """

    share: int
    stop: Stop | None
    sums: dict[Arm, Outcomes]
    days: int
    evidence: Evidence


class Ending:
    """Follows the events of one answer, from the question on, to know how it ended."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._unsupported = False
        self._done: Done | None = None

    def see(self, event: AnswerEvent) -> None:
        """Take note of the next event."""
        if isinstance(event, Verdict):
            self._unsupported = self._unsupported or event.verdict == "unsupported"
        elif isinstance(event, Done):
            self._done = event

    def outcomes(self, *, first: bool, slow_s: float | None = None) -> Outcomes:
        """It as sums, when it has just ended. One that has no end, or that its model didn't write, ended in an error.

        Args:
            first: it is its conversation's first.
            slow_s: it is slow if it took longer; None: it isn't.
        """
        slow = slow_s is not None and self._monotonic() - self._began > slow_s
        done = self._done
        error = done is None or done.finish_reason == "interrupted" or any(map(_is_broken, done.degraded))
        unsupported = self._unsupported or bool(done and done.sentences_dropped)
        return Outcomes(int(first), int(first and (error or unsupported)), 1, int(error), int(unsupported), int(slow))


def _is_broken(part: str) -> bool:
    return part.startswith(_BROKEN)


class Canary:
    """Sends conversations to the candidate, and takes it back. Safe to use from several threads.

    Nothing goes to the candidate until the catalog has said that it isn't stopped, nor while it doesn't answer.

    Args:
        catalog: opens it; asked by :meth:`refresh`, :meth:`standing` and :meth:`stop` alone.
        generations: names of the index's generations; asked by :meth:`refresh`, where the candidate searches one.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Callable[[], Catalog],
        clock: Clock | None = None,
        generations: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._settings = settings.canary
        self.id = settings.canary.id
        self._catalog = catalog
        self._generations = generations
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._outcomes: dict[tuple[date, Arm], Outcomes] = {}
        self._set_running(None)

    @property
    def running(self) -> bool:
        """Whether the candidate is asked anything now."""
        return self._share is not None

    def arm(self, conversation_id: str) -> Arm | None:
        """Who answers a conversation, always the same as long as the share stays or grows; None: no canary runs."""
        if self._share is None:
            return None
        return "candidate" if self._place(conversation_id) < self._share else "baseline"

    def shadows(self, conversation_id: str) -> bool:
        """Whether the candidate is to be asked too what the baseline answers in this conversation."""
        return self.arm(conversation_id) == "baseline" and self._place(conversation_id) >= 100 - self._settings.shadow

    def _place(self, conversation_id: str) -> int:
        """From 0 to 99, always the same."""
        digest = hashlib.sha256(f"{self.id}:{conversation_id}".encode()).digest()
        return int.from_bytes(digest[:8]) % 100

    def note(self, arm: Arm, ending: Ending, *, first: bool) -> None:
        """Count an answer; :meth:`refresh` writes it down."""
        outcomes = ending.outcomes(first=first, slow_s=self._settings.slow_s)
        key = self._clock.now().date(), arm
        with self._lock:
            self._outcomes[key] = self._outcomes.get(key, Outcomes()) + outcomes
        if outcomes.slow:
            CANARY_SLOW.labels(arm).inc()
        ended = "error" if outcomes.errors else "unsupported" if outcomes.unsupported else "good"
        CANARY_ANSWERS.labels(arm, ended).inc()

    def refresh(self) -> None:
        """Write down what was counted, stop the candidate where a rule says so, and see whether it is stopped.

        Raises:
            StorageUnavailable: the catalog doesn't answer; the candidate answers nothing until it does.
            IndexUnavailable: the same of the index, where the candidate searches a generation of its own.
        """
        if not self._settings.tried:
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
            fault = self._missing()
            if fault and self.running:
                log.warning("canary.not_there", canary=self.id, reason=fault)
            self._set_running(None if standing.stop or reason or fault else standing.share)
        except FootnoteError:
            self._set_running(None)
            raise

    def _missing(self) -> str:
        """What of the candidate isn't there now; empty: nothing."""
        wanted = self._settings.generation
        if wanted is None or wanted in self._generations():
            return ""
        return f"The index has no generation {wanted!r}: `footnote index list` names those that there are."

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
        sums: dict[Arm, Outcomes] = {arm: Outcomes() for arm in get_args(Arm)}
        for (_, arm), outcomes in found.items():
            sums[arm] += outcomes
        over = sorted({day for day, _ in found if day < today})
        pairs = [(found.get((day, "baseline"), Outcomes()), found.get((day, "candidate"), Outcomes())) for day in over]
        counts = [(a.failures, a.conversations, b.failures, b.conversations) for a, b in pairs]
        return Standing(
            share=self._settings.share_after([b.answers for _, b in pairs]),
            stop=store.stopped(self.id),
            sums=sums,
            days=len(over),
            evidence=evidence_of(counts),
        )

    def _reason(self, standing: Standing) -> str | None:
        """Why it has to be stopped now."""
        if standing.evidence.verdict == "worse":
            return f"Its conversations fail more often than the baseline's (p = {standing.evidence.p_value:.2g})."
        today = self._clock.now().date()
        days = self._catalog().canaries.days(self.id)
        own = [what for (_, arm), what in days.items() if arm == "candidate"]
        if is_slow([(one.slow, one.answers) for one in own]):
            share, limit = sum(one.slow for one in own) / sum(one.answers for one in own), self._settings.slow_s
            return f"{share:.1%} of its answers took longer than canary.slow_s = {limit:g}: surely over {SHARE:.0%}."
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
        if not self._settings.tried:
            raise Conflict("No canary is set: canary.share is 0.")
        self._set_running(None)
        return self._catalog().canaries.stop(self.id, reason)

    def _set_running(self, share: int | None) -> None:
        """``share``: of conversations that the candidate answers; None: nothing is asked of it."""
        self._share = share
        CANARY_RUNNING.set(share or 0)
