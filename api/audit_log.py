"""The audit log of the service: what administrators do is written at once, what readers do a moment later."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from api.audit_sinks import AuditSink, FileSink, SyslogSink
from core.audit_settings import AuditSettings
from core.clock import Clock, SystemClock
from core.errors import StorageUnavailable
from ingestion.catalog.audit_entries import Actor, AuditEntry, Deed, Outcome

if TYPE_CHECKING:
    from ingestion.catalog.catalog import Catalog

MOST_WAITING = 10_000
"""Entries that wait to be written. Beyond them nobody is served: nothing is to be read without a trace for long."""
MOST_REFUSALS = 100
"""Different refused sign-ins of one moment. Further ones are one entry together: strangers must not fill the log."""
_MOST_SIGNED_IN = 10_000


class AuditLog:
    """Writes entries wherever the settings say. Safe to use from several threads.

    Args:
        catalog: opens it; asked when there is something to write.
    """

    def __init__(self, settings: AuditSettings, catalog: Callable[[], Catalog], clock: Clock | None = None) -> None:
        self._settings = settings
        self._catalog = catalog
        self._clock = clock or SystemClock()
        self._sinks: list[AuditSink] = []
        if "file" in settings.to and settings.file is not None:
            self._sinks.append(FileSink(settings.file))
        if "syslog" in settings.to:
            self._sinks.append(SyslogSink(settings.syslog))
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._waiting: list[AuditEntry] = []
        self._refused: Counter[tuple[str, str | None, str | None]] = Counter()
        self._signed_in: OrderedDict[tuple[object, ...], None] = OrderedDict()

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries at once.

        Raises:
            StorageUnavailable: they can't be written everywhere.
        """
        if "catalog" in self._settings.to:
            self._catalog().audit.append(entries)
        with self._flushing:
            for sink in self._sinks:
                sink.append(entries)

    def note(self, actor: Actor, deed: Deed, outcome: Outcome = "done", reason: str | None = None) -> None:
        """Have an entry about a reader written soon, if those are wanted."""
        if self._settings.reading:
            entry = AuditEntry.of(actor, deed, self._clock.now(), outcome, reason)
            with self._lock:
                self._waiting.append(entry)

    def check_room(self) -> None:
        """Let a reader in.

        Raises:
            StorageUnavailable: so much waits to be written that reading would leave no trace.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise StorageUnavailable(
                "The audit log can't be written now, so nobody is served. Footnote's log says why."
            )

    def note_sign_in(self, actor: Actor) -> None:
        """Note that somebody is here, once a day for each key, person and address."""
        who = (actor.key_id, actor.user, actor.client, self._clock.now().date())
        with self._lock:
            new = who not in self._signed_in
            self._signed_in[who] = None
            while len(self._signed_in) > _MOST_SIGNED_IN:
                self._signed_in.popitem(last=False)
        if new:
            self.note(actor, Deed(action="sign_in"))

    def note_refused_sign_in(self, reason: str, key_id: str | None, client: str | None) -> None:
        """Note a key that opens nothing. Those that are alike are one entry with their number."""
        if self._settings.reading:
            with self._lock:
                who = (reason, key_id, client)
                known = who in self._refused or len(self._refused) < MOST_REFUSALS
                self._refused[who if known else ("others", None, None)] += 1

    def question(self, text: str) -> dict[str, Any]:
        """What is written of a question: itself, its hash, or nothing."""
        if self._settings.questions == "kept":
            return {"question": text}
        if self._settings.questions == "dropped":
            return {}
        key = self._settings.question_key
        secret = b"" if key is None else key.get_secret_value().encode()
        return {"question_hash": hmac.new(secret, text.strip().encode(), hashlib.sha256).hexdigest()}

    def flush(self) -> None:
        """Write what waits.

        Raises:
            StorageUnavailable: it can't be written; it goes on waiting.
        """
        with self._lock:
            entries, self._waiting = self._waiting, []
            refused, self._refused = self._refused, Counter()
        now = self._clock.now()
        for (reason, key_id, client), times in refused.items():
            actor = Actor(name="unknown", key_id=key_id, client=client)
            deed = Deed(action="sign_in", detail={"times": times})
            entries.append(AuditEntry.of(actor, deed, now, "failed", reason))
        if not entries:
            return
        try:
            self.append(entries)
        except StorageUnavailable:
            with self._lock:
                self._waiting = [*entries, *self._waiting]
            raise

    def prune(self) -> None:
        """Remove what is older than the settings keep, from the catalog.

        Raises:
            StorageUnavailable: the catalog doesn't answer.
        """
        if self._settings.keep_days:
            self._catalog().audit_keeping.prune(self._clock.now() - timedelta(days=self._settings.keep_days))
