"""``/v1/keys``: API keys, for administrators."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import AdminDep, AdminLane, AuditDep, ServicesDep
from api.json_body import JsonRoute
from api.schemas.keys import KeyBody, KeyCreated, KeyList, KeyRequest

router = APIRouter(prefix="/v1/keys", tags=["keys"], dependencies=[AdminDep, AdminLane], route_class=JsonRoute)


@router.get("")
def list_keys(services: ServicesDep) -> KeyList:
    """Every key, revoked ones included."""
    return KeyList(keys=[KeyBody.model_validate(key) for key in services.keys.get().list()])


@router.post("", status_code=201)
def create_key(body: KeyRequest, services: ServicesDep, audit: AuditDep) -> KeyCreated:
    """Make a key. The answer shows it this once."""
    with audit.doing("key.create", admin=body.admin, user=body.user, groups=list(body.groups)) as deed:
        deed.object_name = body.name
        record, plain = services.keys.get().create(body.name, body.user, body.groups, body.admin)
        deed.object_id = record.id
    return KeyCreated(**KeyBody.model_validate(record).model_dump(), key=plain)


@router.delete("/{key_id}", status_code=204)
def revoke_key(key_id: str, services: ServicesDep, audit: AuditDep) -> None:
    """Revoke a key: from the next request on it is refused, the configuration's own included."""
    with audit.doing("key.revoke", key_id) as deed:
        deed.object_name = services.keys.get().revoke(key_id)
