"""The audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.schemas.base import ResponseBody
from ingestion.catalog.audit import Outcome


class AuditBody(ResponseBody):
    """What an administrator did.

    ``outcome``: done, failed (``reason`` says of what kind), or begun where the end isn't known. ``name`` is the key's,
    and ``user`` whom it names; without a ``key_id`` it was done on Footnote's own machine. ``client`` is the address
    that the request came from.
    """

    id: int
    at: datetime
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


class AuditList(ResponseBody):
    """Events, newest first; ``next`` as ``before`` gets the older ones, and is null where there are none."""

    events: list[AuditBody]
    next: int | None
