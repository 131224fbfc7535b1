"""Documents that are pushed, through the HTTP app, into the inbox of a real catalog and blob store."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from api.auth.key_records import Grant
from core.principal import AccessList
from ingestion.connectors.port import Change, Cursor, Delete, Page, Upsert
from ingestion.connectors.push import PAGE, PushConnector
from ingestion.connectors.registry import connector_class, context_of, open_connector
from ingestion.inbox import SourceInbox
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio

ACL = {"X-Footnote-Acl": '["user:ann@example.com"]'}
MARKDOWN = {"Content-Type": "text/markdown", **ACL}


class Nothing:
    """Knows of no document."""

    def notes(self, external_ids: object) -> Mapping[str, Any]:
        return {}

    def below(self, prefix: str) -> Any:
        return iter(())


def a_source(stack: Stack, name: str = "Pushed", **config: Any) -> str:
    return stack.catalog.sources.create(kind="push", name=name, config=config, interval_s=3600).id


def connector_of(stack: Stack, source_id: str) -> PushConnector:
    source = stack.catalog.sources.get(source_id)
    inbox = SourceInbox(stack.catalog, stack.blobs, source_id)
    found = open_connector("push", source.config, stack.settings, source_id, inbox)
    assert isinstance(found, PushConnector)
    return found


def listed(stack: Stack, source_id: str, cursor: Cursor | None = None) -> tuple[dict[str, Change], Page]:
    pages = list(connector_of(stack, source_id).changes(cursor or {}, Nothing()))
    return {change.external_id: change for page in pages for change in page.changes}, pages[-1]


def fetched(stack: Stack, source_id: str, key: str) -> tuple[bytes, str | None]:
    written = bytearray()
    media_type = connector_of(stack, source_id).fetch(key, type("Sink", (), {"write": staticmethod(written.extend)}))
    return bytes(written), media_type


def blobs_of(stack: Stack) -> list[str]:
    root = stack.settings.data_dir / "blobs" / "inbox"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_bytes_are_kept_and_listed_and_fetched_as_they_came(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    source = a_source(stack, department="Support")
    headers = {
        **admin,
        **MARKDOWN,
        "X-Footnote-Version": "3",
        "X-Footnote-Metadata": '{"title": "Größe", "tags": ["b", "A"], "modified": "2026-01-05"}'.encode(),
        "X-Footnote-Uri": "https://wiki.example.com/1",
    }
    path = f"/v1/sources/{source}/documents/faq/pumps%20and%20seals.md"
    response = await client.put(path, content=b"# Pumps\n", headers=headers)
    assert response.status_code == 202, response.text
    body = response.json()
    assert (body["key"], body["outcome"], body["version"]) == ("faq/pumps and seals.md", "stored", 3)
    assert body["run"]["source_id"] == source
    changes, last = listed(stack, source)
    [found] = changes.values()
    assert isinstance(found, Upsert)
    assert (found.external_id, found.uri, found.size) == ("faq/pumps and seals.md", "https://wiki.example.com/1", 8)
    assert found.acl == AccessList(users=frozenset({"ann@example.com"}))
    assert (found.metadata.title, found.metadata.tags, found.metadata.department) == ("Größe", ("a", "b"), "Support")
    assert found.metadata.origins["title"] == "push"
    assert last.complete
    assert fetched(stack, source, found.external_id) == (b"# Pumps\n", "text/markdown")


async def test_the_later_version_wins(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    path = f"/v1/sources/{a_source(stack)}/documents/a"

    async def put(version: int | None, content: str) -> tuple[int, str]:
        told = {} if version is None else {"X-Footnote-Version": str(version)}
        response = await client.put(path, content=content, headers={**admin, **MARKDOWN, **told})
        return response.status_code, response.json().get("outcome") or response.json()["detail"]

    assert await put(5, "five") == (202, "stored")
    assert await put(5, "other") == (202, "unchanged")
    assert await put(4, "four") == (409, "a: a later version (5) is there already.")
    source = path.split("/")[3]
    assert fetched(stack, source, "a")[0] == b"five"
    assert await put(None, "six") == (202, "stored")
    assert await put(6, "other") == (202, "unchanged")
    assert fetched(stack, source, "a")[0] == b"six"
    assert len(blobs_of(stack)) == 1


async def test_what_is_deleted_stays_so_for_older_versions(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    source = a_source(stack)
    path = f"/v1/sources/{source}/documents/a"
    await client.put(path, content="one", headers={**admin, **MARKDOWN, "X-Footnote-Version": "1"})
    _, last = listed(stack, source)
    assert (await client.delete(f"{path}?version=0", headers=admin)).status_code == 409
    gone = (await client.delete(f"{path}?version=4", headers=admin)).json()
    assert (gone["outcome"], gone["version"]) == ("deleted", 4)
    assert blobs_of(stack) == []
    changes, incremental = listed(stack, source, last.cursor)
    assert (changes, incremental.complete) == ({"a": Delete("a")}, False)
    late = await client.put(path, content="late", headers={**admin, **MARKDOWN, "X-Footnote-Version": "3"})
    assert late.status_code == 409
    assert blobs_of(stack) == []
    again = (await client.delete(path, headers=admin)).json()
    assert (again["outcome"], again["run"]) == ("unchanged", None)
    never = (await client.delete(f"/v1/sources/{source}/documents/b", headers=admin)).json()
    assert never["outcome"] == "unchanged"
    early = (await client.delete(f"/v1/sources/{source}/documents/b?version=9", headers=admin)).json()
    assert early["outcome"] == "deleted"
    with pytest.raises(Exception, match="a was deleted"):
        fetched(stack, source, "a")


async def test_a_document_as_json(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    source = a_source(stack, default_acl=["group:hr"])
    for number, body in enumerate(
        (
            {"text": "# Größe", "media_type": "text/markdown"},
            {"base64": base64.b64encode(b"\0\1").decode(), "acl": ["public"], "version": 2},
            {"text": '{"a": 1}', "media_type": "application/json"},
        )
    ):
        response = await client.put(f"/v1/sources/{source}/documents/{number}", json=body, headers=admin)
        assert response.status_code == 202, response.text
    assert [fetched(stack, source, str(number)) for number in range(3)] == [
        ("# Größe".encode(), "text/markdown"),
        (b"\0\1", None),
        (b'{"a": 1}', "application/json"),
    ]
    readers = {key: change.acl for key, change in listed(stack, source)[0].items() if isinstance(change, Upsert)}
    hr = AccessList(groups=frozenset({"hr"}))
    assert readers == {"0": hr, "1": AccessList.everyone(), "2": hr}


@pytest.mark.parametrize("lines", [True, False])
async def test_many_at_once(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str], lines: bool) -> None:
    source = a_source(stack)
    changes: list[Any] = [
        {"key": "a", "text": "A", "acl": ["public"], "version": 7},
        {"key": "b", "text": "B", "acl": ["public"]},
        {"key": "a", "text": "old", "acl": ["public"], "version": 6},
        {"key": "b", "delete": True},
        {"key": "c", "text": "C"},
        {"key": "../c", "text": "C", "acl": ["public"]},
        {"key": "d", "text": "D", "acl": ["public"], "txet": "x"},
        {"key": "e", "delete": True, "text": "E"},
        {"key": "f", "text": "F", "acl": ["everybody"]},
        "g",
        {"key": "h", "base64": "?", "acl": ["public"]},
        {"key": "id_rsa", "text": "x", "acl": ["public"]},
    ]
    path = f"/v1/sources/{source}/documents"
    if lines:
        content = "\n".join(json.dumps(change) for change in changes) + "\n\n{not json\n"
        sent = {"content": content, "headers": {**admin, "Content-Type": "application/x-ndjson"}}
    else:
        sent = {"json": changes, "headers": admin}
    response = await client.post(path, **sent)  # type: ignore[arg-type]
    assert response.status_code == 202, response.text
    results = response.json()["results"]
    outcomes = ["stored", "stored", "older", "deleted", *["refused"] * 8, *(["refused"] if lines else [])]
    assert [result["outcome"] for result in results] == outcomes
    details = [result["detail"] for result in results[4:]]
    words = [
        "who may read it",
        "'..'",
        "txet",
        "With delete",
        "everybody",
        "",
        "Base64",
        "never a document",
        "not JSON",
    ]
    for word, detail in zip(words, details, strict=False):
        assert word in detail
    assert response.json()["run"]["source_id"] == source
    assert set(listed(stack, source)[0]) == {"a", "b"}


async def test_a_listing_is_paged_and_goes_on(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    source = a_source(stack, default_acl=["public"])
    sent = "".join(json.dumps({"key": f"k{n}", "text": str(n)}) + "\n" for n in range(PAGE + 2))
    headers = {**admin, "Content-Type": "application/x-ndjson"}
    await client.post(f"/v1/sources/{source}/documents", content=sent, headers=headers)
    first, second = connector_of(stack, source).changes({}, Nothing())
    assert (len(first.changes), first.complete, len(second.changes), second.complete) == (PAGE, False, 2, True)
    _, resumed = listed(stack, source, first.cursor)
    assert (len(resumed.changes), resumed.complete) == (2, True)
    later, last = listed(stack, source, second.cursor)
    assert (later, last.complete, last.cursor) == ({}, False, second.cursor)


async def test_only_administrators_push(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    source = a_source(stack, default_acl=["public"])
    _, plain = stack.keys.create("Ann's", Grant(user="ann"))
    reader = {"Authorization": f"Bearer {plain}"}
    acting = {**admin, "X-Footnote-User": "ann"}
    path = f"/v1/sources/{source}/documents"
    for method, address in (("PUT", f"{path}/a"), ("DELETE", f"{path}/a"), ("POST", path)):
        for headers, status in (({}, 401), (reader, 403), (acting, 403), ({"Authorization": "Bearer wrong"}, 401)):
            response = await client.request(method, address, content=b"x", headers=headers)
            assert response.status_code == status, (method, headers)
    assert listed(stack, source)[0] == {}
    assert blobs_of(stack) == []


async def test_a_refused_sender_is_not_listened_to(stack: Stack, client: httpx.AsyncClient) -> None:
    source = a_source(stack, default_acl=["public"])
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 100_000

    response = await client.put(f"/v1/sources/{source}/documents/a", content=endless())
    assert response.status_code == 401
    assert taken < 3


@pytest.mark.parametrize(
    "key",
    ["..", "../a", "a/../../b", "%2e%2e/a", "a//b", "/a", "a/", "a%0Ab", "x" * 501, "mail.eml!/offer.pdf", "", "."],
)
async def test_keys_that_lead_elsewhere_are_refused(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str], key: str
) -> None:
    source = a_source(stack, default_acl=["public"])
    url = httpx.URL("http://localhost").copy_with(raw_path=f"/v1/sources/{source}/documents/{key}".encode())
    response = await client.put(url, content=b"x", headers=admin)
    assert response.status_code in (404, 405, 422), response.text
    assert listed(stack, source)[0] == {}
    assert blobs_of(stack) == []


async def test_secrets_are_never_documents(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    source = a_source(stack, default_acl=["public"])
    key = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
    for name, content in ((".env", b"PASSWORD=1"), ("notes.txt", key)):
        response = await client.put(f"/v1/sources/{source}/documents/{name}", content=content, headers=admin)
        assert (response.status_code, response.json()["type"]) == (422, "urn:footnote:problem:secret-file")
    assert blobs_of(stack) == []


async def test_other_sources_are_untouched(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    one, other = a_source(stack, default_acl=["public"]), a_source(stack, "Other", default_acl=["public"])
    for source in (one, other):
        await client.put(f"/v1/sources/{source}/documents/a", content=source, headers=admin)
    await client.delete(f"/v1/sources/{one}/documents/a", headers=admin)
    assert fetched(stack, other, "a")[0] == other.encode()
    stack.catalog.sources.remove(one)
    assert set(listed(stack, other)[0]) == {"a"}
    folder = stack.catalog.sources.create(kind="folder", name="F", config={"path": "/docs"}, interval_s=3600)
    for wrong, status in ((folder.id, 409), ("absent", 404)):
        response = await client.put(f"/v1/sources/{wrong}/documents/a", content=b"x", headers={**admin, **ACL})
        assert response.status_code == status, response.text
        assert (await client.delete(f"/v1/sources/{wrong}/documents/a", headers=admin)).status_code == status


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({}, 422, "Nothing says who may read it"),
        ({"X-Footnote-Acl": "public"}, 400, "X-Footnote-Acl is not JSON"),
        ({"X-Footnote-Acl": '["everybody"]'}, 422, "'everybody' is not an access term"),
        ({"X-Footnote-Acl": '"public"'}, 422, "acl"),
        ({**ACL, "X-Footnote-Version": "-1"}, 422, "version"),
        ({**ACL, "X-Footnote-Version": "1.5"}, 422, "version"),
        ({**ACL, "X-Footnote-Version": "99999999999999999999"}, 400, "64 bits"),
        ({**ACL, "X-Footnote-Metadata": '{"titel": "x"}'}, 422, "did you mean 'title'?"),
        ({**ACL, "X-Footnote-Metadata": '{"acl": ["public"]}'}, 422, "metadata can't hold 'acl'"),
        ({**ACL, "X-Footnote-Metadata": '{"created": "soon"}'}, 422, "is not a date"),
        ({**ACL, "X-Footnote-Uri": "javascript:alert(1)"}, 422, "address of the web"),
        ({**ACL, "X-Footnote-Metadata": b'{"title": "\xff"}'}, 400, "is not UTF-8"),
    ],
)
async def test_headers_that_cannot_be_used(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str], *, headers: dict[str, Any], status: int, said: str
) -> None:
    source = a_source(stack)
    response = await client.put(f"/v1/sources/{source}/documents/a", content=b"x", headers={**admin, **headers})
    assert (response.status_code, said in response.json()["detail"]) == (status, True), response.text
    assert blobs_of(stack) == []


async def test_a_header_that_is_sent_twice_is_refused(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    headers = [*admin.items(), ("X-Footnote-Acl", '["user:a"]'), ("X-Footnote-Acl", '["public"]')]
    response = await client.put(f"/v1/sources/{a_source(stack)}/documents/a", content=b"x", headers=headers)
    assert (response.status_code, "can be sent once" in response.json()["detail"]) == (400, True)


async def test_limits(stack: Stack, admin: dict[str, str], anyio_backend: str) -> None:
    parsing = stack.settings.parsing.model_copy(update={"max_file_mb": 1})
    stack.settings = stack.settings.model_copy(update={"parsing": parsing})
    source = a_source(stack, default_acl=["public"])
    path = f"/v1/sources/{source}/documents"
    async with serving(stack) as client:

        async def chunks(total: int) -> Any:
            for _ in range(total // 10_000):
                yield b"x" * 10_000

        large = await client.put(f"{path}/a", content=chunks(1_000_000), headers=admin)
        assert large.status_code == 202, large.text
        assert len(fetched(stack, source, "a")[0]) == 1_000_000
        for content in (chunks(1_010_000), b"x" * 1_000_001):
            over = await client.put(f"{path}/b", content=content, headers=admin)
            assert (over.status_code, "parsing.max_file_mb" in over.text) == (413, True)
        json_ = await client.put(f"{path}/b", json={"text": "x" * 6000}, headers=admin)
        assert (json_.status_code, "api.max_body_bytes" in json_.text) == (413, True)
        array = await client.post(path, json=[{"key": "b", "text": "x" * 6000}], headers=admin)
        assert (array.status_code, "api.max_body_bytes" in array.text) == (413, True)
        lines = json.dumps({"key": "b", "text": "x" * 6000}) + "\n" + json.dumps({"key": "c", "text": "x"})
        headers = {**admin, "Content-Type": "application/x-ndjson"}
        found = (await client.post(path, content=lines, headers=headers)).json()["results"]
        assert [result["outcome"] for result in found] == ["refused", "stored"]
        other = await client.post(path, content=b"x", headers={**admin, "Content-Type": "text/csv"})
        assert other.status_code == 415
        elsewhere = await client.post("/v1/sources", json={"name": "x" * 6000}, headers=admin)
        assert elsewhere.status_code == 413
    assert set(listed(stack, source)[0]) == {"a", "c"}


async def test_a_queue_that_is_down_loses_nothing(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    source = a_source(stack, default_acl=["public"])
    stack.ingestion.down = True
    response = await client.put(f"/v1/sources/{source}/documents/a", content=b"x", headers=admin)
    assert (response.status_code, response.json()["outcome"], response.json()["run"]) == (202, "stored", None)
    assert set(listed(stack, source)[0]) == {"a"}


async def test_pushes_leave_a_trail(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    source = a_source(stack)
    path = f"/v1/sources/{source}/documents"
    await client.put(f"{path}/a", content=b"secret words", headers={**admin, **ACL})
    await client.put(f"{path}/b", content=b"x", headers=admin)
    await client.delete(f"{path}/a", headers=admin)
    await client.post(path, json=[{"key": "c", "text": "x", "acl": ["public"]}, {"key": "d"}], headers=admin)
    events = list(reversed((await client.get("/v1/audit?action=document", headers=admin)).json()["events"]))
    told = [(e["action"], e["outcome"], e["object_id"]) for e in events if e["action"].startswith("document.")]
    assert told == [
        ("document.push", "done", source),
        ("document.push", "failed", source),
        ("document.delete", "done", source),
        ("document.push_many", "done", source),
    ]
    assert "secret words" not in json.dumps(events)


def test_the_kind_is_known(stack: Stack) -> None:
    assert connector_class("push") is PushConnector
    connector = PushConnector.open(PushConnector.config_model(), context_of(stack.settings, "s1"))
    with pytest.raises(Exception, match="has no catalog"):
        list(connector.changes({}, Nothing()))
