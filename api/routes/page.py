"""``GET /``: the page, a few files without a build step. ``GET /docs``: the HTTP API, as Swagger UI shows it."""

from __future__ import annotations

import functools
import gzip
import hashlib
from importlib import resources

from fastapi import APIRouter, Request, Response

from api.middleware import CONTENT_POLICY
from core.errors import NotFound

router = APIRouter(include_in_schema=False)

_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
WIDGET = "widget.js"
_ELSEWHERE = {"cross-origin-resource-policy": "cross-origin"}
"""For what pages of other origins load: the script of the widget, which has nothing of anybody's in it."""
_SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css")
"""Files that the package fastapi-offline carries: FastAPI's own page loads them from elsewhere."""
_FILES = {
    **{
        file.name: file for file in resources.files("api").joinpath("page").iterdir() if not file.name.endswith(".html")
    },
    **{name: resources.files("fastapi_offline").joinpath("static", name) for name in _SWAGGER_UI},
}
_DOCS_POLICY = CONTENT_POLICY.replace("img-src 'self' blob:", "img-src 'self' data:")
"""Swagger UI's style has its icons in it."""


@router.get("/")
async def index(request: Request) -> Response:
    """The page."""
    return _serve("index.html", request)


@router.get("/docs")
def docs(request: Request) -> Response:
    """The HTTP API, for people."""
    return _serve("docs.html", request, _DOCS_POLICY)


@router.get("/page/{name}")
async def file(name: str, request: Request) -> Response:
    """A file of the page."""
    if name not in _FILES:
        raise NotFound(f"The page has no file {name[:64]!r}.")
    return _serve(name, request)


def _serve(name: str, request: Request, policy: str = CONTENT_POLICY) -> Response:
    content, packed, tag = _read(name)
    headers = {
        **(_ELSEWHERE if name == WIDGET else {}),
        "etag": tag,
        "cache-control": "no-cache",
        "vary": "accept-encoding",
        "content-security-policy": policy,
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["content-encoding"] = packed, "gzip"
    return Response(content, headers=headers, media_type=_TYPES[name.rpartition(".")[2]])


@functools.cache
def _read(name: str) -> tuple[bytes, bytes, str]:
    """A file's bytes, the same as gzip packs them, and their mark."""
    file = _FILES.get(name) or resources.files("api").joinpath("page", name)
    content = file.read_bytes()
    return content, gzip.compress(content, mtime=0), f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'
