"""A canary over the real parts: routing, a generation of its own, what is kept with the turn, and its end elsewhere."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.wiring import Services, wire
from core.chunk import EmbeddedChunk
from core.settings import Settings
from tests.unit.api.fakes import a_chunk

ADMIN = {"Authorization": "Bearer an-administrators-key-for-tests"}
ARMS = ("baseline", "candidate")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def put_into_a_generation_beside(services: Services) -> str:
    """A passage that only a generation has which isn't live; its name."""
    index, embedder = services.index.get(), services.embedder.get()
    beside = index.begin(embedder.name, embedder.dimensions).name
    chunk = a_chunk()
    index.for_generation(beside).upsert([EmbeddedChunk(chunk, embedder.embed_passages([chunk.text]))])
    index.for_generation(beside).refresh()
    return beside


async def test_conversations_go_to_both_arms_until_another_process_stops_it(home: Path) -> None:
    canary = {"share": 25, "pipeline": "lexical", "generation": "g000002"}
    api = {"admin_key": ADMIN["Authorization"].removeprefix("Bearer ")}
    settings = Settings.model_validate({"data_dir": home, "api": api, "canary": canary})
    services, other = wire(settings), wire(settings)
    services.canary.refresh()
    assert not services.canary.running  # the generation isn't there
    assert put_into_a_generation_beside(services) == "g000002"
    app = create_app(services=services)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=ADMIN, timeout=60) as client,
    ):
        services.candidate.get().warm_up()
        services.canary.refresh()
        named = {arm: next(str(at) for at in range(1000) if services.canary.arm(str(at)) == arm) for arm in ARMS}
        for arm, conversation in named.items():
            asked = {"question": "How much leave?", "conversation_id": conversation, "keep": False}
            answered = (await client.post("/v1/answers", json=asked)).json()
            assert answered["arm"] == arm
            assert [one["document_id"] for one in answered["sources"]] == (["d1"] if arm == "candidate" else [])
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
