"""The HTTP service."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.background import Background, flush_keys
from api.hosts import AllowedHosts
from api.mcp.door import McpDoor
from api.middleware import EdgeMiddleware
from api.openapi import DocumentedApp
from api.problems import add_problem_handlers, log_error
from api.readiness import Readiness
from api.routes import (
    answers,
    audit,
    canary,
    conversations,
    documents,
    evaluation,
    feedback,
    groups,
    health,
    index,
    keys,
    ledger,
    mcp,
    me,
    openai,
    own_documents,
    page,
    page_images,
    push,
    reviews,
    rules,
    search,
    sign_in,
    source_kinds,
    sources,
    status,
    usage,
)
from api.supervisor.layout import instance_of
from api.wiring import Services, wire
from core.errors import FootnoteError, StorageUnavailable
from core.settings import Settings
from core.settings_source import load_settings

ASKING = (answers, conversations, feedback, reviews, search, openai, documents, own_documents, page_images)
ADMINISTERING = (
    source_kinds,
    sources,
    ledger,
    groups,
    push,
    index,
    keys,
    rules,
    audit,
    canary,
    evaluation,
    status,
    usage,
)
ROUTERS = (*ASKING, *ADMINISTERING, me, sign_in, mcp, health, page)


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
        version="1.1.0",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.services = services
    app.state.instance = _instance(services.settings)
    app.state.background = Background(services)
    app.state.readiness = Readiness(services, app.state.background)
    app.state.mcp = McpDoor(app)
    app.state.hosts = AllowedHosts(services.settings.api)
    add_problem_handlers(app)
    _allow_origins(app, services.settings.api.allowed_origins)
    app.add_middleware(
        EdgeMiddleware,
        settings=services.settings.api,
        hosts=app.state.hosts,
        max_upload_bytes=services.settings.parsing.max_file_mb * 1_000_000,
        max_own_bytes=services.settings.uploads.max_file_mb * 1_000_000,
    )
    return app


def _allow_origins(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Let pages elsewhere call the API, with a key or a token that they have: cookies aren't for them."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_credentials=False,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Accept", "Last-Event-ID", "X-Request-ID"],
            expose_headers=["Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-ID", "Content-Disposition"],
            max_age=600,
        )


def _instance(settings: Settings) -> str | None:
    """Read once: whether the process is alive must not depend on a disk."""
    try:
        return None if settings.catalog.url else instance_of(settings.data_dir)
    except StorageUnavailable:
        return None  # readiness says so, of everything that is kept there


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    services: Services = app.state.services
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app.state.background.run)
        tasks.start_soon(app.state.mcp.run)
        tasks.start_soon(services.shadow.run)
        tasks.start_soon(services.limits.keep_leases)
        yield
        tasks.cancel_scope.cancel()
    app.state.readiness.close()
    await services.live.close()
    if services.keys.built is not None:
        try:
            await anyio.to_thread.run_sync(flush_keys, services)
        except FootnoteError as error:
            log_error(error)
    try:
        await anyio.to_thread.run_sync(services.audit.flush)
        await anyio.to_thread.run_sync(services.usage.flush)
        await anyio.to_thread.run_sync(services.canary.refresh)
    except FootnoteError as error:
        log_error(error)
    for answerer in {services.answerer, services.candidate}:
        if answerer.built is not None:
            await answerer.built.close()
    await services.limits.close()
    await anyio.to_thread.run_sync(services.close)
