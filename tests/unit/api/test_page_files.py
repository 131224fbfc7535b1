"""The page's files: served, cacheable, and free of anything from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.anyio

TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}
PAGE = Path(__file__).parents[3] / "api" / "page"
FILES = {f"/page/{path.name}": TYPES[path.suffix] for path in PAGE.iterdir() if path.suffix in TYPES}
FILES |= {"/": "text/html", "/docs": "text/html"}
SWAGGER_UI = {"/page/swagger-ui-bundle.js": "text/javascript", "/page/swagger-ui.css": "text/css"}


async def test_files_are_served_and_revalidated(client: httpx.AsyncClient) -> None:
    for path, media_type in (FILES | SWAGGER_UI).items():
        response = await client.get(path)
        assert response.headers["content-type"].startswith(media_type), path
        assert "script-src 'self';" in response.headers["content-security-policy"]
        assert response.headers["content-encoding"] == "gzip"
        again = await client.get(path, headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == response.content


async def test_no_other_file_is(client: httpx.AsyncClient) -> None:
    for path in ("/page/../app.py", "/page/%2e%2e%2fapp.py", "/page/nothing.js", "/page/index.html"):
        assert (await client.get(path)).status_code == 404


async def test_nothing_is_inline_or_from_elsewhere(client: httpx.AsyncClient) -> None:
    for path in FILES:
        text = (await client.get(path)).text
        assert not re.findall(r"(?:src|href|url|import)\s*[=(]?\s*[\"']?(?:https?:)?//", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|innerHTML", text), path
