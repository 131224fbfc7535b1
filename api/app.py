"""The HTTP service."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI

from api.middleware import EdgeMiddleware
from api.openapi import DocumentedApp
from api.problems import add_problem_handlers
from api.routes import answers, documents, health, index, keys, me, page, page_images, search, sources, status
from api.warmth import Warmth, flush_keys, keep_key_usage
from api.wiring import Services, wire
from core.settings import Settings
from core.settings_source import load_settings

ROUTERS = (answers, search, documents, page_images, sources, index, keys, me, status, health, page)


def create_app(settings: Settings | None = None, services: Services | None = None) -> FastAPI:
    """Build the service. It starts whatever it depends on being up or not; ``/readyz`` says what is missing.

    Args:
        settings: None reads them as :func:`core.settings_source.load_settings` does.
        services: its parts; None wires the real ones.

    Raises:
        ConfigurationError: the settings can't be used.
    """
    if services is None:
        services = wire(settings or load_settings())
    app = DocumentedApp(
        ROUTERS,
        anonymous=services.settings.api.anonymous,
        title="Footnote",
        description="Answers from your company's own documents, every claim with a footnote you can open.",
        version="1",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.services = services
    app.state.warmth = Warmth(services)
    add_problem_handlers(app)
    app.add_middleware(EdgeMiddleware, max_body_bytes=services.settings.api.max_body_bytes)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    services: Services = app.state.services
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app.state.warmth.run)
        tasks.start_soon(keep_key_usage, services)
        yield
        tasks.cancel_scope.cancel()
    await anyio.to_thread.run_sync(flush_keys, services)
    if services.answerer.built is not None:
        await services.answerer.built.close()
    await anyio.to_thread.run_sync(services.close)
