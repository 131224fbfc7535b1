"""The page's files: served, cacheable, and free of anything from elsewhere."""

from __future__ import annotations

import re

import httpx
import pytest

pytestmark = pytest.mark.anyio

FILES = {
    "/": "text/html",
    "/page/app.js": "text/javascript",
    "/page/answer.js": "text/javascript",
    "/page/blocks.js": "text/javascript",
    "/page/drawing.js": "text/javascript",
    "/page/reader.js": "text/javascript",
    "/page/pages.js": "text/javascript",
    "/page/history.js": "text/javascript",
    "/page/outdated.js": "text/javascript",
    "/page/tools.js": "text/javascript",
    "/page/reviews.js": "text/javascript",
    "/page/failures.js": "text/javascript",
    "/page/sources.js": "text/javascript",
    "/page/client.js": "text/javascript",
    "/page/widget.js": "text/javascript",
    "/page/style.css": "text/css",
    "/page/icon.svg": "image/svg+xml",
    "/docs": "text/html",
    "/page/docs.js": "text/javascript",
}
SWAGGER_UI = {"/page/swagger-ui-bundle.js": "text/javascript", "/page/swagger-ui.css": "text/css"}


@pytest.mark.parametrize(("path", "media_type"), [*FILES.items(), *SWAGGER_UI.items()])
async def test_files_are_served_and_revalidated(client: httpx.AsyncClient, path: str, media_type: str) -> None:
    response = await client.get(path)
    assert response.headers["content-type"].startswith(media_type)
    assert "script-src 'self';" in response.headers["content-security-policy"]
    again = await client.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_no_other_file_is(client: httpx.AsyncClient) -> None:
    for path in ("/page/../app.py", "/page/%2e%2e%2fapp.py", "/page/nothing.js"):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", FILES)
async def test_nothing_is_inline_or_from_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    text = (await client.get(path)).text
    assert not re.findall(r"(?:src|href|url|import)\s*[=(]?\s*[\"']?(?:https?:)?//", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|innerHTML", text)
