"""Documents: every route asks the access list, and gives what it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from core.link import Link
from core.place import Line, PageSize
from core.principal import AccessList
from ingestion.blobs import parsed_key
from ingestion.catalog import documents
from tests.unit.api.fakes import Stack, a_parsed_document

pytestmark = pytest.mark.anyio

ROUTES = ["", "/original", "/text", "/chunks/0"]
HR = AccessList(groups=frozenset({"hr"}))


@pytest.mark.parametrize("route", ROUTES)
async def test_what_may_not_be_read_is_not_there(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str], route: str
) -> None:
    stack.add_document("open", AccessList.everyone())
    stack.add_document("closed", HR)
    stack.add_document("nobody", AccessList())
    stack.add_document("going", AccessList.everyone(), state="deleting")
    assert (await client.get(f"/v1/documents/open{route}")).status_code == 200
    hidden = await client.get(f"/v1/documents/closed{route}")
    absent = await client.get(f"/v1/documents/absent{route}")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["detail"].replace("closed", "absent") == absent.json()["detail"]
    assert (await client.get(f"/v1/documents/closed{route}", headers=admin)).status_code == 404
    as_hr = {**admin, "X-Footnote-User": "alice", "X-Footnote-Groups": "hr"}
    assert (await client.get(f"/v1/documents/closed{route}", headers=as_hr)).status_code == 200
    for name in ("nobody", "going"):
        assert (await client.get(f"/v1/documents/{name}{route}", headers=as_hr)).status_code == 404


@pytest.mark.parametrize("route", ROUTES)
async def test_what_may_not_be_read_takes_the_same_work_as_what_is_not_there(
    stack: Stack, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    stack.add_document("closed", HR)
    work: list[tuple[str, int]] = []

    def note(_: Any, __: Any, statement: str, values: Any, ___: Any, ____: Any) -> None:
        if "documents" in statement:  # keys' last uses are written down meanwhile
            work.append((statement, len(values)))

    def refuse(row: Any) -> None:
        raise AssertionError(f"the row of {row.id} was read")

    event.listen(stack.catalog.engine, "before_cursor_execute", note)
    monkeypatch.setattr(documents, "document_of", refuse)
    done = []
    for name in ("closed", "absent"):
        assert (await client.get(f"/v1/documents/{name}{route}")).status_code == 404
        done.append(work.copy())
        work.clear()
    assert done[0] == done[1] != []


async def test_metadata(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList.everyone())
    body = (await client.get("/v1/documents/d1")).json()
    assert (body["document_id"], body["title"], body["media_type"]) == ("d1", "Title of d1", "text/html")
    assert body["indexed_at"] == "2026-03-01T00:00:00Z"
    assert "acl" not in body


async def test_an_original_can_be_saved_but_not_run(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList.everyone(), original=b"\xff\x00<script>", external_id='a/Caf\u00e9 "x".html')
    response = await client.get("/v1/documents/d1/original")
    assert response.content == b"\xff\x00<script>"
    assert response.headers["content-type"] == "text/html"
    assert response.headers["content-disposition"] == (
        "attachment; filename=\"Caf_ _x_.html\"; filename*=UTF-8''Caf%C3%A9%20%22x%22.html"
    )
    assert response.headers["content-security-policy"].startswith("sandbox;")
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("media_type", [None, "text/html\r\nX-Evil: 1", "nonsense"])
async def test_a_media_type_that_is_none(stack: Stack, client: httpx.AsyncClient, media_type: str | None) -> None:
    stack.add_document("d1", AccessList.everyone(), media_type=media_type)
    response = await client.get("/v1/documents/d1/original")
    assert response.headers["content-type"] == "application/octet-stream"
    assert "x-evil" not in response.headers


async def test_text_and_passages_agree(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList.everyone(), text="Leave 🙂\n\n28 days.")
    text = (await client.get("/v1/documents/d1/text")).json()
    assert [text["text"][e["start"] : e["end"]] for e in text["elements"]] == ["Leave 🙂", "28 days."]
    assert text["elements"][0]["kind"] == "title"
    passage = (await client.get("/v1/documents/d1/chunks/0")).json()
    assert passage["text"] == text["text"][passage["start"] : passage["end"]]
    assert passage["heading_path"] == ["Heading"]


async def test_a_passage_knows_its_lines_on_the_page(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList.everyone())
    parsed = a_parsed_document("Leave\n\n28 days.")
    title, text = parsed.elements
    lined = replace(text, page=2, lines=(Line(text.start, text.end, 2, 72.0, 100.0, 140.5, 112.0),))
    key = parsed_key("d1", "h" * 64)
    stack.blobs.put(key, replace(parsed, elements=(title, lined), pages=(PageSize(595, 842),) * 2).to_bytes())
    passage = (await client.get("/v1/documents/d1/chunks/0")).json()
    assert passage["boxes"] == [{"page": 2, "left": 72.0, "top": 100.0, "right": 140.5, "bottom": 112.0}]
    assert len((await client.get("/v1/documents/d1/text")).json()["pages"]) == 2


@pytest.mark.parametrize("ordinal", ["1", "-1", "99999999999999999999"])
async def test_a_passage_that_is_not_there(stack: Stack, client: httpx.AsyncClient, ordinal: str) -> None:
    stack.add_document("d1", AccessList.everyone())
    response = await client.get(f"/v1/documents/d1/chunks/{ordinal}")
    assert response.status_code == 404
    assert "passages 0 to 0" in response.json()["detail"]


async def test_a_document_that_was_never_read(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList.everyone(), content_hash=None, state="failed", indexed_at=None)
    assert (await client.get("/v1/documents/d1")).json()["state"] == "failed"
    response = await client.get("/v1/documents/d1/text")
    assert response.status_code == 404
    assert "has not been read yet" in response.json()["detail"]


LINKS = (
    "b.html",
    "../policies/b.html#x",
    "/policies/c",
    "closed.html",
    "gone.html",
    "https://e.org/",
    "javascript:alert(1)",
)


async def test_links_lead_out_or_to_what_the_reader_may_see(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    stack.add_document("a", AccessList.everyone())
    stack.add_document("b", AccessList.everyone())
    stack.add_document("c", AccessList.everyone(), external_id="policies/c/README.md")
    stack.add_document("closed", HR)
    parsed = a_parsed_document("Links\n\n" + " ".join("x" for _ in LINKS))
    title, text = parsed.elements
    # What is kept of a document is trusted no more than the document itself.
    links = tuple(Link(text.start + 2 * at, text.start + 2 * at + 1, target) for at, target in enumerate(LINKS))
    document = replace(parsed, elements=(title, replace(text, links=links)))
    stack.blobs.put(parsed_key("a", "h" * 64), document.to_bytes())

    async def seen(**headers: str) -> list[tuple[int, str | None]]:
        body = (await client.get("/v1/documents/a/text", headers=headers)).json()
        assert all(body["text"][link["start"] : link["end"]] == "x" for link in body["links"])
        return [((link["start"] - text.start) // 2, link["href"] or link["document_id"]) for link in body["links"]]

    assert await seen() == [(0, "b"), (1, "b"), (2, "c"), (5, "https://e.org/")]
    as_hr = {**admin, "X-Footnote-User": "alice", "X-Footnote-Groups": "hr"}
    assert await seen(**as_hr) == [(0, "b"), (1, "b"), (2, "c"), (3, "closed"), (5, "https://e.org/")]


@pytest.mark.parametrize("target", ["../../../secret.html", "..", "/../x.html", "%2e%2e/%2e%2e/x.html", ".", "a.html"])
async def test_a_path_that_leads_nowhere_is_no_link(stack: Stack, client: httpx.AsyncClient, target: str) -> None:
    stack.add_document("a", AccessList.everyone())
    parsed = a_parsed_document("Links\n\nxxx")
    title, text = parsed.elements
    linked = replace(text, links=(Link(text.start, text.end, target),))
    stack.blobs.put(parsed_key("a", "h" * 64), replace(parsed, elements=(title, linked)).to_bytes())
    assert (await client.get("/v1/documents/a/text")).json()["links"] == []


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (None, (200, b"0123456789", None)),
        ("bytes=2-4", (206, b"234", "bytes 2-4/10")),
        ("bytes=7-", (206, b"789", "bytes 7-9/10")),
        ("bytes=7-99999999999", (206, b"789", "bytes 7-9/10")),
        ("bytes=-3", (206, b"789", "bytes 7-9/10")),
        ("bytes=-99", (206, b"0123456789", "bytes 0-9/10")),
        ("bytes=10-", (416, None, "bytes */10")),
        ("bytes=-0", (416, None, "bytes */10")),
        ("bytes=4-2", (200, b"0123456789", None)),
        ("bytes=0-1,3-4", (200, b"0123456789", None)),
        ("bytes=-", (200, b"0123456789", None)),
        ("lines=1-2", (200, b"0123456789", None)),
    ],
)
async def test_parts_of_an_original_can_be_asked_for(
    stack: Stack, client: httpx.AsyncClient, asked: str | None, answer: tuple[int, bytes | None, str | None]
) -> None:
    status, content, told = answer
    stack.add_document("d1", AccessList.everyone(), original=b"0123456789")
    response = await client.get("/v1/documents/d1/original", headers={"Range": asked} if asked else {})
    assert response.status_code == status
    assert response.headers.get("content-range") == told
    if content is None:
        assert response.headers["content-type"] == "application/problem+json"
    else:
        assert (response.content, response.headers["content-length"]) == (content, str(len(content)))
        assert response.headers["accept-ranges"] == "bytes"
        assert "sandbox" in response.headers["content-security-policy"]


async def test_a_range_opens_nothing_that_is_closed(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList.from_terms(["user:ann"]), original=b"0123456789")
    for asked in ("bytes=0-1", "bytes=99-"):
        response = await client.get("/v1/documents/d1/original", headers={"Range": asked})
        assert response.status_code == 404
        assert "content-range" not in response.headers
