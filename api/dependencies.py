"""What routes ask for in their signatures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from api.auth.principal import Caller, bearer_key, caller_of
from api.part import Part
from api.wiring import Services
from core.errors import NotAuthenticated

T = TypeVar("T")


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(_services)]


async def ready(part: Part[T]) -> T:
    """The part's value, without a thread if it is built, else built in one.

    Raises:
        FootnoteError: it can't be had now.
    """
    value = part.built
    return value if value is not None else await part.soon()


async def _caller(request: Request, services: ServicesDep) -> Caller:
    key = bearer_key(request.headers)
    record = None
    if key is not None:
        keys = await ready(services.keys)
        record = await services.lanes.keys.run(partial(keys.verify, key))
    return caller_of(request.headers, record, anonymous=services.settings.api.anonymous)


CallerDep = Annotated[Caller, Depends(_caller)]


async def _admin(request: Request, caller: CallerDep) -> Caller:
    if bearer_key(request.headers) is None:
        raise NotAuthenticated("This needs an administrator's key: Authorization: Bearer <key>.")
    caller.require_admin()
    return caller


AdminDep = Depends(_admin)
"""For ``dependencies=[AdminDep]``: lets administrators through."""


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


FilesLane = Depends(_files, scope="function")
ImagesLane = Depends(_images, scope="function")
AdminLane = Depends(_administration, scope="function")
"""For ``dependencies=[AdminDep, AdminLane]``, in this order."""
