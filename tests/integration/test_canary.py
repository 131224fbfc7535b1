"""A canary over the real parts: routing, what is kept with the turn, and its end in another process."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.wiring import wire
from core.settings import Settings

ADMIN = {"Authorization": "Bearer an-administrators-key-for-tests"}
ARMS = ("baseline", "candidate")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_conversations_go_to_both_arms_until_another_process_stops_it(home: Path) -> None:
    settings = Settings.model_validate(
        {
            "data_dir": home,
            "api": {"admin_key": ADMIN["Authorization"].removeprefix("Bearer ")},
            "canary": {"share": 25, "pipeline": "lexical"},
        }
    )
    services, other = wire(settings), wire(settings)
    app = create_app(services=services)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=ADMIN, timeout=60) as client,
    ):
        services.canary.refresh()
        named = {arm: next(str(at) for at in range(1000) if services.canary.arm(str(at)) == arm) for arm in ARMS}
        for arm, conversation in named.items():
            asked = {"question": "How much leave?", "conversation_id": conversation, "keep": False}
            answered = (await client.post("/v1/answers", json=asked)).json()
            assert (answered["arm"], answered["done"]["finish_reason"]) == (arm, "abstain")
        kept = (await client.post("/v1/answers", json={"question": "How much leave?"})).json()
        turn = services.catalog.get().conversations.turn(kept["answer_id"])
        assert turn.answer is not None
        assert turn.answer["arm"] == services.canary.arm(kept["conversation_id"])

        services.canary.refresh()
        found = (await client.get("/v1/canary")).json()
        assert found["running"]
        assert found["baseline"]["answers"] + found["candidate"]["answers"] == 3
        assert other.canary.stop("Another process stopped it.")
        services.canary.refresh()
        last = (await client.post("/v1/answers", json={"question": "How much leave?"})).json()
        assert last["arm"] == ""
        assert (await client.get("/v1/canary")).json()["reason"] == "Another process stopped it."
    other.close()
