"""Has a worker try out the settings of a source: it is the workers that have to reach it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import FootnoteError, InvalidRequest, SourceRefuses, SourceUnavailable, Unavailable
from ingestion.broker import TaskQueue
from ingestion.catalog.source_checks import SourceCheck, SourceCheckStore
from ingestion.connectors.registry import read_config
from ingestion.source_secrets import SourceSecrets

ITEMS = 5
"""How many documents a check names."""
_SOONEST_S, _LATEST_S = 0.02, 0.25
"""Between two looks."""
_ERRORS = {error.slug: error for error in (InvalidRequest, SourceRefuses, SourceUnavailable)}


@dataclass(frozen=True, slots=True)
class FoundItem:
    """One of the first documents of a source.

    Attributes:
        readers: access terms; None: that couldn't be told, so nobody is shown it.
        fault: what is wrong with it, if something is.
    """

    uri: str
    title: str
    readers: tuple[str, ...] | None
    fault: str | None


class SourceChecker:
    """Sends checks to workers, and waits for what they find.

    Args:
        deadline_s: for so long.
    """

    def __init__(
        self,
        checks: SourceCheckStore,
        tasks: TaskQueue,
        secrets: SourceSecrets,
        deadline_s: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._checks = checks
        self._tasks = tasks
        self._secrets = secrets
        self._deadline_s = deadline_s
        self._monotonic = monotonic
        self._sleep = sleep

    def check(
        self, kind: str, config: Mapping[str, Any], *, source_id: str = "", items: int = ITEMS
    ) -> tuple[FoundItem, ...]:
        """The first documents that a listing would find, as many as there are up to ``items``.

        Args:
            config: with its secrets readable.
            items: 0: whether the settings can be used on the worker, without asking the source itself.

        Raises:
            InvalidRequest: the settings are wrong, or can't be used on the worker.
            SourceRefuses: the source doesn't let us in.
            SourceUnavailable: it doesn't answer.
            Unavailable: no worker does, or not in time.
        """
        check_id = uuid.uuid4().hex
        sealed = self._secrets.seal(config, read_config(kind, config), check_id)
        asked = SourceCheck(check_id, source_id, kind, sealed, items)
        self._checks.ask(asked, self._deadline_s + 60)
        try:
            self._tasks.send("footnote.check", {"check_id": check_id})
            found = self._wait(check_id)
        finally:
            self._checks.forget(check_id)
        if "error" in found:
            raise _error(found["error"])
        return tuple(
            FoundItem(item["uri"], item["title"], _terms(item["readers"]), item["fault"]) for item in found["items"]
        )

    def _wait(self, check_id: str) -> Mapping[str, Any]:
        until, pause_s = self._monotonic() + self._deadline_s, _SOONEST_S
        while True:
            state = self._checks.look(check_id)
            if state.found is not None:
                return state.found
            if self._monotonic() >= until:
                raise Unavailable(self._late(state.taken))
            self._sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LATEST_S)

    def _late(self, taken: bool) -> str:
        instead = "To go on without this check, use --no-check (?check=false)."
        if taken:
            return (
                f"The source didn't answer a worker within {self._deadline_s:g} s: look at its address, or raise "
                f"sources.check_s. {instead}"
            )
        return (
            f"No worker took the check on within {self._deadline_s:g} s: see that one runs for the queue `check`, as "
            f"`footnote up` starts it, and isn't at its limit. {instead}"
        )


def _error(said: Mapping[str, str]) -> FootnoteError:
    return _ERRORS.get(said["slug"], SourceRefuses)(said["message"])


def _terms(readers: list[str] | None) -> tuple[str, ...] | None:
    return None if readers is None else tuple(readers)
