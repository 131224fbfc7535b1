"""Documents that readers upload for themselves: nobody else sees them; how many and how large they may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.auth.key_records import Grant
from core.ingestion_settings import UploadSettings
from core.roles import Role
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio


def key(stack: Stack, name: str, **grant: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.keys.create(name, Grant(**{'user': name, **grant}))[1]}"}


def limited(stack: Stack, **uploads: Any) -> None:
    stack.settings = stack.settings.model_copy(update={"uploads": UploadSettings(**uploads)})


async def test_a_document_is_its_owners_alone(stack: Stack, client: httpx.AsyncClient) -> None:
    ida, eve = key(stack, "ida"), key(stack, "eve", roles=(Role.CURATOR, Role.READER))
    sent = await client.put("/v1/uploads/My notes.md", content=b"# Notes", headers={**ida, "Content-Type": "text/x"})
    assert sent.status_code == 202
    [told] = sent.json()["documents"]
    assert (told["name"], told["size"], told["state"], told["reason"]) == ("My notes.md", 7, "pending", None)
    assert (await client.get("/v1/uploads", headers=eve)).json()["documents"] == []
    [source] = stack.catalog.sources.list()
    [pushed] = stack.catalog.inbox.after(source.id, 0, 10)
    assert pushed.acl is not None
    assert pushed.acl.terms() == ("user:ida",)
    assert "ida" not in pushed.external_id
    assert (await client.delete("/v1/uploads/My notes.md", headers=eve)).status_code == 404
    assert (await client.put("/v1/uploads/My notes.md", content=b"x", headers=eve)).status_code == 202  # another one
    assert len((await client.get("/v1/uploads", headers=ida)).json()["documents"]) == 1
    deleted = await client.delete("/v1/uploads/My notes.md", headers=ida)
    assert deleted.json()["documents"] == []
    assert (await client.delete("/v1/uploads/My notes.md", headers=ida)).status_code == 404
    actions = [entry.action for entry in stack.catalog.audit.list() if entry.outcome == "done"]
    assert actions.count("upload.put") == 2
    assert actions.count("upload.delete") == 1


async def test_nobody_without_a_name_uploads(stack: Stack, client: httpx.AsyncClient) -> None:
    for headers in ({}, key(stack, "team", user=None, groups=("hr",))):
        assert (await client.put("/v1/uploads/a.md", content=b"x", headers=headers)).status_code == 401
    assert stack.catalog.sources.list() == []


async def test_what_is_too_much_is_refused_with_the_way_out(stack: Stack) -> None:
    limited(stack, max_documents=1)
    ida = key(stack, "ida")
    async with serving(stack) as client:
        assert (await client.put("/v1/uploads/a.md", content=b"x", headers=ida)).status_code == 202
        many = await client.put("/v1/uploads/b.md", content=b"x", headers=ida)
        assert (many.status_code, "Delete one first" in many.json()["detail"]) == (422, True)
        assert (await client.put("/v1/uploads/a.md", content=b"y", headers=ida)).status_code == 202
        for name in ("%20", "a%5Cb.md", "a%00.md", "id_rsa"):
            assert (await client.put(f"/v1/uploads/{name}", content=b"x", headers=ida)).status_code in {400, 422}, name
        empty = await client.put("/v1/uploads/a.md", content=b"", headers=ida)
        assert (empty.status_code, "empty" in empty.json()["detail"]) == (422, True)
    limited(stack, max_documents=0)
    async with serving(stack) as client:
        assert (await client.get("/v1/uploads", headers=ida)).status_code == 404


async def test_100_megabytes_are_refused_by_what_is_said_and_by_what_comes(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    ida = key(stack, "ida")
    said = await client.put("/v1/uploads/a.bin", headers={**ida, "Content-Length": "100000000"}, content=b"")
    assert (said.status_code, "uploads.max_file_mb" in said.json()["detail"]) == (413, True)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(1_000_000)

    come = await client.put("/v1/uploads/a.bin", headers=ida, content=pieces())
    assert (come.status_code, "uploads.max_file_mb" in come.json()["detail"]) == (413, True)
    assert stack.catalog.sources.list() == []
