"""Sources and syncs, as the API and the command line see them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any

from celery import Celery

from core.errors import BrokerUnavailable, InvalidRequest
from core.logs import get_logger
from core.settings import Settings
from ingestion.broker import TaskQueue, create_celery
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.records import Run, RunState, Source
from ingestion.connectors.registry import read_config
from ingestion.source_checking import ITEMS, FoundItem, SourceChecker
from ingestion.source_keys import read_keys
from ingestion.source_secrets import SourceSecrets

log = get_logger(__name__)

MOST_WEIGHT = 100


class Ingestion:
    """Keeps sources, and starts what has to be done for them. The work itself is the workers'.

    Methods that start something raise :class:`core.errors.BrokerUnavailable` when the task queue doesn't answer.
    """

    def __init__(self, catalog: Catalog, celery_app: Celery, settings: Settings) -> None:
        self.catalog = catalog
        self._tasks = TaskQueue(celery_app)
        self._settings = settings
        self._secrets = SourceSecrets(cache(lambda: read_keys(settings)))
        self._checker = SourceChecker(catalog.checks, self._tasks, self._secrets, settings.sources.check_s)

    @property
    def tasks(self) -> TaskQueue:
        """What hands work to the workers."""
        return self._tasks

    def create_source(self, kind: str, name: str, config: Mapping[str, Any], interval_s: int | None = None) -> Source:
        """Add a source. Nothing is synced yet: call :meth:`sync`, or wait for the schedule.

        Whether a worker can use the configuration, :meth:`check_source` finds out.

        Raises:
            InvalidRequest: an unknown kind, a configuration of the wrong shape, an empty name, an interval below 1 s.
            Conflict: the name is in use.
        """
        interval = self._settings.sync.interval_s if interval_s is None else interval_s
        _check(name, interval)
        source_id = uuid.uuid4().hex
        sealed = self._seal(kind, config, source_id)
        return self.catalog.sources.create(
            kind=kind, name=name.strip(), config=sealed, interval_s=interval, source_id=source_id
        )

    def check_source(
        self, kind: str | None, config: Mapping[str, Any] | None, *, source_id: str | None = None, items: int = ITEMS
    ) -> tuple[FoundItem, ...]:
        """Have a worker try settings out: those of a new source, or those that a source has or is to get.

        Args:
            kind: of a new source; None: that of ``source_id``.
            config: masks stand for the secrets of ``source_id``; None: the one that it has.

        Raises:
            NotFound: there is no source of that id.
            InvalidRequest, SourceRefuses, SourceUnavailable, Unavailable: as for
                :meth:`ingestion.source_checking.SourceChecker.check`.
            ConfigurationError: what is stored can't be decrypted.
        """
        if source_id is None:
            if kind is None or config is None:
                raise InvalidRequest("Give the kind and the config of a source, or the id of one that there is.")
            return self._checker.check(kind, config, items=items)
        source = self.catalog.sources.get(source_id)
        if config is None:
            tried = self._secrets.open(source.config, source_id)
        else:
            tried = self._secrets.restore(config, source.config, source_id)
        return self._checker.check(source.kind, tried, source_id=source_id, items=items)

    def update_source(
        self,
        source_id: str,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        interval_s: int | None = None,
        enabled: bool | None = None,
        weight: int | None = None,
    ) -> Source:
        """Change what is given of a source. A mask in ``config`` stands for the secret that is stored.

        Raises:
            NotFound: there is none of that id.
            InvalidRequest, Conflict: as for :meth:`create_source`.
            ConfigurationError: what is stored can't be decrypted.
        """
        source = self.catalog.sources.get(source_id)
        if weight is not None and not 1 <= weight <= MOST_WEIGHT:
            raise InvalidRequest(f"A source's weight is a whole number from 1 to {MOST_WEIGHT}.")
        _check(source.name if name is None else name, source.interval_s if interval_s is None else interval_s)
        if config is not None:
            config = self._secrets.restore(config, source.config, source_id)
            config = self._seal(source.kind, config, source_id, source.config)
        changes = {
            "name": None if name is None else name.strip(),
            "config": None if config is None else dict(config),
            "interval_s": interval_s,
            "enabled": enabled,
            "weight": weight,
        }
        given = {key: value for key, value in changes.items() if value is not None}
        return self.catalog.sources.update(source_id, **given)

    def rotate_secrets(self) -> int:
        """Encrypt the secrets of all sources with the newest key; how many sources had some under another.

        Raises:
            ConfigurationError: one can't be decrypted; nothing was changed.
        """
        return self.catalog.sources.renew_secrets(lambda source: self._secrets.reseal(source.config, source.id))

    def _seal(
        self, kind: str, config: Mapping[str, Any], source_id: str, stored: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return self._secrets.seal(config, read_config(kind, config), source_id, stored)

    def delete_source(self, source_id: str) -> None:
        """Hide a source at once, and have its documents removed. If the queue is down, that is done once it is up.

        Raises:
            NotFound: there is none of that id.
        """
        self.catalog.sources.begin_delete(source_id)
        self.catalog.runs.fail_all(source_id, "The source was deleted.")
        self._send_or_leave("footnote.purge", {"source_id": source_id})

    def sync(self, source_id: str, *, full: bool = False, confirmed: bool = False) -> Run:
        """Have a source listed after this call, and read who is in its groups.

        While it is being listed, one more run is queued for afterwards, however often this is called; that one is
        returned. Documents that are still on their way from an earlier run don't hold it up.

        Args:
            full: list from the start, whatever is known.
            confirmed: delete however much the source no longer has.

        Raises:
            NotFound: there is no source of that id.
            Conflict: it is paused.
        """
        source = self.catalog.sources.get(source_id)
        lease_s = self._settings.sync.lease_s
        run, new = self.catalog.runs.begin(source.id, lease_s, full=full, confirmed=confirmed)
        # Access lists name groups and not people: neither of the two needs to wait for the other.
        self.catalog.membership_syncs.want(source_id)
        self._send_or_leave("footnote.memberships", {"source_id": source_id})
        if new and run.state is RunState.RUNNING:
            self._send(run, "footnote.sync", {"run_id": run.id})
        return run

    def plan(self, source_id: str, *, full: bool = False) -> Run:
        """Have a worker find out what a sync would change; the run that will hold it, once it is ``planned``.

        Args:
            full: what a sync that lists from the start would change.

        Raises:
            NotFound: there is no source of that id.
            Conflict: it is paused, is being listed, or is about to be.
        """
        source = self.catalog.sources.get(source_id)
        run = self.catalog.runs.begin_plan(source.id, self._settings.sync.lease_s, full=full)
        self._send(run, "footnote.sync", {"run_id": run.id})
        return run

    def cancel(self, source_id: str) -> list[Run]:
        """End what goes on for a source; those runs. See :meth:`ingestion.catalog.stopping.Stopping.cancel`.

        Raises:
            NotFound: there is no source of that id.
        """
        source = self.catalog.sources.get(source_id)
        runs = self.catalog.stopping.cancel(source.id)
        if runs:
            self._send_or_leave("footnote.settle", {"source_ids": [source.id]})
        return runs

    def pause_source(self, source_id: str) -> Source:
        """Let a source rest; see :meth:`ingestion.catalog.stopping.Stopping.pause`.

        Raises:
            NotFound: there is no source of that id.
        """
        source = self.catalog.sources.get(source_id)
        self.catalog.stopping.pause(source.id)
        return self.catalog.sources.get(source.id)

    def resume_source(self, source_id: str) -> Source:
        """Let a source go on where it was paused.

        Raises:
            NotFound: there is no source of that id.
        """
        source = self.catalog.sources.get(source_id)
        for run_id in self.catalog.stopping.resume(source.id):
            self._send_or_leave("footnote.sync", {"run_id": run_id})
        self._send_or_leave("footnote.dispatch", {"source_id": source.id})
        return self.catalog.sources.get(source.id)

    def retry_failures(self, source_id: str | None = None) -> int:
        """Send every failed document (of one source, or of all) through again; how many.

        Raises:
            NotFound: there is no source of that id.
        """
        if source_id is not None:
            self.catalog.sources.get(source_id)
        return sum(self._retry(failing) for failing in self.catalog.retries.sources(source_id))

    def retry_failure(self, document: str) -> int:
        """Send one failed document through again: 1, or 0 if a sync that is running has it already.

        Args:
            document: its id, its address, or its name in its source.

        Raises:
            NotFound: it hasn't failed.
            InvalidRequest: documents of that name have failed in several sources.
        """
        failure = self.catalog.failures.find(document)
        return self._retry(failure.source_id, failure.document_id)

    def _retry(self, source_id: str, document_id: str | None = None) -> int:
        retry = self.catalog.retries.begin(source_id, self._settings.sync.lease_s, document_id)
        if retry.listing and retry.run.state is RunState.RUNNING:
            self._send(retry.run, "footnote.sync", {"run_id": retry.run.id})
        else:
            self._send_or_leave("footnote.dispatch", {"source_id": source_id})
        return retry.documents

    def find_source(self, kind: str, config: Mapping[str, Any]) -> Source | None:
        """The source of that kind with exactly that configuration, if there is one."""
        wanted = dict(config)
        return next((s for s in self.catalog.sources.list() if s.kind == kind and dict(s.config) == wanted), None)

    def close(self) -> None:
        """Close connections."""
        self.catalog.close()

    def _send_or_leave(self, task: str, arguments: Mapping[str, Any]) -> None:
        """Send a task whose work the catalog knows: if the queue is down, ``recover`` sends it once it is up."""
        try:
            self._tasks.send(task, arguments)
        except BrokerUnavailable as error:
            log.warning("task.postponed", task=task, reason=error.message)

    def _send(self, run: Run, task: str, arguments: Mapping[str, Any]) -> None:
        try:
            self._tasks.send(task, arguments)
        except BrokerUnavailable as error:
            self.catalog.runs.fail(run.id, error.message)
            raise


def _check(name: str, interval_s: int) -> None:
    if not name.strip():
        raise InvalidRequest("A source needs a name.")
    if len(name) > 200:  # noqa: PLR2004 - what the column holds, with room for the mark of a deleted source
        raise InvalidRequest("A source's name can have 200 characters at most.")
    if interval_s < 1:
        raise InvalidRequest("interval_s must be at least 1 second.")


def build_ingestion(settings: Settings) -> Ingestion:
    """Wire the service for a process that starts syncs (the API): the catalog is opened, the broker is not.

    Raises:
        ConfigurationError, StorageUnavailable: the catalog can't be opened.
    """
    return Ingestion(open_catalog(settings), create_celery(lambda: settings), settings)
