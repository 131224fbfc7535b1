"""``/v1/keys``: API keys, for administrators."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from fastapi import APIRouter, Request

from api.auth.key_records import Grant, roles_of
from api.auth.principal import Caller
from api.auth.scopes import Scope, check_known
from api.dependencies import AdminDep, AdminLane, AuditDep, CallerDep, ServicesDep
from api.json_body import JsonRoute
from api.schemas.keys import KeyBody, KeyCreated, KeyList, KeyRequest, RotateRequest
from core.errors import NotAuthorised

router = APIRouter(prefix="/v1/keys", tags=["keys"], dependencies=[AdminDep, AdminLane], route_class=JsonRoute)

_ALWAYS_TOLD = ("admin", "user", "groups")


@router.get("")
def list_keys(services: ServicesDep) -> KeyList:
    """Every key, expired and revoked ones included."""
    return KeyList(keys=[KeyBody.of(key) for key in services.keys.get().list()])


@router.post("", status_code=201)
def create_key(
    body: KeyRequest, request: Request, caller: CallerDep, services: ServicesDep, audit: AuditDep
) -> KeyCreated:
    """Make a key. The answer shows it this once. What limits its maker's key limits it too."""
    scope = Scope(body.routes, body.sources)
    check_known(scope, request.app.names)
    for source in scope.sources:
        services.catalog.get().sources.get(source)
    grant = Grant(
        user=body.user,
        groups=body.groups,
        roles=roles_of(admin=body.admin, roles=body.roles),
        may_act=body.may_act,
        scope=scope,
        expires_at=body.expires_at,
    )
    given = body.model_dump(mode="json", exclude={"name"})
    told = {name: value for name, value in given.items() if value or name in _ALWAYS_TOLD}
    with audit.doing("key.create", **told) as deed:
        deed.object_name = body.name
        maker = caller.key.id if caller.key else None
        record, plain = services.keys.get().create(body.name, _at_most(caller, grant), made_by=maker)
        deed.object_id = record.id
    return KeyCreated(**KeyBody.of(record).model_dump(), key=plain)


@router.post("/{key_id}/rotate", status_code=201, responses={409: {}})
def rotate_key(
    key_id: str, body: RotateRequest, caller: CallerDep, services: ServicesDep, audit: AuditDep
) -> KeyCreated:
    """Make a key that opens what this one does; this one goes on for the overlap, so that nobody is locked out."""
    keys = services.keys.get()
    with audit.doing("key.rotate", key_id, overlap_s=body.overlap_s) as deed:
        before = keys.get(key_id)
        deed.object_name = before.name
        _at_most(caller, before.grant)
        maker = caller.key.id if caller.key else None
        record, plain = keys.rotate(key_id, timedelta(seconds=body.overlap_s), made_by=maker)
        deed.detail["new_id"] = record.id
    return KeyCreated(**KeyBody.of(record).model_dump(), key=plain)


@router.delete("/{key_id}", status_code=204)
def revoke_key(key_id: str, services: ServicesDep, audit: AuditDep) -> None:
    """Revoke a key: from the next request on it is refused, the configuration's own included."""
    with audit.doing("key.revoke", key_id) as deed:
        deed.object_name = services.keys.get().revoke(key_id)


def _at_most(maker: Caller, grant: Grant) -> Grant:
    """The grant, within what limits its maker: no more time and no more reach than theirs.

    Raises:
        NotAuthorised: it would open more than its maker's own key.
    """
    own = maker.key.grant if maker.key else None
    if own is None:
        return grant
    if not own.scope.holds(grant.scope):
        limits = ", ".join((*own.scope.routes, *own.scope.sources))
        raise NotAuthorised(
            f"A key opens at most what its maker's does. Yours is limited to {limits}: limit it so too."
        )
    if own.expires_at is None:
        return grant
    if grant.expires_at is not None and grant.expires_at > own.expires_at:
        raise NotAuthorised(f"A key ends no later than its maker's, which ends at {own.expires_at.isoformat()}.")
    return replace(grant, expires_at=grant.expires_at or own.expires_at)
