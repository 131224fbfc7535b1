"""``GET /v1/me``: whom a key speaks for."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import CallerDep
from api.schemas.keys import MeBody

router = APIRouter(prefix="/v1", tags=["keys"])


@router.get("/me")
async def me(caller: CallerDep) -> MeBody:
    """Whom this request speaks for, and whether it may administer Footnote."""
    principal = caller.principal
    return MeBody(
        user=principal.user,
        groups=sorted(principal.groups),
        synced_groups=sorted(principal.synced),
        roles=sorted(caller.roles),
        admin=caller.admin,
        csrf=caller.sign_in.csrf if caller.sign_in else None,
    )
