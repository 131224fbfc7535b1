"""Leaving a trail of what administrators do: in the catalog, and as ``audit.*`` events in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from api.auth.key_records import RefusedKey
from core.errors import FootnoteError, NotAuthenticated, StorageUnavailable
from core.logs import correlation_id, get_logger
from core.telemetry import SIGN_INS_REFUSED
from ingestion.catalog.audit import Actor, AuditStore, Deed, Outcome

if TYPE_CHECKING:
    from fastapi import Request

    from api.auth.principal import Caller

log = get_logger(__name__)


class Audit:
    """Writes down what one actor does.

    Args:
        store: the trail.
        actor: who it is.
    """

    def __init__(self, store: AuditStore, actor: Actor) -> None:
        self._store = store
        self._actor = actor

    @contextmanager
    def doing(self, action: str, object_id: str | None = None, **detail: Any) -> Iterator[Deed]:
        """Surround what is done: it is written down before it begins, and again when it is known how it ended.

        So nothing is done without a trace: where the trail can't be written, it isn't begun. But what was done stands,
        even if its end can't be written; the log has it then.

        Raises:
            StorageUnavailable: the trail can't be written; nothing was done.
        """
        deed = Deed(action=action, object_id=object_id, detail=detail)
        number = self._store.begin(self._actor, deed)
        try:
            yield deed
        except Exception as error:
            self._end(number, deed, "failed", error.slug if isinstance(error, FootnoteError) else type(error).__name__)
            raise
        self._end(number, deed, "done")

    def _end(self, number: int, deed: Deed, outcome: Outcome, reason: str | None = None) -> None:
        said = {**_who(self._actor), **deed.values(), "outcome": outcome, "reason": reason}
        said.pop("action")
        log.info(f"audit.{deed.action}", number=number, **said)
        try:
            self._store.finish(number, deed, outcome, reason)
        except StorageUnavailable as error:
            log.warning("audit.end_not_written", number=number, reason=error.message)


def actor_of(request: Request, caller: Caller) -> Actor:
    """Who a request comes from. The address is the nearest one: behind a proxy, the proxy's."""
    key = caller.key
    return Actor(
        key_id=key.id if key else None,
        name=caller.name,
        user=key.grant.user if key else caller.principal.user,
        client=request.client.host if request.client else None,
        request_id=correlation_id.get(),
    )


def note_refused_sign_in(request: Request, error: NotAuthenticated) -> None:
    """Count and log what was sent as a key and opens nothing: malformed, unknown or revoked. Never the key itself."""
    key_id, reason = (error.key_id, error.reason) if isinstance(error, RefusedKey) else (None, "malformed")
    SIGN_INS_REFUSED.labels(reason).inc()
    client = request.client.host if request.client else None
    log.warning("audit.sign_in.refused", reason=reason, key_id=key_id, client=client, path=request.url.path)


def note_refused_administration(request: Request, caller: Caller) -> None:
    """Log that somebody without the right tried to administer; only logged, as there is no end to how often one can."""
    acting_for = {"user": caller.principal.user, "groups": sorted(caller.principal.groups)} if caller.acting else None
    who = _who(actor_of(request, caller))
    log.warning("audit.refused", method=request.method, path=request.url.path, acting_for=acting_for, **who)


def _who(actor: Actor) -> dict[str, Any]:
    return {"key_id": actor.key_id, "name": actor.name, "user": actor.user, "client": actor.client}
