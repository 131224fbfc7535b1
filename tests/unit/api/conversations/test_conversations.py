"""Conversations over HTTP: kept for who asked, and shown as far as their reader may read what they were made from."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api.auth.key_records import Grant
from api.auth.scopes import Scope
from core.principal import AccessList
from generation.events import Done, Token
from ingestion.catalog.tables import DocumentRow
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack, an_answer, with_conversations

pytestmark = pytest.mark.anyio

SAID = "Everybody has 28 days of leave."
HR = AccessList(groups=frozenset({"hr"}))


def user(stack: Stack, name: str, *groups: str) -> dict[str, str]:
    """Headers with a key of this user."""
    _, key = stack.keys.create(name, Grant(user=name, groups=groups))
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def ida(stack: Stack) -> dict[str, str]:
    stack.add_document("d1", HR)
    stack.answerer.script = an_answer()
    return user(stack, "ida", "hr")


@pytest.fixture
def eve(stack: Stack) -> dict[str, str]:
    return user(stack, "eve")


async def ask(
    client: httpx.AsyncClient, headers: dict[str, str], question: str = "How much leave?", **more: Any
) -> Any:
    response = await client.post("/v1/answers", json={"question": question, **more}, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def shown(client: httpx.AsyncClient, headers: dict[str, str], conversation: str) -> Any:
    return (await client.get(f"/v1/conversations/{conversation}", headers=headers)).json()


def change(stack: Stack, **values: Any) -> None:
    with stack.catalog.database.write() as connection:
        connection.execute(update(DocumentRow).values(**values))


async def test_a_conversation_is_kept_and_gone_on_with(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]
) -> None:
    first = await ask(client, ida, filters={"department": ["HR"]})
    await ask(client, ida, "And for part-timers?", conversation_id=first["conversation_id"])
    assert [message.content for message in stack.answerer.question.history] == ["How much leave?", SAID]
    [listed] = (await client.get("/v1/conversations", headers=ida)).json()["conversations"]
    assert (listed["title"], listed["mine"], listed["shared"]) == ("How much leave?", True, None)
    turns = (await shown(client, ida, listed["id"]))["turns"]
    assert [turn["question"] for turn in turns] == ["How much leave?", "And for part-timers?"]
    assert [turn["state"] for turn in turns] == ["done", "done"]
    assert turns[0]["answer"]["answer"] == SAID
    assert turns[0]["answer"]["citations"] == first["citations"]
    assert turns[0]["filters"] == {"department": ["HR"]}
    assert turns[0]["sources"][0]["changed"] is False


async def test_streams_are_kept_before_they_end(stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]) -> None:
    await client.post("/v1/answers", json={"question": "x"}, headers={**ida, "accept": "text/event-stream"})
    [listed] = (await client.get("/v1/conversations", headers=ida)).json()["conversations"]
    [turn] = (await shown(client, ida, listed["id"]))["turns"]
    assert turn["answer"]["answer"] == SAID
    resumed = await client.get(f"/v1/answers/{turn['answer_id']}/events", headers=ida)
    assert resumed.text.count("event: done") == 1
    assert stack.answerer.calls == 1


async def test_it_is_nobody_elses(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str], eve: dict[str, str], admin: dict[str, str]
) -> None:
    answer = await ask(client, ida)
    path, answer_path = f"/v1/conversations/{answer['conversation_id']}", f"/v1/answers/{answer['answer_id']}"
    also_eve = {**admin, "X-Footnote-User": "eve"}
    for headers in (eve, admin, also_eve, {}):
        for method, where, body in (
            ("GET", path, None),
            ("GET", f"{path}/export", None),
            ("GET", f"{path}/export?format=json", None),
            ("PATCH", path, {"title": "Mine"}),
            ("PUT", f"{path}/share", {"everybody": True}),
            ("DELETE", f"{path}/share", None),
            ("DELETE", path, None),
            ("GET", f"{answer_path}/events", None),
            ("POST", f"{answer_path}/stop", None),
        ):
            response = await client.request(method, where, json=body, headers=headers)
            assert response.status_code == 404, (method, where, response.text)
        for method, where, body in (
            ("PUT", f"{answer_path}/feedback", {"rating": "up"}),
            ("DELETE", f"{answer_path}/feedback", None),
            ("POST", f"{answer_path}/outdated", {"document_id": "d1"}),
        ):
            response = await client.request(method, where, json=body, headers=headers)
            assert response.status_code == (404 if headers else 401), (method, where, response.text)
        assert (await client.get("/v1/conversations", headers=headers)).json()["conversations"] == []
        if headers:
            taken = {"question": "x", "conversation_id": answer["conversation_id"]}
            assert (await client.post("/v1/answers", json=taken, headers=headers)).status_code == 404
    assert stack.answerer.calls == 1
    assert (await shown(client, ida, answer["conversation_id"]))["title"] == "How much leave?"


@pytest.mark.parametrize("values", [{"acl": ["group:board"]}, {"state": "deleting"}])
async def test_what_may_not_be_read_any_more_is_gone(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str], values: dict[str, Any]
) -> None:
    answer = await ask(client, ida)
    conversation = answer["conversation_id"]
    await client.post("/v1/answers", json={"question": "x"}, headers={**ida, "accept": "text/event-stream"})
    change(stack, **values)
    path = f"/v1/conversations/{conversation}"
    for where in (path, f"{path}/export", f"{path}/export?format=json"):
        response = await client.get(where, headers=ida)
        for secret in ("28 days", "Leave policy", "leave.md", "Days"):
            assert secret not in response.text, (where, secret)
    [turn] = (await shown(client, ida, conversation))["turns"]
    assert (turn["withheld"], turn["answer"], turn["sources"]) == (True, None, [])
    await ask(client, ida, "And?", conversation_id=conversation)
    assert [message.content for message in stack.answerer.question.history] == ["How much leave?"]
    resumed = await client.get(f"/v1/answers/{answer['answer_id']}/events", headers=ida)
    assert resumed.status_code == 404
    change(stack, acl=["group:hr"], state="indexed")
    assert (await shown(client, ida, conversation))["turns"][0]["answer"]["answer"] == SAID


async def test_a_key_that_does_not_reach_the_source_is_not_told(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]
) -> None:
    conversation = (await ask(client, ida))["conversation_id"]
    elsewhere = Grant(user="ida", groups=("hr",), scope=Scope(sources=("0" * 32,)))
    limited = {"Authorization": f"Bearer {stack.keys.create('limited', elsewhere)[1]}"}
    [turn] = (await shown(client, limited, conversation))["turns"]
    assert (turn["withheld"], turn["sources"]) == (True, [])


async def test_a_changed_source_is_said_to_be(stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]) -> None:
    answer = await ask(client, ida)
    change(stack, content_hash="e" * 64)
    [turn] = (await shown(client, ida, answer["conversation_id"]))["turns"]
    assert turn["sources"][0]["changed"] is True
    assert turn["answer"]["citations"][0]["quote"] == SAID  # as it was then
    exported = (await client.get(f"/v1/conversations/{answer['conversation_id']}/export", headers=ida)).text
    assert "has changed since" in exported


async def test_sharing_shows_each_reader_what_they_may_read(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str], eve: dict[str, str]
) -> None:
    bob = user(stack, "bob", "hr")
    conversation = (await ask(client, ida))["conversation_id"]
    path = f"/v1/conversations/{conversation}"
    shared = await client.put(f"{path}/share", json={"users": ["eve"], "groups": ["hr"]}, headers=ida)
    assert shared.json()["shared"] == {"everybody": False, "users": ["eve"], "groups": ["hr"]}
    for_bob = await shown(client, bob, conversation)
    assert (for_bob["mine"], for_bob["shared"]) == (False, None)
    assert for_bob["turns"][0]["answer"]["answer"] == SAID
    for_eve = await client.get(path, headers=eve)
    assert for_eve.json()["turns"][0]["withheld"]
    assert "28 days" not in for_eve.text
    assert "Leave policy" not in for_eve.text
    taken = {"question": "x", "conversation_id": conversation}
    assert (await client.post("/v1/answers", json=taken, headers=bob)).status_code == 404  # it is read, not written
    await client.put(f"{path}/share", json={"everybody": True}, headers=ida)
    assert (await client.get(path, headers=user(stack, "zoe"))).status_code == 200
    assert (await client.get(path)).status_code == 404  # everybody who has signed in
    await client.delete(f"{path}/share", headers=ida)
    assert (await client.get(path, headers=bob)).status_code == 404
    assert (await client.put(f"{path}/share", json={}, headers=ida)).status_code == 422
    await client.delete(path, headers=ida)
    await client.delete(path, headers=eve)
    deeds = [entry for entry in stack.catalog.audit.list() if entry.action.startswith("conversation.")]
    ended = [(entry.action, entry.outcome, entry.user) for entry in reversed(deeds) if entry.outcome != "begun"]
    assert ended == [
        ("conversation.share", "done", "ida"),
        ("conversation.share", "done", "ida"),
        ("conversation.unshare", "done", "ida"),
        ("conversation.delete", "done", "ida"),
        ("conversation.delete", "failed", "eve"),
    ]
    assert deeds[-1].detail == {"everybody": False, "users": ["eve"], "groups": ["hr"]}
    assert {entry.object_id for entry in deeds} == {conversation}


async def test_what_was_struck_out_is_told_to_nobody_who_is_let_in_later(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]
) -> None:
    conversation = (await ask(client, ida))["conversation_id"]
    path = f"/v1/conversations/{conversation}"
    await client.put(f"{path}/share", json={"everybody": True}, headers=ida)
    change(stack, acl=["public"], content_hash="e" * 64)
    for_zoe = await client.get(path, headers=user(stack, "zoe"))
    [turn] = for_zoe.json()["turns"]
    assert (turn["withheld"], turn["sources"]) == (True, [])
    assert "28 days" not in for_zoe.text
    assert (await shown(client, ida, conversation))["turns"][0]["answer"]["answer"] == SAID


async def test_asking_again_stands_in_its_place(stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]) -> None:
    first = await ask(client, ida)
    conversation = first["conversation_id"]
    second = await ask(client, ida, "Second?", conversation_id=conversation)
    await ask(client, ida, "Third?", conversation_id=conversation)
    await ask(client, ida, "Second, in other words?", conversation_id=conversation, replaces=second["answer_id"])
    assert stack.answerer.question.fresh
    assert len(stack.answerer.question.history) == 2
    turns = (await shown(client, ida, conversation))["turns"]
    assert [turn["question"] for turn in turns] == ["How much leave?", "Second, in other words?"]
    gone = {"question": "x", "conversation_id": conversation, "replaces": second["answer_id"]}
    assert (await client.post("/v1/answers", json=gone, headers=ida)).status_code == 404
    alone = {"question": "x", "replaces": second["answer_id"]}
    assert (await client.post("/v1/answers", json=alone, headers=ida)).status_code == 422


async def test_searching_renaming_and_deleting(stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]) -> None:
    leave = await ask(client, ida, "How much LEAVE is there in Überlingen?")
    await ask(client, ida, "100% of what_is?")

    async def found(words: str) -> list[str]:
        listed = (await client.get("/v1/conversations", params={"q": words}, headers=ida)).json()
        return [one["title"] for one in listed["conversations"]]

    assert await found("überlingen") == ["How much LEAVE is there in Überlingen?"]
    assert await found("0% of") == ["100% of what_is?"]
    assert await found("what%is") == []
    assert await found("28 days") == []  # answers aren't looked through
    path = f"/v1/conversations/{leave['conversation_id']}"
    assert (await client.patch(path, json={"title": "  My  leave "}, headers=ida)).json()["title"] == "My leave"
    assert await found("my leave") == ["My leave"]
    assert (await client.patch(path, json={"title": " "}, headers=ida)).status_code == 422
    assert (await client.delete(path, headers=ida)).json() == {"deleted": 1}
    assert (await client.get(path, headers=ida)).status_code == 404
    assert (await client.delete("/v1/conversations", headers=ida)).json() == {"deleted": 1}
    assert await found("") == []
    assert (await client.delete("/v1/conversations")).status_code == 401


async def test_nothing_is_kept_where_that_is_asked_for(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]
) -> None:
    await ask(client, ida, keep=False)
    await ask(client, {}, conversation_id="any-name")  # a reader without a name
    assert (await client.get("/v1/conversations", headers=ida)).json() == {
        "conversations": [], "total": 0, "kept": True,
    }  # fmt: skip
    await ask(client, ida)
    stack.settings = with_conversations(stack.settings, keep=False)
    async with serving(stack) as other:
        await ask(other, ida, "More?", conversation_id="any-name")
        assert (await other.get("/v1/conversations", headers=ida)).json()["kept"] is False
        task = other.app.state.background.conversations  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            while not task.done:
                await asyncio.sleep(0)
    assert stack.catalog.conversations.list("user:ida") == ([], 0)


async def test_an_answer_goes_on_when_it_cannot_be_kept(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.errors import StorageUnavailable

    def full(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("The disk is full.")

    monkeypatch.setattr(stack.catalog.conversations, "begin_turn", full)
    answer = await ask(client, ida)
    assert answer["answer"] == SAID
    assert any(why.startswith("conversation:") for why in answer["done"]["degraded"])


async def test_a_stopped_answer_keeps_what_was_written(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]
) -> None:
    stack.answerer.script = [*an_answer()[:3], Token(text="Everybody has"), asyncio.Event(), Done(finish_reason="stop")]
    asking = asyncio.create_task(
        client.post("/v1/answers", json={"question": "x"}, headers={**ida, "accept": "text/event-stream"})
    )
    await asyncio.wait_for(stack.answerer.waiting.wait(), 10)
    answer_id = stack.answerer.question.answer_id
    assert (await client.post(f"/v1/answers/{answer_id}/stop", headers=ida)).json() == {"stopped": True}
    response = await asyncio.wait_for(asking, 10)
    assert '"finish_reason":"stopped"' in response.text
    assert stack.answerer.closed_early
    [turn] = (await shown(client, ida, stack.answerer.question.conversation_id))["turns"]
    assert (turn["state"], turn["answer"]["answer"]) == ("stopped", "Everybody has")


async def test_a_markdown_export_has_footnotes_and_no_markup_of_others(
    stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]
) -> None:
    answer = await ask(client, ida, "Is <script>alert(1)</script> *bold*?")
    response = await client.get(f"/v1/conversations/{answer['conversation_id']}/export", headers=ida)
    assert response.headers["content-disposition"].endswith('.md"')
    assert f"{SAID}[^1-1]" in response.text
    assert "[^1-1]: **Leave policy**, page 2" in response.text
    assert "<script>" not in response.text.replace("\\<", "")
    as_json = await client.get(f"/v1/conversations/{answer['conversation_id']}/export?format=json", headers=ida)
    assert as_json.json()["turns"][0]["answer"]["citations"][0]["quote"] == SAID


async def test_resuming_by_the_same_request(stack: Stack, client: httpx.AsyncClient, ida: dict[str, str]) -> None:
    streaming = {**ida, "accept": "text/event-stream"}
    await client.post("/v1/answers", json={"question": "x"}, headers=streaming)
    answer_id = stack.answerer.question.answer_id
    go_on = {**streaming, "Last-Event-ID": f"{answer_id}.4"}
    again = await client.post("/v1/answers", json={"question": "x"}, headers=go_on)
    assert [line for line in again.text.split("\n") if line.startswith("event")] == ["event: citation", "event: done"]
    assert stack.answerer.calls == 1
    for forged, status in (("7", 400), (f"{answer_id}.99", 400), (f"{'f' * 32}.1", 404), ("a b.1", 400)):
        headers = {**streaming, "Last-Event-ID": forged}
        assert (await client.post("/v1/answers", json={"question": "x"}, headers=headers)).status_code == status, forged
        wanted = status if status == 400 and forged.startswith(answer_id) else {400, 404}
        got = (await client.get(f"/v1/answers/{answer_id}/events", headers=headers)).status_code
        assert got == wanted or got in {400, 404}
