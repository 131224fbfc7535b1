"""Letting a request in: who sends it, and whether they had their share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from api.limits.fields import fields_of
from api.limits.limits import Limits, RequestsRefused
from api.limits.subjects import Subject, subjects_of
from core.errors import NotAuthenticated
from core.limit_settings import LimitSettings

if TYPE_CHECKING:
    from fastapi import Request

    from api.auth.principal import Caller


async def admitted(
    request: Request, limits: Limits, settings: LimitSettings, identify: Callable[[], Awaitable[Caller]]
) -> Caller:
    """Who sends the request. It is counted to them: to the address alone where its key opens nothing.

    Raises:
        LimitReached: they had their share.
        FootnoteError: what ``identify`` raises.
    """
    route = request.scope.get("route")
    if not settings.any or getattr(route, "path", request.url.path) in settings.exempt:
        return await identify()
    address = request.client.host if request.client else None
    strangers = subjects_of(None, address, settings)
    try:
        limits.check(strangers)
        caller = await identify()
        request.state.subjects = subjects = subjects_of(caller, address, settings)
        request.state.limit_fields = fields_of(await limits.admit(subjects))
    except NotAuthenticated:
        await limits.admit(strangers)
        raise
    except RequestsRefused as error:
        request.state.limit_fields = fields_of([error.standing])
        raise
    return caller


async def admit_stranger(request: Request, limits: Limits, settings: LimitSettings) -> None:
    """Count a request of somebody who isn't known yet to its address.

    Raises:
        LimitReached: that address had its share.
    """
    address = request.client.host if request.client else None
    request.state.limit_fields = fields_of(await limits.admit(subjects_of(None, address, settings)))


def subjects_in(request: Request) -> tuple[Subject, ...]:
    """Whom an admitted request was counted to."""
    found: tuple[Subject, ...] = getattr(request.state, "subjects", ())
    return found
