"""A service over fakes, and a client that calls it in the same process."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from tests.unit.api.fakes import ADMIN_KEY, MONITORING_KEY, Stack, make_settings


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(
        make_settings(
            tmp_path, max_question_chars=100, max_body_bytes=5000, heartbeat_s=0.05, monitoring_key=MONITORING_KEY
        )
    )
    yield made
    made.catalog.close()


@asynccontextmanager
async def serving(stack: Stack, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The app with its lifespan, and a client of it."""
    app = create_app(services=stack.services())
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", **options) as client,
    ):
        client.app = app  # type: ignore[attr-defined]
        yield client


@contextmanager
def on_a_port(stack: Stack) -> Iterator[str]:
    """The app on a port of this machine, for clients that bring their own connections; its URL."""
    server = uvicorn.Server(uvicorn.Config(create_app(services=stack.services()), port=0, log_level="warning"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
async def client(stack: Stack, anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(stack) as made:
        yield made


@pytest.fixture
def admin() -> dict[str, str]:
    return {"Authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture
def monitoring() -> dict[str, str]:
    return {"Authorization": f"Bearer {MONITORING_KEY}"}
