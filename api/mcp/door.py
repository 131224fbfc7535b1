"""``/mcp``: the MCP server in the service. It is built when it is first asked for: the SDK takes a second to import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.to_thread
from fastapi import FastAPI, Response
from starlette.types import Receive, Scope, Send

from core.logs import correlation_id

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.requests import Request

    from api.client import AsyncFootnote

# What says who asks; whoever is let in by it is let in by the routes that the tools call.
_IDENTITY = ("authorization", "x-footnote-user", "x-footnote-groups", "x-openwebui-user-email")


class McpDoor:
    """Serves MCP's streamable HTTP, without sessions: any process of the service answers any request.

    Args:
        app: the service, whose routes the tools call.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._wanted, self._open = anyio.Event(), anyio.Event()
        self._manager: StreamableHTTPSessionManager | None = None

    async def run(self) -> None:
        """Wait until somebody comes, build the server, and keep it until cancelled."""
        await self._wanted.wait()
        self._manager = await anyio.to_thread.run_sync(self._build)
        async with self._manager.run():
            self._open.set()
            await anyio.sleep_forever()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; who asks must have been let in."""
        self._wanted.set()
        await self._open.wait()
        assert self._manager is not None
        await self._manager.handle_request(scope, receive, send)

    def _build(self) -> StreamableHTTPSessionManager:
        from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415

        from api.mcp.server import build_server  # noqa: PLC0415

        server: MCPServer[Any] = build_server(self._client_of, version("footnote"))
        # api/middleware.py has checked the host, for this route as for all.
        checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(stateless_http=True, transport_security=checked)
        return server.session_manager

    @asynccontextmanager
    async def _client_of(self, context: Context[Any, Any]) -> AsyncIterator[AsyncFootnote]:
        """A client of this very service, as whoever sent the request."""
        import httpx  # noqa: PLC0415

        from api.client import AsyncFootnote  # noqa: PLC0415
        from api.mcp.server import forwarded  # noqa: PLC0415

        request = cast("Request", context.request_context.request)
        client = (request.client.host, request.client.port) if request.client else ("127.0.0.1", 0)
        headers = [*forwarded(request.headers, *_IDENTITY), (b"x-request-id", (correlation_id.get() or "").encode())]
        transport = httpx.ASGITransport(app=self._app, client=client)
        async with AsyncFootnote(str(request.base_url), transport=transport, headers=headers, retries=0) as footnote:
            yield footnote


class Handed(Response):
    """A response that the door gives."""

    def __init__(self, door: McpDoor) -> None:
        self._door = door
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        await self._door.serve(scope, receive, send)
