"""``/v1/limits`` and ``/v1/roles``: what the settings say of them, for administrators, who change them there."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import AdminDep, AdminLane, ServicesDep
from api.schemas.base import ResponseBody
from core.limit_settings import Quota
from core.roles import Role

router = APIRouter(prefix="/v1", tags=["operation"], dependencies=[AdminDep, AdminLane])


class QuotaBody(ResponseBody):
    """How much one may ask for; 0 is without a limit. ``at_once``: requests at once, for who made none for a while."""

    requests_per_minute: int
    at_once: int
    streams: int
    tokens_per_day: int

    @classmethod
    def of(cls, quota: Quota) -> QuotaBody:
        """The wire form."""
        at_once = quota.at_once if quota.requests_per_minute else 0
        return cls(
            requests_per_minute=quota.requests_per_minute,
            at_once=at_once,
            streams=quota.streams,
            tokens_per_day=quota.tokens_per_day,
        )


class LimitsBody(ResponseBody):
    """The limits of one person, one key and one address; ``exempt`` are the routes that aren't counted."""

    principal: QuotaBody
    key: QuotaBody
    address: QuotaBody
    exempt: list[str]


class RoleRuleBody(ResponseBody):
    """Whose claim has this value gets this role."""

    claim: str
    value: str
    role: Role


class ProviderRolesBody(ResponseBody):
    """Which roles an identity provider gives: to everybody whom it lets in, and by rule."""

    issuer: str
    name: str
    default_roles: list[Role]
    rules: list[RoleRuleBody]


class RolesBody(ResponseBody):
    """The roles that there are, and who gives them beside keys (``/v1/keys``)."""

    roles: list[Role]
    providers: list[ProviderRolesBody]


@router.get("/limits")
def limits(services: ServicesDep) -> LimitsBody:
    """How much one person, one key and one address may ask for."""
    settings = services.settings.limits
    return LimitsBody(
        principal=QuotaBody.of(settings.principal),
        key=QuotaBody.of(settings.key),
        address=QuotaBody.of(settings.address),
        exempt=list(settings.exempt),
    )


@router.get("/roles")
def roles(services: ServicesDep) -> RolesBody:
    """The roles, and the rules by which identity providers give them."""
    providers = [
        ProviderRolesBody(
            issuer=issuer.url,
            name=issuer.name,
            default_roles=list(issuer.default_roles),
            rules=[RoleRuleBody.model_validate(rule, from_attributes=True) for rule in issuer.roles],
        )
        for issuer in services.settings.identity.issuers
    ]
    return RolesBody(roles=list(Role), providers=providers)
