"""What routes ask for in their signatures."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from api.audit import Audit, actor_of, note_refused_administration, note_refused_sign_in
from api.auth.cookies import session_cookie
from api.auth.keys import digest
from api.auth.principal import (
    CSRF_HEADER,
    GROUPS_HEADER,
    USER_HEADER,
    Caller,
    bearer_key,
    caller_of,
    check_csrf,
    is_jwt,
    names_somebody,
)
from api.limits.admission import admitted
from api.wiring import Services
from core.errors import NotAuthenticated, NotAuthorised
from core.lazy import Lazy
from core.roles import Role

T = TypeVar("T")


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(_services)]


async def ready(part: Lazy[T]) -> T:
    """The part's value, without a thread if it is built, else built in one.

    Raises:
        FootnoteError: it can't be had now.
    """
    value = part.built
    return value if value is not None else await part.soon()


async def caller(request: Request, services: ServicesDep) -> Caller:
    """Whom the request speaks for.

    Raises:
        FootnoteError: its key is no good, it can't be found out now, or they had their share of requests.
    """
    services.audit.check_room()
    return await admitted(request, services.limits, services.settings.limits, partial(_identify, request, services))


async def _identify(request: Request, services: Services) -> Caller:
    anonymous = services.settings.api.anonymous
    try:
        key = bearer_key(request.headers)
        if services.settings.identity.issuers:
            signed_in = await _signed_in(request, services, key)
            if signed_in is not None:
                services.audit.note_sign_in(actor_of(request, signed_in))
                return signed_in
        if key is not None:
            keys, catalog = await ready(services.keys), await ready(services.catalog)

            def known(key: str = key) -> Caller:
                record = keys.verify(key)
                record.grant.scope.check(request.method, request.url.path)
                found = caller_of(request.headers, record, anonymous=anonymous)
                # Asked at each request, as the key is: who was taken out of a group is out of it with the next one.
                return found.with_synced(catalog.memberships.groups_of(found.principal.user))

            signed_in = await services.lanes.keys.run(known)
            services.audit.note_sign_in(actor_of(request, signed_in))
            return signed_in
    except NotAuthenticated as error:
        note_refused_sign_in(request, services.audit, error)
        raise
    return caller_of(request.headers, None, anonymous=anonymous)


async def _signed_in(request: Request, services: Services, key: str | None) -> Caller | None:
    """Whom a provider's token or a session of the page speaks for; None where the request carries neither.

    Raises:
        NotAuthenticated: the token is no good, or the session has ended.
        NotAuthorised: they may not use Footnote, or what comes with a session doesn't come from the page.
        Unavailable: it can't be found out now.
    """
    cookie = request.cookies.get(session_cookie(services.settings.identity)) if key is None else None
    if cookie is None and (key is None or not is_jwt(key)):
        return None
    if names_somebody(request.headers):
        raise NotAuthorised(f"Who signs in speaks for nobody else: leave out {USER_HEADER} and {GROUPS_HEADER}.")
    identities, catalog = await ready(services.identities), await ready(services.catalog)

    def known() -> Caller:
        found = identities.of_token(key) if key is not None else identities.of_session(cookie or "")
        if found is None:
            raise NotAuthenticated("Your session has ended: sign in again.")
        if cookie is not None:
            check_csrf(found, request.method, request.headers.get(CSRF_HEADER))
        return found.with_synced(catalog.memberships.groups_of(found.principal.user))

    return await services.lanes.sign_ins.run(known)


CallerDep = Annotated[Caller, Depends(caller)]


class Needs:
    """Lets those through who have a role, and whose key reaches the source that the route is about.

    Args:
        role: which one. Readers without a key have that of a reader, where they are served at all.
    """

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request, asking: CallerDep, services: ServicesDep) -> Caller:
        """The caller.

        Raises:
            NotAuthenticated: they are unknown, and this is for none who are.
            NotAuthorised: they haven't the role, or their key doesn't reach the source.
        """
        if self.role is not Role.READER and not asking.known:
            raise NotAuthenticated(f"This needs the role {self.role}: sign in, or send Authorization: Bearer <key>.")
        try:
            asking.require(self.role)
            if asking.key is not None and self.role is not Role.READER:
                asking.key.grant.scope.check_source(request.path_params.get("source_id"))
        except NotAuthorised:
            if self.role is not Role.READER:
                note_refused_administration(request, services.audit, asking)
            raise
        return asking


ReaderDep, CuratorDep, ReviewerDep, AuditorDep, AdminDep = (
    Depends(Needs(role)) for role in (Role.READER, Role.CURATOR, Role.REVIEWER, Role.AUDITOR, Role.ADMIN)
)
"""For ``dependencies=[CuratorDep]`` of a router: every route says which role it needs, or stands in the list of those
that need none (``tests/unit/api/test_roles.py``)."""


# What runs in FastAPI's own pool of threads is let in by one of these; it has more threads than they have places. The
# caller comes first: who has no good key takes no place. The place is given back before the response is sent, which a
# slow client may take its time to read.


async def _files(_: CallerDep, services: ServicesDep) -> AsyncIterator[None]:
    async with services.lanes.files.place():
        yield


async def _images(_: CallerDep, services: ServicesDep) -> AsyncIterator[None]:
    async with services.lanes.images.place():
        yield


async def _administration(_: CallerDep, services: ServicesDep) -> AsyncIterator[None]:
    async with services.lanes.admin.place():
        yield


async def _uploads(_: CallerDep, services: ServicesDep) -> AsyncIterator[None]:
    async with services.lanes.uploads.place():
        yield


async def _conversations(_: CallerDep, services: ServicesDep) -> AsyncIterator[None]:
    async with services.lanes.conversations.place():
        yield


FilesLane = Depends(_files, scope="function")
ImagesLane = Depends(_images, scope="function")
AdminLane = Depends(_administration, scope="function")
UploadsLane = Depends(_uploads, scope="function")
ConversationsLane = Depends(_conversations, scope="function")
"""For ``dependencies=[AdminDep, AdminLane]``, in this order."""


def _audit(request: Request, services: ServicesDep, asking: CallerDep) -> Audit:
    return Audit(services.audit, actor_of(request, asking))


AuditDep = Annotated[Audit, Depends(_audit)]
"""For whatever changes something: ``with audit.doing("key.revoke", key_id): ...``."""


def has_monitoring_key(request: Request, services: Services) -> bool:
    """Whether the request carries ``api.monitoring_key``; the catalog isn't asked."""
    wanted, key = services.settings.api.monitoring_key, bearer_key(request.headers)
    if wanted is None or not wanted.get_secret_value() or key is None:
        return False
    return hmac.compare_digest(digest(key), digest(wanted.get_secret_value()))


async def _monitor(request: Request, services: ServicesDep) -> None:
    if not has_monitoring_key(request, services):
        await Needs(Role.ADMIN)(request, await caller(request, services), services)


MonitorDep = Depends(_monitor)
"""For ``dependencies=[MonitorDep]``: lets administrators and ``api.monitoring_key`` through."""
