"""The task that reads who is in the groups of a source.

A schedule of its own: somebody who is taken out of a group loses access with the next sync of memberships, and no
document is touched for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

from core.errors import FootnoteError
from core.logs import get_logger
from core.telemetry import stage
from ingestion.catalog.membership_syncs import MembershipClaim, TakenOver
from ingestion.connectors.port import KnowsGroups, Membership
from ingestion.tasks.failing import backoff_s, explain, log_unexpected, may_retry
from ingestion.tasks.hand_off import send_or_leave
from ingestion.tasks.ownership import kept_alive
from ingestion.tasks.parts import Parts

log = get_logger(__name__)

MEMBERSHIPS = "footnote.memberships"
_GROUPS = 200
_MEMBERS = 20_000
"""What is written in one transaction: so many groups, or those in which so many members are."""


def memberships_due(parts: Parts) -> None:
    """Send for the memberships of every enabled source that are due."""
    for source_id in parts.catalog.membership_syncs.take_due(parts.settings.sync.lease_s):
        send_or_leave(parts, MEMBERSHIPS, {"source_id": source_id})


def sync_memberships(parts: Parts, source_id: str) -> None:
    """Read the memberships of a source, if they are due and nobody is at it. What fails leaves known what was."""
    sync = parts.settings.sync
    syncs = parts.catalog.membership_syncs
    with parts.owners.new() as owner:
        claim = syncs.claim(source_id, owner, sync.lease_s, sync.memberships_interval_s)
        if claim is None:
            return
        try:
            with kept_alive(lambda: syncs.hold(claim, sync.lease_s), sync.lease_s), stage("ingest.memberships"):
                again = _sync(parts, claim)
        except TakenOver:
            log.warning("memberships.taken_over", source_id=source_id)
        except Exception as error:  # noqa: BLE001 - the boundary of the task: whatever it is, the sync must not hang
            _failed(parts, claim, error)
        else:
            if again:
                send_or_leave(parts, MEMBERSHIPS, {"source_id": source_id})


def _sync(parts: Parts, claim: MembershipClaim) -> bool:
    memberships = parts.catalog.memberships
    groups = left_out = 0
    with closing(parts.connector(parts.catalog.sources.get(claim.source_id))) as connector:
        knowing = connector if isinstance(connector, KnowsGroups) else None
        if knowing is not None:
            for batch in _batches(knowing.memberships()):
                left_out += memberships.enter(claim, batch)
                groups += len(batch)
    pruned = 0
    while gone := memberships.prune(claim, _GROUPS):
        pruned += gone
    again = parts.catalog.membership_syncs.finish(claim, has_groups=knowing is not None, left_out=left_out)
    if knowing is not None:
        counts = {"groups": groups, "left_out": left_out, "pruned": pruned}
        log.info("memberships.synced", source_id=claim.source_id, **counts)
    return again


def _failed(parts: Parts, claim: MembershipClaim, error: Exception) -> None:
    sync = parts.settings.sync
    retry_s = backoff_s(sync, claim.failures + 1) if may_retry(error) else sync.memberships_interval_s
    # If it is the catalog that is down, this fails as well: the claim is lost then, and `recover` begins anew.
    parts.catalog.membership_syncs.fail(claim, explain(error), retry_s)
    if not isinstance(error, FootnoteError):
        log_unexpected(parts, "memberships.unexpected", claim.source_id, error)
    log.error("memberships.failed", source_id=claim.source_id, error_class=type(error).__name__)


def _batches(memberships: Iterable[Membership]) -> Iterator[list[Membership]]:
    batch: list[Membership] = []
    members = 0
    for one in memberships:
        batch.append(one)
        members += len(one.users)
        if len(batch) == _GROUPS or members >= _MEMBERS:
            yield batch
            batch, members = [], 0
    if batch:
        yield batch
