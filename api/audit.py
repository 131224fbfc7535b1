"""Leaving a trail of what administrators do: in the audit log, and as ``audit.*`` events in the service's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from api.auth.key_records import RefusedKey
from api.auth.principal import Caller, is_jwt
from core.errors import FootnoteError, StorageUnavailable
from core.logs import correlation_id, get_logger
from core.telemetry import SIGN_INS_REFUSED
from ingestion.catalog.audit_entries import Actor, AuditEntry, Deed, Outcome

if TYPE_CHECKING:
    from fastapi import Request

    from api.audit_log import AuditLog
    from api.audit_sinks import AuditSink

log = get_logger(__name__)

RefusalKind = Literal["page"]
"""A sign-in on the page."""


class Audit:
    """Writes down what one actor does.

    Args:
        log: where.
        actor: who it is.
    """

    def __init__(self, log: AuditSink, actor: Actor) -> None:
        self._log = log
        self._actor = actor

    @contextmanager
    def doing(self, action: str, object_id: str | None = None, **detail: Any) -> Iterator[Deed]:
        """Surround what is done: it is written down before it begins, and again when it is known how it ended.

        So nothing is done without a trace: where the log can't be written, it isn't begun. But what was done stands,
        even if its end can't be written; the service's own log has it then.

        Raises:
            StorageUnavailable: the log can't be written; nothing was done.
        """
        deed = Deed(action=action, object_id=object_id, detail=detail)
        self._log.append([AuditEntry.of(self._actor, deed, datetime.now(UTC), "begun")])
        try:
            yield deed
        except Exception as error:
            self._end(deed, "failed", error.slug if isinstance(error, FootnoteError) else type(error).__name__)
            raise
        self._end(deed, "done")

    def _end(self, deed: Deed, outcome: Outcome, reason: str | None = None) -> None:
        said = {**_who(self._actor), **deed.values(), "outcome": outcome, "reason": reason}
        said.pop("action")
        log.info(f"audit.{deed.action}", deed=deed.id, **said)
        try:
            self._log.append([AuditEntry.of(self._actor, deed, datetime.now(UTC), outcome, reason)])
        except StorageUnavailable as error:
            log.warning("audit.end_not_written", deed=deed.id, reason=error.message)


def actor_of(request: Request, caller: Caller) -> Actor:
    """Who a request comes from. The address is the nearest one that is no trusted proxy's."""
    return Actor(
        key_id=caller.key.id if caller.key else None,
        name=caller.name,
        user=caller.principal.user,
        client=_client(request),
        request_id=correlation_id.get(),
    )


def note_refused_sign_in(
    request: Request, audit: AuditLog, error: FootnoteError, kind: RefusalKind | None = None
) -> None:
    """Count and log what was sent as a key or a token and opens nothing. Never the key itself.

    Args:
        kind: what was refused, where it isn't a key.
    """
    key_id, reason = (error.key_id, error.reason) if isinstance(error, RefusedKey) else (None, kind or "malformed")
    if not isinstance(error, RefusedKey) and is_jwt(request.headers.get("authorization", "").partition(" ")[2]):
        reason = "token"
    SIGN_INS_REFUSED.labels(reason).inc()
    told = error.message if reason in {"token", kind} else None
    client = _client(request)
    audit.note_refused_sign_in(reason, key_id, client)
    log.warning("audit.sign_in.refused", reason=reason, told=told, key_id=key_id, client=client, path=request.url.path)


def note_refused_administration(request: Request, audit: AuditLog, caller: Caller) -> None:
    """Log that somebody without the right tried to administer."""
    acting_for = {"user": caller.principal.user, "groups": sorted(caller.principal.groups)} if caller.acting else None
    actor = actor_of(request, caller)
    deed = Deed(action="administration", detail={"method": request.method, "path": request.url.path[:200]})
    audit.note(actor, deed, "failed", "not-authorised")
    log.warning("audit.refused", method=request.method, path=request.url.path, acting_for=acting_for, **_who(actor))


def _client(request: Request) -> str | None:
    return request.client.host if request.client else None


def _who(actor: Actor) -> dict[str, Any]:
    return {"key_id": actor.key_id, "name": actor.name, "user": actor.user, "client": actor.client}
