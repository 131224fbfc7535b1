"""Who used how much of the language model."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from api.auth.key_records import Grant
from core.roles import Role
from core.settings import Settings
from generation.events import Done
from generation.models.port import Usage
from ingestion.catalog.usage import UsageOf, Used
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack, an_answer, make_settings

pytestmark = pytest.mark.anyio


def priced(stack: Stack) -> Stack:
    values = make_settings(stack.settings.data_dir).model_dump()
    usage = {
        "departments": {"eng": "Engineering", "hr": "HR"},
        "prices": [{"model": "fake", "input": 2.0, "output": 10.0}],
    }
    made = Stack(Settings.model_validate({**values, "usage": usage}))
    made.answerer.script = [*an_answer()[:-1], Done(finish_reason="stop", usage=Usage(1000, 100))]
    return made


async def test_usage_by_department_and_key_with_its_cost(stack: Stack) -> None:
    made = priced(stack)
    keys = {}
    for user, groups in (("ann", ("hr",)), ("bob", ("hr", "eng")), ("cy", ())):
        record, plain = made.keys.create(user, Grant(user=user, groups=groups))
        keys[user] = (record.id, {"Authorization": f"Bearer {plain}"})
    _, plain = made.keys.create("Auditor", Grant(roles=(Role.AUDITOR,)))
    auditor = {"Authorization": f"Bearer {plain}"}
    async with serving(made) as client:
        for user in ("ann", "ann", "bob", "cy"):
            answered = await client.post("/v1/answers", json={"question": "x"}, headers=keys[user][1])
            assert answered.status_code == 200
        made.usage.flush()

        async def found(**params: Any) -> dict[str, Any]:
            body = (await client.get("/v1/usage", params=params, headers=auditor)).json()
            return {one.pop("name"): one for one in body["usage"]}

        by_department = await found()
        assert set(by_department) == {"", "HR", "Engineering"}
        assert by_department["HR"] == {"answers": 2, "input_tokens": 2000, "output_tokens": 200, "cost": 0.006}
        assert (await found(by="key"))[keys["ann"][0]]["answers"] == 2
        assert (await found(by="model"))["fake"]["answers"] == 4
        assert list(await found(by="day", since="2999-01-01", until="2999-01-02")) == []
        assert (await client.get("/v1/usage?by=person", headers=auditor)).status_code == 422
        for headers, status in (({}, 401), (keys["ann"][1], 403)):
            assert (await client.get("/v1/usage", headers=headers)).status_code == status
    labels = {"department": "HR", "key": keys["ann"][0]}
    assert REGISTRY.get_sample_value("footnote_cost_total", labels) == pytest.approx(0.006)
    made.catalog.close()


async def test_a_model_without_a_price_has_no_cost(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    today = date(2026, 3, 1)
    for _ in range(2):  # two processes, or two flushes
        stack.catalog.usage.add({UsageOf(today, "", "HR", "other"): Used(1, 10, 1)})
    body = (await client.get("/v1/usage?since=2026-03-01&until=2026-03-01", headers=admin)).json()
    assert body["usage"] == [{"name": "HR", "answers": 2, "input_tokens": 20, "output_tokens": 2, "cost": None}]


@pytest.mark.parametrize("asked", ["usage?until=0", "usage?since=20260101", "audit?until=0.5", "audit?since=17"])
async def test_a_number_is_no_date(client: httpx.AsyncClient, admin: dict[str, str], asked: str) -> None:
    refused = await client.get(f"/v1/{asked}", headers=admin)
    assert refused.status_code == 422
    assert "2026-01-31" in refused.text
