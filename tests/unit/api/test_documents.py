"""Documents: every route asks the access list, and gives what it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import event

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
