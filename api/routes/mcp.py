"""``/mcp``, and how its clients find out where to sign in (RFC 9728)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.dependencies import ReaderDep, ServicesDep
from api.mcp.door import Handed, McpDoor
from api.problems import response_to
from core.errors import NotAuthenticated

METADATA = "/.well-known/oauth-protected-resource"


class McpRoute(APIRoute):
    """A route that tells a stranger where to sign in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler; its 401 names the metadata."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except NotAuthenticated as error:
                refused = await response_to(request, error)
                refused.headers["www-authenticate"] = f'Bearer resource_metadata="{_base(request)}{METADATA}/mcp"'
                return refused

        return answer


router = APIRouter(include_in_schema=False, route_class=McpRoute)


@router.api_route("/mcp", methods=["GET", "POST", "DELETE"], dependencies=[ReaderDep])
async def mcp(request: Request) -> Response:
    """The Model Context Protocol's streamable HTTP."""
    return Handed(cast("McpDoor", request.app.state.mcp))


@router.get(METADATA)
@router.get(f"{METADATA}/mcp")
async def protected_resource(request: Request, services: ServicesDep) -> dict[str, Any]:
    """What protects ``/mcp``, and who gives out tokens for it."""
    resource = f"{_base(request)}/mcp"
    told = {"resource": resource, "resource_name": "Footnote", "bearer_methods_supported": ["header"]}
    issuers = [issuer.url for issuer in services.settings.identity.issuers]
    return {**told, "authorization_servers": issuers} if issuers else told


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")
