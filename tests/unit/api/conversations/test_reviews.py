"""Reviews of answers over HTTP: drawn on demand or each week, and shown to who may read all of their documents."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api.auth.key_records import Grant
from api.reviewing import sample_week
from core.principal import AccessList
from core.roles import Role
from ingestion.catalog.conversation_rows import TURNS
from ingestion.catalog.tables import DocumentRow
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack, an_answer, with_conversations

pytestmark = pytest.mark.anyio

HR = AccessList(groups=frozenset({"hr"}))
GOOD = {"groundedness": 5, "relevance": 4, "coherence": None, "faithfulness": 5}
SECRET = "28 days"


def reviewing(stack: Stack, **values: Any) -> None:
    review = stack.settings.review.model_copy(update={"weekly": 100, "twice": 0.0, **values})
    stack.settings = stack.settings.model_copy(update={"review": review})


def key_of(stack: Stack, name: str, *groups: str, role: Role = Role.REVIEWER) -> dict[str, str]:
    _, key = stack.keys.create(name, Grant(user=name, groups=groups, roles=(role,)))
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
async def client(stack: Stack, anyio_backend: str) -> Any:
    reviewing(stack)
    async with serving(stack) as made:
        yield made


@pytest.fixture
async def answer(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> str:
    """An answer to Ida from a document of HR, drawn for review."""
    stack.add_document("d1", HR, facts={"department": "HR"})
    stack.answerer.script = an_answer()
    ida = key_of(stack, "ida", "hr", role=Role.READER)
    asked = await client.post("/v1/answers", json={"question": "How much leave?"}, headers=ida)
    drawn = await client.post("/v1/reviews/sample", headers=admin)
    assert (drawn.status_code, drawn.json()["pairs"]) == (201, 1)
    return str(asked.json()["answer_id"])


async def next_of(client: httpx.AsyncClient, headers: dict[str, str]) -> Any:
    return (await client.get("/v1/reviews/next", headers=headers)).json()["pairs"]


async def test_a_reviewer_is_shown_an_answer_and_says_what_it_is_worth(
    stack: Stack, client: httpx.AsyncClient, answer: str
) -> None:
    ann = key_of(stack, "ann", "hr")
    await client.put(f"/v1/answers/{answer}/feedback", json={"rating": "down"}, headers=key_of(stack, "ida", "hr"))
    [pair] = await next_of(client, ann)
    assert (pair["id"], pair["question"], pair["answer"]["citations"][0]["quote"]) == (
        answer, "How much leave?", "Everybody has 28 days of leave.",
    )  # fmt: skip
    assert not {"owner", "outcome", "feedback", "weight"} & pair.keys()
    said = await client.put(
        f"/v1/reviews/{answer}", json={**GOOD, "cause": "writing", "comment": " Long. "}, headers=ann
    )
    assert said.status_code == 204
    assert await next_of(client, ann) == []
    [progress] = (await client.get("/v1/reviews", headers=ann)).json()["samples"]
    assert (progress["wanted"], progress["done"], progress["mine"], progress["overdue"]) == (1, 1, 1, False)
    [label] = (await client.get("/v1/reviews/labels", headers=ann)).json()["labels"]
    assert (label["scores"], label["cause"], label["comment"], label["reviewer"]) == (
        GOOD, "writing", "Long.", "user:ann",
    )  # fmt: skip
    assert (label["department"], label["outcome"], label["weight"]) == ("HR", "answered", 1)


@pytest.mark.parametrize("gone", [{"acl": ["group:board"]}, {"state": "deleting"}])
async def test_who_may_not_read_a_document_is_told_nothing_of_its_answers(
    stack: Stack, client: httpx.AsyncClient, answer: str, admin: dict[str, str], gone: dict[str, Any]
) -> None:
    ann, eve = key_of(stack, "ann", "hr"), key_of(stack, "eve", "sales")

    async def told(headers: dict[str, str]) -> bool:
        listed = [await client.get(f"/v1/reviews{path}", headers=headers) for path in ("", "/next", "/labels")]
        assert all(response.status_code == 200 for response in listed)
        said = await client.put(f"/v1/reviews/{answer}", json={**GOOD, "comment": f"It is {SECRET}."}, headers=headers)
        text = "".join(response.text for response in listed)
        assert ("leave" in text) == (SECRET in text) == (said.status_code == 204)
        return said.status_code == 204

    assert not await told(eve)
    assert not await told(admin)
    assert await told(ann)
    assert [await told(ann), await told(eve), await told(admin)] == [True, False, False]
    [label] = (await client.get("/v1/reviews/labels", headers=eve)).json()["labels"]
    assert (label["comment"], label["department"], label["pair"]) == ("", "", None)
    with stack.catalog.database.write() as connection:
        connection.execute(update(DocumentRow).values(**gone))
    assert not await told(ann)


async def test_a_question_may_repeat_what_an_earlier_answer_said(
    stack: Stack, client: httpx.AsyncClient, answer: str, admin: dict[str, str]
) -> None:
    conversation = stack.catalog.conversations.turn(answer).conversation_id
    later = "b" * 32
    stack.catalog.conversations.begin_turn("user:ida", later, f"Why {SECRET}?", {}, conversation_id=conversation)
    body = dict(stack.catalog.conversations.turn(answer).answer or {}, sources=[], citations=[])
    stack.catalog.conversations.end_turn(later, "done", body, {})
    assert (await client.post("/v1/reviews/sample", headers=admin)).json()["pairs"] == 1
    assert SECRET not in str(await next_of(client, key_of(stack, "eve")))
    shown = await client.get("/v1/reviews/next?limit=9", headers=key_of(stack, "ann", "hr"))
    assert {pair["id"] for pair in shown.json()["pairs"]} == {answer, later}


async def test_reviewing_takes_the_role_and_a_name(
    stack: Stack, client: httpx.AsyncClient, answer: str, admin: dict[str, str]
) -> None:
    reader = key_of(stack, "bob", "hr", role=Role.READER)
    acting = {**admin, "X-Footnote-User": "ida", "X-Footnote-Groups": "hr"}
    for headers, status in ((reader, 403), (acting, 403), ({}, 401)):
        for method, path in (
            ("GET", ""),
            ("GET", "/next"),
            ("GET", "/labels"),
            ("PUT", f"/{answer}"),
            ("POST", "/sample"),
        ):
            body = GOOD if method == "PUT" else None
            response = await client.request(method, f"/v1/reviews{path}", json=body, headers=headers)
            assert response.status_code == status, (method, path)
    ann = key_of(stack, "ann", "hr")
    assert (await client.post("/v1/reviews/sample", headers=ann)).status_code == 403
    own = await client.put(f"/v1/reviews/{answer}", json=GOOD, headers=key_of(stack, "ida", "hr"))
    assert own.status_code == 404


async def test_two_judge_by_themselves(stack: Stack, client: httpx.AsyncClient, answer: str) -> None:
    with stack.catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE review_pairs SET wanted = 2")
    ann, ben, third = (key_of(stack, name, "hr") for name in ("ann", "ben", "cleo"))
    await client.put(f"/v1/reviews/{answer}", json={**GOOD, "comment": "Ann's view"}, headers=ann)
    for path in ("", "/next", "/labels"):
        assert "Ann" not in (await client.get(f"/v1/reviews{path}", headers=ben)).text
    await client.put(f"/v1/reviews/{answer}", json={**GOOD, "relevance": 1}, headers=ben)
    assert len((await client.get("/v1/reviews/labels", headers=ben)).json()["labels"]) == 2
    refused = await client.put(f"/v1/reviews/{answer}", json=GOOD, headers=third)
    assert (refused.status_code, "Enough reviewers" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({**GOOD, "relevance": 6}, "less than or equal to 5"),
        ({**GOOD, "relevance": 0}, "greater than or equal to 1"),
        ({**GOOD, "relevance": "4"}, "integer"),
        ({"relevance": 4}, "groundedness"),
        ({**GOOD, "cause": "bad luck"}, "retrieval"),
    ],
)
async def test_what_is_no_review_is_refused(
    stack: Stack, client: httpx.AsyncClient, answer: str, body: dict[str, Any], said: str
) -> None:
    refused = await client.put(f"/v1/reviews/{answer}", json=body, headers=key_of(stack, "ann", "hr"))
    assert (refused.status_code, said in refused.text) == (422, True), refused.text


async def test_nothing_is_drawn_without_consent(stack: Stack, admin: dict[str, str]) -> None:
    async with serving(stack) as client:
        refused = await client.post("/v1/reviews/sample", headers=admin)
        assert (refused.status_code, "review.weekly" in refused.json()["detail"]) == (422, True)
    sample_week(stack.services())
    reviewing(stack)
    stack.settings = with_conversations(stack.settings, keep=False)
    async with serving(stack) as client:
        assert "conversations.keep" in (await client.post("/v1/reviews/sample", headers=admin)).json()["detail"]
    sample_week(stack.services())
    assert stack.catalog.reviews.progress("nobody") == []


async def test_each_week_is_drawn_once_when_it_has_ended(stack: Stack) -> None:
    stack.catalog.conversations.begin_turn("user:ida", "a" * 32, "How?", {})
    stack.catalog.conversations.end_turn("a" * 32, "done", {"abstained": None, "verdicts": [], "sources": []}, {})
    with stack.catalog.database.write() as connection:
        connection.execute(update(TURNS).values(asked_at=stack.catalog.clock.now() - timedelta(days=7)))
    reviewing(stack)
    async with serving(stack) as client:
        task = client.app.state.background.reviews  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            while not task.done:
                await asyncio.sleep(0)
    [sample] = stack.catalog.reviews.progress("nobody")
    last_week = stack.catalog.clock.now() - timedelta(days=7)
    assert (sample.sample, sample.pairs) == (f"{last_week:%G-W%V}", 1)
    sample_week(stack.services())
    assert len(stack.catalog.reviews.progress("nobody")) == 1
