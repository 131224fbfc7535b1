"""``GET /v1/sources/{id}/groups``: who the source says is in which of its groups, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import AdminLane, CuratorDep, ServicesDep
from api.schemas.groups import GroupBody, GroupList, MembershipSyncBody

router = APIRouter(prefix="/v1", tags=["sources"], dependencies=[CuratorDep, AdminLane])

Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
User = Annotated[str, Query(max_length=300)]


@router.get("/sources/{source_id}/groups")
def list_groups(
    source_id: str, services: ServicesDep, user: User | None = None, limit: Limit = 100, offset: Offset = 0
) -> GroupList:
    """A source's groups, or with ``?user=`` those that a person (by e-mail address) is in."""
    catalog = services.catalog.get()
    catalog.sources.get(source_id)
    found = catalog.memberships.list(source_id, user=user, limit=limit, offset=offset)
    sync = catalog.membership_syncs.get(source_id)
    return GroupList(
        groups=[GroupBody.model_validate(group) for group in found],
        total=catalog.memberships.count(source_id, user),
        sync=None if sync is None else MembershipSyncBody.model_validate(sync),
    )
