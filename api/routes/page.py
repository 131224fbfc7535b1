"""``GET /``: the page, a few files without a build step. ``GET /docs``: the HTTP API, as Swagger UI shows it."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources

from fastapi import APIRouter, Request, Response

from api.middleware import CONTENT_POLICY
from core.errors import NotFound

router = APIRouter(include_in_schema=False)

_HTML = "text/html; charset=utf-8"
_MEDIA_TYPES = {
    "index.html": _HTML,
    "app.js": "text/javascript; charset=utf-8",
    "answer.js": "text/javascript; charset=utf-8",
    "blocks.js": "text/javascript; charset=utf-8",
    "history.js": "text/javascript; charset=utf-8",
    "outdated.js": "text/javascript; charset=utf-8",
    "drawing.js": "text/javascript; charset=utf-8",
    "tools.js": "text/javascript; charset=utf-8",
    "reviews.js": "text/javascript; charset=utf-8",
    "failures.js": "text/javascript; charset=utf-8",
    "sources.js": "text/javascript; charset=utf-8",
    "client.js": "text/javascript; charset=utf-8",
    "reader.js": "text/javascript; charset=utf-8",
    "pages.js": "text/javascript; charset=utf-8",
    "widget.js": "text/javascript; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
WIDGET = "widget.js"
_ELSEWHERE = {"cross-origin-resource-policy": "cross-origin"}
"""For what pages of other origins load: the script of the widget, which has nothing of anybody's in it."""
_SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css")
"""Files that the package fastapi-offline carries: FastAPI's own page loads them from elsewhere."""
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
    if name not in _MEDIA_TYPES:
        raise NotFound(f"The page has no file {name[:64]!r}.")
    return _serve(name, request)


def _serve(name: str, request: Request, policy: str = CONTENT_POLICY) -> Response:
    content, tag = _read(name)
    headers = {
        **(_ELSEWHERE if name == WIDGET else {}),
        "etag": tag,
        "cache-control": "no-cache",
        "content-security-policy": policy,
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=_MEDIA_TYPES.get(name, _HTML))


@functools.cache
def _read(name: str) -> tuple[bytes, str]:
    package, folder = ("fastapi_offline", "static") if name in _SWAGGER_UI else ("api", "page")
    content = resources.files(package).joinpath(folder, name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'
