"""The candidate is asked without being shown: whom it costs nothing, what is kept, and who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import update

from api.auth.key_records import Grant
from api.usage import SHADOW
from core.principal import AccessList, Principal
from core.roles import Role
from core.settings import Settings
from generation.events import Done, SourceRef, Sources
from generation.models.port import Usage
from generation.question import Question
from ingestion.catalog.tables import DocumentRow
from tests.unit.api.canary.test_canary import ADMIN, trying
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack, a_chunk, an_answer

pytestmark = pytest.mark.anyio


QUESTION = Question(text="x", principal=Principal(), answer_id="a", conversation_id="c")


def dropped(why: str) -> float:
    return REGISTRY.get_sample_value("footnote_canary_shadows_dropped_total", {"why": why}) or 0


def shadowing(folder: Path, **canary: Any) -> Settings:
    return trying(folder, **{"share": 0, "shadow": 100, **canary})


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(shadowing(tmp_path))
    made.answerer.script = an_answer()
    used = Done(finish_reason="stop", usage=Usage(10, 5), model="m")
    made.candidate.script = [*an_answer()[:-1], used]
    made.canary.refresh()
    yield made
    made.catalog.close()


async def asked(client: httpx.AsyncClient, key: str, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    return (await client.post("/v1/answers", json={"question": "x", **more}, headers=headers)).json()


async def until_answered(stack: Stack, answers: int) -> None:
    with anyio.fail_after(10):
        while True:
            stack.canary.refresh()
            if stack.canary.standing().sums["shadow"].answers >= answers:
                return
            await anyio.lowlevel.checkpoint()


async def test_a_question_is_asked_again_in_its_readers_name_and_nobody_is_shown_the_answer(stack: Stack) -> None:
    _, key = stack.keys.create("ann", Grant(user="ann"))
    async with serving(stack) as client:
        told = await asked(client, key)
        assert told["arm"] == "baseline"
        await until_answered(stack, 1)
        question = stack.candidate.question
        assert question.principal == stack.answerer.question.principal
        assert (question.pipeline, question.fresh) == ("lexical", True)
        assert question.answer_id != told["answer_id"]
        turns = stack.catalog.conversations.turns(told["conversation_id"])
        assert [turn.answer_id for turn in turns] == [told["answer_id"]]
        found = (await client.get("/v1/canary", headers=ADMIN)).json()
        assert (found["shadow"]["answers"], found["candidate"]["answers"], found["running"]) == (1, 0, True)
    stack.usage.flush()
    today = stack.catalog.clock.now().date()
    assert [(whose, used.input_tokens) for whose, _, used in stack.catalog.usage.sums("department", today, today)] == [
        (SHADOW, 10)
    ]


async def test_pairs_are_kept_for_who_may_read_both_and_go_with_the_conversation(stack: Stack) -> None:
    _, key = stack.keys.create("ann", Grant(user="ann"))
    async with serving(stack) as client:
        first = await asked(client, key)
        await until_answered(stack, 1)
        await asked(client, key, conversation_id=first["conversation_id"])  # leans on what was said: only counted
        await asked(client, key, keep=False)
        await until_answered(stack, 3)
        [kept] = stack.catalog.shadows.list(stack.canary.id, 10)
        assert (kept.turn.answer_id, kept.answer["arm"]) == (first["answer_id"], "candidate")
        assert kept.documents  # none of which is in the catalog, so nobody may read it
        found = (await client.get("/v1/canary/shadows", headers=ADMIN)).json()
        assert found == {"pairs": [], "withheld": 1, "more": False}
        await client.delete(f"/v1/conversations/{first['conversation_id']}", headers={"Authorization": f"Bearer {key}"})
        assert stack.catalog.shadows.list(stack.canary.id, 10) == []


async def test_a_pair_is_shown_while_its_documents_say_what_they_said(stack: Stack) -> None:
    for document in ("d1", "d2"):
        stack.add_document(document, AccessList.everyone())
    other = Sources(sources=(SourceRef.of(1, replace(a_chunk(), document_id="d2")),))
    stack.candidate.script = [other if isinstance(one, Sources) else one for one in stack.candidate.script]
    _, key = stack.keys.create("ann", Grant(user="ann"))
    async with serving(stack) as client:
        told = await asked(client, key)
        with anyio.fail_after(10):
            while not stack.catalog.shadows.list(stack.canary.id, 1):
                await anyio.lowlevel.checkpoint()
        [pair] = (await client.get("/v1/canary/shadows", headers=ADMIN)).json()["pairs"]
        assert (pair["id"], pair["candidate"]["arm"]) == (told["answer_id"], "candidate")
        with stack.catalog.database.write() as connection:
            connection.execute(update(DocumentRow).where(DocumentRow.id == "d2").values(content_hash="e" * 64))
        found = (await client.get("/v1/canary/shadows", headers=ADMIN)).json()
        assert (found["pairs"], found["withheld"]) == ([], 1)


async def test_readers_and_reviewers_see_no_shadows(stack: Stack) -> None:
    async with serving(stack) as client:
        for role in (Role.READER, Role.REVIEWER, Role.CURATOR):
            _, key = stack.keys.create(role, Grant(user=role, roles=(role,)))
            refused = await client.get("/v1/canary/shadows", headers={"Authorization": f"Bearer {key}"})
            assert refused.status_code == 403


def test_what_does_not_fit_is_left_out_and_counted(tmp_path: Path) -> None:
    made = Stack(shadowing(tmp_path, shadow_daily=10))
    made.services()
    made.canary.refresh()
    queue, day = dropped("queue"), dropped("day")
    for _ in range(9):
        made.shadow.offer(QUESTION, kept=False)
    assert dropped("queue") == queue + 1
    made.shadow._asked = made.shadow._asked[0], 10
    made.shadow.offer(QUESTION, kept=False)
    assert dropped("day") == day + 1
    made.catalog.close()


async def test_a_candidate_that_fails_ends_nothing(stack: Stack) -> None:
    stack.candidate.script = [*an_answer()[:2], RuntimeError("broken")]
    _, key = stack.keys.create("ann", Grant(user="ann"))
    async with serving(stack) as client:
        for at in range(2):
            assert (await asked(client, key))["done"]["finish_reason"] == "stop"
            await until_answered(stack, at + 1)
    assert stack.canary.standing().sums["shadow"].errors == 2
    assert stack.catalog.shadows.list(stack.canary.id, 10) == []
