"""The audit log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.schemas.base import AsWritten, ResponseBody
from ingestion.catalog.audit_entries import Outcome


def _utc(moment: datetime) -> datetime:
    """A time without a zone is UTC's."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Text = Annotated[str, Field(min_length=1, max_length=300)]
Moment = Annotated[datetime, AsWritten, AfterValidator(_utc)]


class AuditSearch(BaseModel):
    """What is searched for: what fits all of it.

    ``action`` may be a group, as ``key`` for ``key.create``; ``document_id`` is a document that was shown or opened.
    """

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=1, le=2**63 - 1)
    action: Text | None = None
    user: Text | None = None
    key_id: Text | None = None
    client: Text | None = None
    outcome: Outcome | None = None
    object_id: Text | None = None
    document_id: Text | None = None
    since: Moment | None = None
    until: Moment | None = None


class _Deed(ResponseBody):
    """What an event and an entry say alike: who did what, from where, and how it ended."""

    action: str
    outcome: Outcome
    reason: str | None
    key_id: str | None
    name: str
    user: str | None
    client: str | None
    request_id: str | None
    object_id: str | None
    object_name: str | None
    detail: dict[str, Any]


class AuditBody(_Deed):
    """What somebody did.

    ``outcome``: done, failed (``reason`` says of what kind), or begun where the end isn't known. ``name`` is the key's,
    and ``user`` for whom it spoke; without a ``key_id`` it was done on Footnote's own machine, or by a reader without a
    key. ``client`` is the address that the request came from.
    """

    id: int
    at: datetime


class AuditList(ResponseBody):
    """Events, newest first; ``next`` as ``before`` gets the older ones, and is null where there are none."""

    events: list[AuditBody]
    next: int | None


class AuditEntryBody(_Deed):
    """An entry as it was written; a deed has one when it begins and one when it ends.

    ``at`` is text, to the letter as it was hashed.
    """

    number: int
    at: str
    deed: str
    hash: str


class AuditEntryList(ResponseBody):
    """Entries, oldest first; none are left where there are fewer than asked for."""

    entries: list[AuditEntryBody]


class VerifiedBody(ResponseBody):
    """How far the log is whole: to the entry ``last`` with its ``hash``; ``broken`` is the first that isn't.

    ``left`` entries lie behind those that were checked; ``removed`` ones have left the log by its retention.
    """

    checked: int
    last: int
    hash: str
    broken: int | None
    reason: str | None
    left: int
    removed: int
