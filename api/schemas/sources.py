"""Sources, their runs and failures, and the service's status."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator, model_validator

from api.schemas.base import RequestBody, ResponseBody
from ingestion.source_secrets import masked

if TYPE_CHECKING:
    from ingestion.catalog.standings import Standing

Name = Annotated[str, Field(min_length=1, max_length=200)]
Interval = Annotated[int, Field(ge=60, le=366 * 86400)]


class SourceRequest(RequestBody):
    """A source to keep in sync; ``config`` is its connector's own, ``interval_s`` seconds between syncs."""

    kind: str
    name: Name
    config: dict[str, Any]
    interval_s: Interval | None = None


class SourceChange(RequestBody):
    """What to change of a source; what is left out stays."""

    name: Name | None = None
    config: dict[str, Any] | None = None
    interval_s: Interval | None = None
    enabled: bool | None = None
    weight: Annotated[int, Field(ge=1, le=100)] | None = None

    @model_validator(mode="after")
    def _something(self) -> SourceChange:
        if not self.model_fields_set:
            raise ValueError("Nothing to change: send name, config, interval_s, enabled or weight")
        return self


class RunBody(ResponseBody):
    """One sync; once it is over, seen = indexed + unchanged + failed + deleted + superseded.

    ``kind``: ``sync``, ``retry`` (failures were tried again), ``plan`` (a dry run).
    ``state``: ``queued`` (it begins once the source's present listing ends), ``running``, ``finished``, ``refused``
    (``error`` says which deletions, and how to confirm them), ``failed``, ``cancelled``, ``planned`` (a dry run's end).
    ``phase``: ``listing`` or ``processing`` while it is running.
    ``superseded``: a later sync found them changed, or gone, before they were through; or this one was cancelled.
    ``retried``: of those, documents that had failed before and were tried again.
    ``warned``: documents that hold secrets, and files that were left out because they are secret.
    ``waiting``: why documents wait, while something that they need is down; they go on by themselves.
    ``open``: documents that are on their way; ``rate``: documents a second, lately; ``eta_s``: seconds that are left.
    ``bytes``: of the documents that it indexed.
    ``plan``: what a dry run found: for each of ``new``, ``changed``, ``permissions`` (and metadata, but not the bytes),
    ``deleted``, ``unreadable`` and ``unchanged`` the ``count`` and the ``first`` names; ``refused``: the deletions are
    so many that they would have to be confirmed.
    """

    id: str
    source_id: str
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    seen: int
    unchanged: int
    indexed: int
    failed: int
    deleted: int
    retried: int
    warned: int
    superseded: int = 0
    error: str | None
    waiting: str | None = None
    kind: str = "sync"
    phase: str | None = None
    full: bool = False
    bytes: int = 0
    open: int = 0
    rate: float | None = None
    eta_s: float | None = None
    plan: dict[str, Any] | None = None


class SourceBody(ResponseBody):
    """A source. Secrets in ``config`` are ``********``; sent back so, they stay as they are.

    ``weight``: its share of the workers beside others; ``paused_at``: since when it rests.
    """

    id: str
    kind: str
    name: str
    config: dict[str, Any]
    interval_s: int
    enabled: bool
    created_at: datetime
    last_run_at: datetime | None
    paused_at: datetime | None = None
    weight: int = 1

    @field_validator("config")
    @classmethod
    def _masked(cls, config: dict[str, Any]) -> dict[str, Any]:
        return masked(config)


class FoundBody(ResponseBody):
    """One of the first documents of a source that was tried out.

    ``readers`` are access terms; ``null``: they can't be told, so nobody is shown it. ``fault``: what is wrong.
    """

    uri: str
    title: str
    readers: list[str] | None
    fault: str | None


class CheckRequest(RequestBody):
    """Settings to be tried out: ``kind`` and ``config`` of a new source; or ``source_id``, with its own ``config``, or
    the one that it is to get. Masks in it stand for the secrets that it has."""

    kind: str | None = None
    config: dict[str, Any] | None = None
    source_id: str | None = None


class CheckBody(ResponseBody):
    """What a worker found: whether the source answers, whether it lets us in, and its first documents.

    ``let_in`` is ``null`` where that couldn't be found out; ``reason`` says what stands against it.
    """

    reachable: bool
    let_in: bool | None
    reason: str | None
    documents: list[FoundBody]


class WaitBody(ResponseBody):
    """Why nothing is asked of a source, and until when: it doesn't answer. ``tries``: how often it was tried since."""

    reason: str
    since: datetime
    until: datetime
    tries: int


class SourceStanding(SourceBody):
    """A source and how it stands.

    ``documents``: how many are in each state; ``passages``: how many can be found; ``bytes``: of its documents.
    ``last_sync``: the latest sync, no retry and no dry run; ``active``: what goes on.
    ``lag_s``: seconds since the last listing began that ended well: what is older than that is known.
    ``oldest_pending_s``: seconds that the document has waited which has waited longest for its turn.
    """

    documents: dict[str, int]
    passages: int
    bytes: int
    last_sync: RunBody | None
    active: list[RunBody]
    last_success_at: datetime | None
    next_sync_at: datetime | None
    lag_s: float | None
    oldest_pending_s: float | None
    waits: WaitBody | None

    @classmethod
    def of(cls, standing: Standing, now: datetime) -> SourceStanding:
        """As it is at a moment."""
        return cls.model_validate(
            {
                **SourceBody.model_validate(standing.source).model_dump(),
                **{name: getattr(standing, name) for name in ("passages", "bytes", "last_success_at", "next_sync_at")},
                "documents": dict(standing.documents),
                "last_sync": standing.last_sync,
                "active": list(standing.active),
                "lag_s": seconds_since(standing.last_success_at, now),
                "oldest_pending_s": seconds_since(standing.oldest_pending_at, now),
                "waits": standing.waits,
            }
        )


def seconds_since(then: datetime | None, now: datetime) -> float | None:
    """How long ago that was; None if it never was."""
    return None if then is None else max((now - then).total_seconds(), 0.0)


class SourceDetail(SourceStanding):
    """A source, how it stands, and how many of its documents everybody may find (``public``)."""

    public: int


class SourceChanged(SourceBody):
    """A source as it is now, and its first documents, if its settings were tried out."""

    documents_found: list[FoundBody] | None = None


class SourceCreated(SourceChanged):
    """A new source, and the sync that was started with it, if one was asked for."""

    run: RunBody | None


class FailureBody(ResponseBody):
    """A document that couldn't be taken in, with the reason.

    ``stage``: ``list``, ``parse`` or ``embed``. ``retryable``: it may pass by itself, so that the next sync tries
    again; everything else waits for another version of the document or of what reads it, or for a retry.
    """

    id: str | int
    source_id: str
    document_id: str | None
    external_id: str | None
    run_id: str | None
    stage: str
    error_class: str
    message: str
    retryable: bool
    attempts: int
    first_seen: datetime
    last_seen: datetime


class WarningBody(ResponseBody):
    """Something secret in a document, or a file that was left out because it is secret (``withheld``).

    ``message`` says what kind of secret is where, and never repeats it. The ``external_id`` of something withheld that
    ends with ``/`` is a folder with all that is in it.
    """

    source_id: str
    document_id: str
    external_id: str
    run_id: str | None
    message: str
    withheld: bool
    first_seen: datetime
    last_seen: datetime


class SourceList(ResponseBody):
    """Every source."""

    sources: list[SourceStanding]


class RunList(ResponseBody):
    """A source's syncs, newest first."""

    runs: list[RunBody]


class FailureList(ResponseBody):
    """Failures and warnings, newest first; ``total`` and ``total_warnings`` count those that aren't in the list too."""

    failures: list[FailureBody]
    total: int
    warnings: list[WarningBody]
    total_warnings: int


class Retried(ResponseBody):
    """How many failed documents were queued again."""

    retried: int


class Renewed(ResponseBody):
    """How many sources have secrets that are encrypted with the newest key now, and weren't before."""

    renewed: int


class StatusBody(ResponseBody):
    """What the service holds and does."""

    documents: dict[str, int]
    chunks: int | None
    index_generation: str | None
    sources: int
    runs_in_progress: list[RunBody]
    degraded: list[str]
