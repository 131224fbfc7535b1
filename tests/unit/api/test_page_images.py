"""Pages as images: for those who may read the document, and only as large as is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from core.principal import AccessList
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio

HR = AccessList(groups=frozenset({"hr"}))


@pytest.fixture(autouse=True)
def _no_child_is_left(stack: Stack) -> Iterator[None]:
    yield
    stack.page_images.close()


def a_pdf(pages: int = 2) -> bytes:
    """Each page half black, from the left."""
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=(200, 100), invariant=True)
    for _ in range(pages):
        canvas.rect(0, 0, 100, 100, stroke=0, fill=1)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def add_pdf(stack: Stack, name: str, acl: AccessList | None = None, content: bytes | None = None) -> None:
    original = a_pdf() if content is None else content
    everyone = AccessList.everyone()
    stack.add_document(
        name, acl or everyone, original=original, media_type="application/pdf", external_id=f"a/{name}.pdf"
    )


async def test_a_page_is_rendered_and_then_revalidated(stack: Stack, client: httpx.AsyncClient) -> None:
    add_pdf(stack, "d1")
    response = await client.get("/v1/documents/d1/pages/2.png?width=300")
    image = Image.open(io.BytesIO(response.content)).convert("L")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "private, no-cache"
    assert image.size == (300, 150)
    assert (image.getpixel((10, 75)), image.getpixel((290, 75))) == (0, 255)

    stack.page_images.close()
    tag = {"If-None-Match": response.headers["etag"]}
    again = await client.get("/v1/documents/d1/pages/2.png?width=300", headers=tag)
    assert (again.status_code, again.content) == (304, b"")


async def test_who_may_not_read_the_document_gets_no_page_of_it(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    add_pdf(stack, "closed", HR)
    as_hr = {**admin, "X-Footnote-User": "alice", "X-Footnote-Groups": "hr"}
    shown = await client.get("/v1/documents/closed/pages/1.png", headers=as_hr)
    assert shown.status_code == 200
    known = {"If-None-Match": shown.headers["etag"]}
    for headers in ({}, admin, known):
        hidden = await client.get("/v1/documents/closed/pages/1.png", headers=headers)
        absent = await client.get("/v1/documents/absent/pages/1.png", headers=headers)
        assert hidden.status_code == absent.status_code == 404
        assert hidden.json()["detail"].replace("closed", "absent") == absent.json()["detail"]


@pytest.mark.parametrize("page", ["0", "3", "-1", "99999999999999999999"])
async def test_a_page_that_is_not_there(stack: Stack, client: httpx.AsyncClient, page: str) -> None:
    add_pdf(stack, "d1")
    response = await client.get(f"/v1/documents/d1/pages/{page}.png")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert "d1.pdf has pages 1 to 2" in response.json()["detail"]


async def test_what_is_no_pdf_has_no_pages(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList.everyone())
    response = await client.get("/v1/documents/d1/pages/1.png")
    assert response.status_code == 404
    assert "is text/html: only a PDF has pages" in response.json()["detail"]
    assert "/v1/documents/d1/text" in response.json()["detail"]


async def test_a_broken_file_says_so(stack: Stack, client: httpx.AsyncClient) -> None:
    add_pdf(stack, "d1", content=b"%PDF-1.7 and then nothing")
    response = await client.get("/v1/documents/d1/pages/1.png")
    assert response.status_code == 422
    assert response.json()["type"].endswith(":unreadable-document")
    assert "d1.pdf can't be rendered" in response.json()["detail"]


@pytest.mark.parametrize("query", ["width=99", "width=2401", "width=wide", "width="])
async def test_widths_have_limits(stack: Stack, client: httpx.AsyncClient, query: str) -> None:
    add_pdf(stack, "d1")
    response = await client.get(f"/v1/documents/d1/pages/1.png?{query}")
    assert response.status_code == 422
    assert "width" in response.json()["detail"]
