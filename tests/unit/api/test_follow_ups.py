"""What to ask after an answer: sections beside the cited ones, of documents that the caller may read."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.auth.key_records import Grant
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.blobs import parsed_key
from ingestion.chunking.model import Passage, PlacedElement
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import ElementKind
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio

HEADINGS = ("Travel", "Hotels", "Per diems", "1.", "Trains and planes", "Hotels abroad")


def a_handbook(title: str = "Travel") -> ParsedDocument:
    """A title and sections, each with a line below it; two passages."""
    text, elements = "", list[PlacedElement]()
    for number, heading in enumerate(HEADINGS):
        for kind, line in ((ElementKind.TITLE, heading), (ElementKind.TEXT, f"Words of {heading}.")):
            level = (2 if number else 1) if kind is ElementKind.TITLE else None
            elements.append(PlacedElement(kind=kind, start=len(text), end=len(text) + len(line), level=level))
            text += f"{line}\n\n"
    half = text.index("Trains")
    spans = ((0, half), (half, len(text)))
    passages = tuple(
        Passage(ordinal=number, start=start, end=end, page=None, heading_path=(), tokens=9)
        for number, (start, end) in enumerate(spans)
    )
    return ParsedDocument(
        title=title, metadata=Metadata(title=title), media_type="text/html", text=text, elements=tuple(elements),
        passages=passages, parser="fake", warnings=(),
    )  # fmt: skip


def add(stack: Stack, id: str, acl: AccessList) -> ParsedDocument:
    stack.add_document(id, acl, title="Travel")
    parsed = a_handbook()
    stack.blobs.put(parsed_key(id, "h" * 64), parsed.to_bytes())
    return parsed


async def asked(client: httpx.AsyncClient, *passages: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    headers = more.pop("headers", {})
    response = await client.post("/v1/search/follow-ups", json={"passages": passages, **more}, headers=headers)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["follow_ups"]
    return found


async def test_the_nearest_sections_with_a_name_of_their_own(stack: Stack, client: httpx.AsyncClient) -> None:
    parsed = add(stack, "d1", AccessList(public=True))
    quote = parsed.text.index("Words of Hotels.")
    found = await asked(client, {"document_id": "d1", "ordinal": 0, "start": quote})
    assert [one["heading_path"][-1] for one in found] == ["Per diems", "Trains and planes", "Hotels abroad"]
    assert [one["ordinal"] for one in found] == [0, 1, 1]
    assert found[0]["title"] == "Travel"
    assert len(await asked(client, {"document_id": "d1", "ordinal": 0, "start": quote}, most=1)) == 1
    whole = await asked(client, {"document_id": "d1", "ordinal": 1})
    assert [one["heading_path"][-1] for one in whole] == ["Hotels abroad", "Per diems", "Hotels"]


async def test_nothing_of_what_the_caller_may_not_read(stack: Stack, client: httpx.AsyncClient) -> None:
    add(stack, "d1", AccessList(groups=frozenset({"hr"})))
    cited = {"document_id": "d1", "ordinal": 0}
    assert await asked(client, cited) == []
    assert await asked(client, {**cited, "document_id": "gone"}) == []
    _, other = stack.keys.create("bob", Grant(user="bob", groups=("it",)))
    assert await asked(client, cited, headers={"Authorization": f"Bearer {other}"}) == []
    _, key = stack.keys.create("ida", Grant(user="ida", groups=("hr",)))
    assert await asked(client, cited, headers={"Authorization": f"Bearer {key}"}) != []


async def test_documents_that_say_the_same_are_asked_once(stack: Stack, client: httpx.AsyncClient) -> None:
    add(stack, "d1", AccessList(public=True))
    add(stack, "d2", AccessList(public=True))
    found = await asked(client, *({"document_id": one, "ordinal": 1} for one in ("d1", "d2")), most=10)
    headings = [one["heading_path"][-1] for one in found]
    assert len(headings) == len(set(headings)) == 3
