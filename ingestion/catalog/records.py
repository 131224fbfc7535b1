"""What the catalog hands out: plain, frozen values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.metadata import Metadata
from core.principal import AccessList


class DocumentState(StrEnum):
    """Where a document is on its way into the index.

    ``pending -> queued -> parsed -> indexed``, or ``failed``. ``updating``: only its permissions or metadata are
    being written to the index. ``deleting``: on its way out; the row goes last.
    """

    PENDING = "pending"
    QUEUED = "queued"
    PARSED = "parsed"
    UPDATING = "updating"
    INDEXED = "indexed"
    FAILED = "failed"
    DELETING = "deleting"


OPEN_STATES = (DocumentState.PENDING, DocumentState.QUEUED, DocumentState.PARSED, DocumentState.UPDATING)
"""States of a document that is on its way into the index."""


class RunState(StrEnum):
    """How a run stands.

    ``queued``: it was asked for while the source was being listed, and begins once that listing has ended.
    ``refused``: everything was done but the deletions, which looked wrong.
    ``cancelled``: somebody ended it; while it isn't finished, what had begun comes to its end.
    ``planned``: a dry run is through, and nothing was changed.
    """

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PLANNED = "planned"


class RunKind(StrEnum):
    """What a run was begun for: a listing and what comes of it, failures to be tried again, or a dry run."""

    SYNC = "sync"
    RETRY = "retry"
    PLAN = "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place that documents come from.

    Attributes:
        config: what its connector was configured with.
        interval_s: seconds between two syncs.
        enabled: whether the schedule starts syncs; one can be asked for anyway.
        paused_at: since when nothing is listed, and no document handed out; None: it isn't paused.
        weight: its share of the workers, beside those of the other sources that have something to do.
    """

    id: str
    kind: str
    name: str
    config: Mapping[str, Any]
    interval_s: int
    enabled: bool
    created_at: datetime
    last_run_at: datetime | None = None
    paused_at: datetime | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """A document as the catalog knows it.

    Attributes:
        version: grows with every change; what a task wrote for an older one is taken back.
        content_hash: SHA-256 of the bytes that the index holds, in hex; None until it was indexed once.
            Names the blobs: ``documents/<id>/<content_hash>/original`` and ``.../parsed.json``.
        metadata: the source's facts, with the document's own where the source has none.
        acl: who may read it, as the source said last.
        chunks: how many the index holds.
        parent_id: the document that it lies in, as an attachment or a member of an archive; None for all others.
    """

    id: str
    source_id: str
    external_id: str
    uri: str
    title: str
    media_type: str | None
    size: int
    state: DocumentState
    version: int
    content_hash: str | None
    metadata: Metadata
    acl: AccessList
    chunks: int
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None
    parent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A document with what a task needs to work on it.

    Attributes:
        source_metadata: the source's facts alone.
        own_metadata: facts found in the document itself, by the last parse.
        parsed_hash: SHA-256 of the bytes that were parsed last; becomes ``content_hash`` once indexed.
        parsed_chunks: how many chunks they gave.
        indexed_version: the version that the document's chunks in the index carry; None when it has none.
        attempts: how often this stage of this version was begun, this time included. Without those that ended with
            their worker, unless the document was alone with it.
        content_revision: changes with the bytes; for a document that lies in another one, their SHA-256 in hex.
    """

    record: DocumentRecord
    source_metadata: Metadata
    own_metadata: Metadata
    parsed_hash: str | None
    parsed_chunks: int
    indexed_version: int | None
    attempts: int
    run_id: str | None
    content_revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One sync of a source, one retry of its failures, or one dry run.

    Once finished, ``seen == unchanged + indexed + failed + deleted + superseded``: every document that the listing
    named, and every one that it found gone, is in exactly one of them.

    Attributes:
        unchanged: as the listing before said. What was still on its way then counts in the run that found it.
        superseded: a later run found them changed, or gone, before they were through; or this one was cancelled before
            they were begun, and left them for the next.
        retried: of those, how many had failed before and were tried again, whatever became of them.
        warned: how many have a warning, be it documents with a secret in them or files that were withheld.
        waiting: while it runs: why documents wait, when something that they need is down. They go on by themselves.
        bytes: of the documents that it indexed, as the source counts them.
        open: how many documents are on their way.
        rate: documents a second that got through lately; None as long as that isn't known.
        listed: whether the source was listed to its end.
        full: it lists from the start, whatever is known.
        confirmed: somebody said that it may delete more than :attr:`core.settings.SyncSettings.max_deleted_share`.
        plan: what a dry run found; see :class:`ingestion.catalog.plans.Plan`.
    """

    id: str
    source_id: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None = None
    seen: int = 0
    unchanged: int = 0
    indexed: int = 0
    failed: int = 0
    deleted: int = 0
    retried: int = 0
    warned: int = 0
    superseded: int = 0
    error: str | None = None
    waiting: str | None = None
    kind: RunKind = RunKind.SYNC
    bytes: int = 0
    open: int = 0
    rate: float | None = None
    listed: bool = False
    full: bool = False
    confirmed: bool = False
    plan: Mapping[str, Any] | None = None

    @property
    def phase(self) -> str | None:
        """``listing`` or ``processing`` while it runs."""
        if self.state is not RunState.RUNNING:
            return None
        return "processing" if self.listed else "listing"

    @property
    def eta_s(self) -> float | None:
        """Seconds until what is known of is through, as fast as it went lately; None as long as that isn't known."""
        return self.open / self.rate if self.rate and self.open else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A document that could not be ingested: the dead letters.

    Attributes:
        stage: ``list``, ``parse`` or ``embed``.
        error_class: name of the error's class, see :mod:`core.errors`.
        retryable: whether the next sync tries again by itself; others wait for a changed document, another parser or
            a retry.
        parser: the number of the parser that it was last tried with; None: none that is known.
    """

    id: str
    source_id: str
    document_id: str
    external_id: str
    run_id: str | None
    stage: str
    error_class: str
    message: str
    retryable: bool
    attempts: int
    parser: int | None
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentWarning:
    """Something secret in a document, or a file that is none because it is secret.

    Attributes:
        external_id: of something withheld, one that ends with ``/`` is a folder; ``/`` alone is the whole source.
        message: what kind of secret is where; never the secret itself.
        withheld: it is no document.
    """

    document_id: str
    source_id: str
    external_id: str
    run_id: str | None
    message: str
    withheld: bool
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stage (``parse``, ``embed``, ``permissions``) that waits for something it needs, or a source (``source``).

    Attributes:
        source_id: the source that doesn't answer; empty where all of them wait.
        since: when it first failed.
        until: when it tries again.
        tries: how often it has failed since.
    """

    stage: str
    reason: str
    since: datetime
    until: datetime
    tries: int
    source_id: str = ""


def document_id(source_id: str, external_id: str) -> str:
    """The id of a document: the same source and name give the same id."""
    return hashlib.sha256(f"{source_id}\0{external_id}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
