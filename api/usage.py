"""Who uses how much of the language model: kept in memory for some seconds, then added up in the catalog."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.clock import Clock, SystemClock
from core.errors import StorageUnavailable
from core.telemetry import COST, USAGE_TOKENS
from core.usage_settings import UsageSettings
from generation.models.port import Usage
from ingestion.catalog.usage import UsageOf, Used

if TYPE_CHECKING:
    from api.auth.principal import Caller
    from ingestion.catalog.catalog import Catalog

SHADOW = "shadow"
"""The department of what a canary asks without showing it."""
_LONGEST = 200


class UsageLog:
    """Adds up what answers use. Safe to use from several threads.

    Args:
        catalog: opens it; asked when there is something to write.
    """

    def __init__(self, settings: UsageSettings, catalog: Callable[[], Catalog], clock: Clock | None = None) -> None:
        self._settings = settings
        self._catalog = catalog
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._used: dict[UsageOf, Used] = {}

    def note(self, caller: Caller, model: str, usage: Usage) -> None:
        """Count an answer to its key and to the department of who asked."""
        department = self._settings.department_of(caller.principal.groups | caller.principal.synced)
        self._add(caller.key.id if caller.key else "", department, model, usage)

    def note_shadow(self, model: str, usage: Usage) -> None:
        """Count an answer of a canary's that nobody is shown: to no key, and a department of its own."""
        self._add("", SHADOW, model, usage)

    def _add(self, key_id: str, department: str, model: str, usage: Usage) -> None:
        whose = UsageOf(self._clock.now().date(), key_id, department[:_LONGEST], model[:_LONGEST])
        with self._lock:
            used = Used(1, usage.input_tokens, usage.output_tokens)
            self._used[whose] = self._used.get(whose, Used()) + used
        USAGE_TOKENS.labels(department, key_id, "input").inc(usage.input_tokens)
        USAGE_TOKENS.labels(department, key_id, "output").inc(usage.output_tokens)
        cost = self._settings.cost(model, usage.input_tokens, usage.output_tokens)
        if cost:
            COST.labels(department, key_id).inc(cost)

    def flush(self) -> None:
        """Add it up in the catalog.

        Raises:
            StorageUnavailable: it can't be written; it is kept for the next time.
        """
        with self._lock:
            used, self._used = self._used, {}
        if not used:
            return
        try:
            self._catalog().usage.add(used)
        except StorageUnavailable:
            with self._lock:
                for whose, what in used.items():
                    self._used[whose] = self._used.get(whose, Used()) + what
            raise
