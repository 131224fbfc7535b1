"""``GET /``: the page, a few files without a build step."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources

from fastapi import APIRouter, Request, Response

from core.errors import NotFound

router = APIRouter(include_in_schema=False)

_MEDIA_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "answer.js": "text/javascript; charset=utf-8",
    "failures.js": "text/javascript; charset=utf-8",
    "client.js": "text/javascript; charset=utf-8",
    "reader.js": "text/javascript; charset=utf-8",
    "pages.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@router.get("/")
async def index(request: Request) -> Response:
    """The page."""
    return _serve("index.html", request)


@router.get("/page/{name}")
async def file(name: str, request: Request) -> Response:
    """A file of the page."""
    if name not in _MEDIA_TYPES:
        raise NotFound(f"The page has no file {name[:64]!r}.")
    return _serve(name, request)


def _serve(name: str, request: Request) -> Response:
    content, tag = _read(name)
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=_MEDIA_TYPES[name])


@functools.cache
def _read(name: str) -> tuple[bytes, str]:
    content = resources.files("api").joinpath("page", name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'
