"""The whole service over a chat server that does whatever a chat server can do wrong."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.wiring import Services, wire
from core.chunk import Chunk, EmbeddedChunk
from core.metadata import Metadata
from core.settings import Settings
from generation.answering.writing import CHARS_PER_TOKEN, MAX_CITATIONS
from tests.integration.hostile_behaviours import BEHAVIOURS, behaviour_of
from tests.integration.hostile_model import HostileModel, serving
from tests.integration.stacks import until

DOCUMENTS = {
    "leave": "Every employee gets 25 days of paid leave a year. Leave that is not taken expires in March.",
    "sick": "Who is ill tells the manager on the first day.\n\nA doctor's note is due after three days of being ill.",
    "canteen": "The canteen opens at noon every day. It closes at two.",
}
START = 40
"""Where each text begins in its document: the passage is not the whole of it."""
QUESTION = "How many days of paid leave does an employee get?"
MAX_TOKENS = 200
AT_A_TIME = 8
PATIENCE_S = 120
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e0fff]"
)


@pytest.fixture(scope="module")
def model() -> Iterator[HostileModel]:
    with serving(lambda case: behaviour_of(case)[2]) as server:
        yield server
    assert server.faults == []


@pytest.fixture(scope="module")
def services(model: HostileModel, tmp_path_factory: pytest.TempPathFactory) -> Services:
    llm = {
        "provider": "openai", "model": "hostile", "url": f"{model.url}/v1", "max_tokens": MAX_TOKENS,
        "first_token_timeout_s": 1.5, "token_timeout_s": 1, "total_timeout_s": 3,
        "circuit_failures": 1_000_000,  # each case is to reach the model
    }  # fmt: skip
    made = wire(Settings.model_validate({"data_dir": tmp_path_factory.mktemp("hostile"), "llm": llm}))
    index, embedder = made.index.get(), made.embedder.get()
    for name, text in DOCUMENTS.items():
        chunk = Chunk(
            id=f"{name}-0", document_id=name, source_id="s", uri=f"file:///{name}.md", ordinal=0, text=text,
            start=START, end=START + len(text), metadata=Metadata(title=name.title()), acl=("public",),
        )  # fmt: skip
        index.upsert([EmbeddedChunk(chunk, embedder.embed_passages([text]))])
    index.refresh()
    return made


@pytest.mark.attack
def test_whatever_the_model_does_a_reader_gets_one_good_end(
    services: Services, model: HostileModel, attack_cases: int
) -> None:
    assert len(BEHAVIOURS) >= 44
    faults = asyncio.run(ask_all(services, model, attack_cases))
    assert not faults, f"{len(faults)} of {attack_cases} cases failed:\n" + "\n".join(faults[:10])
    assert model.asked >= attack_cases
    until(lambda: model.open == 0, "the end of every request to the model")


async def ask_all(services: Services, model: HostileModel, cases: int) -> list[str]:
    room = asyncio.Semaphore(AT_A_TIME)

    async def one(client: httpx.AsyncClient, case: int) -> str:
        name, outcome, _ = behaviour_of(case)
        streamed = case // len(BEHAVIOURS) % 2 == 0
        async with room:
            try:
                answer = await asyncio.wait_for(ask(client, case, streamed=streamed), PATIENCE_S)
                check(answer, model)
                check_outcome(answer, outcome)
            except Exception as error:  # noqa: BLE001  a case that fails names its seed, and the others go on
                return f"seed {case}, {name}, {'streamed' if streamed else 'JSON'}: {type(error).__name__}: {error}"
        return ""

    async with asking(services) as client:
        faults = await asyncio.gather(*(one(client, case) for case in range(cases)))
        assert model.url.removeprefix("http://") not in (await client.get("/readyz")).text
    return [fault for fault in faults if fault]


@asynccontextmanager
async def asking(services: Services) -> Any:
    app = create_app(services=services)
    transport = httpx.ASGITransport(app=app)  # an exception of the service is raised here
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=PATIENCE_S) as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, case: int, *, streamed: bool) -> dict[str, Any]:
    """The answer as one object, whichever way it came; with all that was sent, as ``raw``."""
    history = [{"role": "user", "content": f"case {case}"}, {"role": "assistant", "content": "Yes?"}]
    headers = {"accept": "text/event-stream"} if streamed else {}
    body = {"question": QUESTION, "history": history}
    response = await client.post("/v1/answers", json=body, headers=headers)
    assert response.status_code == 200, response.text
    raw = response.content.decode("utf-8")
    return {**(collected(raw) if streamed else json.loads(raw)), "raw": raw}


def collected(raw: str) -> dict[str, Any]:
    """The JSON answer that a stream is, after a look at its order."""
    events = []
    for block in raw.split("\n\n"):
        if block and not block.startswith(":"):
            _, name, data = (line.partition(": ")[2] for line in block.split("\n"))
            events.append((name, json.loads(data)))
    names = [name for name, _ in events]
    assert names[-1] == "done", events[-1]
    assert names.count("done") + names.count("error") == 1
    assert names[0] == "meta"
    got = {name: data for name, data in events if name in ("meta", "sources", "abstain", "done")}
    return {
        **got["meta"],
        **got["sources"],
        "answer": "".join(data["text"] for name, data in events if name == "token"),
        "citations": [data for name, data in events if name == "citation"],
        "verdicts": [data for name, data in events if name == "verdict"],
        "abstained": got.get("abstain"),
        "done": got["done"],
    }


def check(answer: dict[str, Any], model: HostileModel) -> None:
    """What holds whatever the model does."""
    text, sources = answer["answer"], {source["number"]: source for source in answer["sources"]}
    text.encode()
    assert len(text) <= CHARS_PER_TOKEN * MAX_TOKENS, len(text)
    assert not UNSEEN.search(text), ascii(text[:200])
    assert model.url.removeprefix("http://") not in answer["raw"], answer["done"]
    assert len(answer["raw"]) < 1_000_000
    assert "evil.example" not in text
    assert len(answer["citations"]) <= MAX_CITATIONS
    for one in answer["citations"]:
        source = sources[one["number"]]
        assert (one["document_id"], one["ordinal"]) == (source["document_id"], source["ordinal"])
        document = " " * START + DOCUMENTS[one["document_id"]]
        if one["quote"] is not None:
            assert one["quote"] == document[one["quote_start"] : one["quote_end"]] != ""
        assert 0 <= one["answer_start"] < one["answer_end"] <= len(text)
    for one in answer["verdicts"]:
        assert 0 <= one["answer_start"] < one["answer_end"] <= len(text)
        assert one["verdict"] in ("supported", "partial", "unsupported", "not_a_claim")
    usage = answer["done"]["usage"]
    assert usage is None or all(0 <= count <= 2**53 for count in usage.values())


def check_outcome(answer: dict[str, Any], expected: str) -> None:
    """What a reader is left with; that a busy machine took a model's time away is an outcome of its own."""
    done, text = answer["done"], answer["answer"]
    parts = {entry.partition(":")[0] for entry in done["degraded"]}
    if any("too slow" in entry or "too long" in entry for entry in done["degraded"]) and expected != "cut":
        expected = "nothing" if "llm" in parts else "cut"
    if "llm" in parts:
        assert text.startswith(DOCUMENTS["leave"]), text  # the sources' own words, whole
        assert answer["citations"]
        assert done["finish_reason"] == "stop"
    actual = {"llm": "nothing", "incomplete": "cut"}
    outcome = next((name for part, name in actual.items() if part in parts), "answers")
    if outcome == "answers" and done["finish_reason"] == "length":
        outcome = "long"
    if outcome == "cut":
        assert done["finish_reason"] == "interrupted"
    assert expected in (outcome, "any"), (done, text[:200])
    if outcome == "answers":
        assert "25" in text
        assert answer["citations"]
        assert "EVIL" not in text
