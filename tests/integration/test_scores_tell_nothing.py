"""What a reader sees of a search, with and without hidden documents that hold the same words.

BM25 counts words over the whole index. Its numbers move with documents that the reader may not see, so readers are
shown none: all that hidden documents can still move is the order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from api.app import create_app
from api.wiring import Services, wire
from core.chunk import Chunk, EmbeddedChunk
from core.metadata import Metadata
from core.settings import Settings

ADMIN_KEY = "an administrator's key"
PUBLIC, HIDDEN = ("public",), ("group:board",)
WORDS = ("merger", "takeover", "layoff", "hotel", "leave", "travel", "norway", "budget")
PIPELINES = ("lexical", "vector", "hybrid", "convex", "convex+neighbours", "convex+late+neighbours")


class Searched:
    """An index of one's own behind the real service."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app = create_app(services=services)
        self._written = 0

    def write(self, *texts: str, acl: tuple[str, ...]) -> None:
        """Index texts, each as a document of its own."""
        index, embedder = self._services.index.get(), self._services.embedder.get()
        vectors = embedder.embed_passages(texts)
        chunks = [self._chunk(text, acl) for text in texts]
        index.upsert([EmbeddedChunk(chunk, vectors[at : at + 1]) for at, chunk in enumerate(chunks)])
        index.refresh()

    def ask(self, query: str, pipeline: str, *, key: str | None = None) -> dict[str, Any]:
        """The response of the search route, less its timings."""
        body = {"query": query, "pipeline": pipeline, "limit": 100}
        headers = {"Authorization": f"Bearer {key}"} if key else {}

        async def post() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.post("/v1/search", json=body, headers=headers)

        response = anyio.run(post)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        del answer["timings_ms"]
        return answer

    def _chunk(self, text: str, acl: tuple[str, ...]) -> Chunk:
        self._written += 1
        name = f"{self._written:04}"
        return Chunk(
            id=f"c{name}",
            document_id=f"d{name}",
            source_id="s",
            uri=f"file:///{name}.md",
            ordinal=0,
            text=text,
            start=0,
            end=len(text),
            acl=acl,
            metadata=Metadata(title=f"Note {name}"),
        )


@pytest.fixture
def searched(index_settings: dict[str, object], home: Path) -> Iterator[Searched]:
    settings = Settings.model_validate({"data_dir": home, "index": index_settings, "api": {"admin_key": ADMIN_KEY}})
    services = wire(settings)
    yield Searched(services)
    services.close()


def test_twenty_hidden_documents_change_nothing(searched: Searched) -> None:
    searched.write(
        "The merger, and again the merger: a merger.",
        "A merger is planned by somebody in Oslo for the second half of the year.",
        "The hotel limit in Norway is 1800 crowns a night.",
        acl=PUBLIC,
    )
    before = {pipeline: searched.ask("merger", pipeline) for pipeline in PIPELINES}
    scored = searched.ask("merger", "lexical", key=ADMIN_KEY)
    searched.write(*(f"Memo {number}: the merger with Brenner." for number in range(20)), acl=HIDDEN)

    after = searched.ask("merger", "lexical", key=ADMIN_KEY)
    assert scored["hits"][0]["scores"]["lexical"] > 1.3 * after["hits"][0]["scores"]["lexical"], "nothing to tell"
    for pipeline in PIPELINES:
        assert before[pipeline]["hits"], pipeline
        assert searched.ask("merger", pipeline) == before[pipeline], pipeline


@pytest.mark.attack
def test_hidden_documents_move_at_most_the_order(searched: Searched, attack_cases: int) -> None:
    chance = random.Random(-1)
    searched.write(*(_text(chance) for _ in range(30)), acl=PUBLIC)
    cases = range(max(1, attack_cases // 10))
    asked = [(" ".join(random.Random(seed).sample(WORDS, 2)), PIPELINES[seed % len(PIPELINES)]) for seed in cases]
    before = {question: searched.ask(*question) for question in set(asked)}
    for seed, question in zip(cases, asked, strict=True):
        chance = random.Random(seed)
        searched.write(*(_text(chance) for _ in range(chance.randint(1, 5))), acl=HIDDEN)
        now, then = searched.ask(*question), before[question]
        assert _without_order(now) == _without_order(then), f"seed {seed}"
        if _order(now) == _order(then):
            assert now == then, f"seed {seed}"


def _text(chance: random.Random) -> str:
    words = chance.choices(WORDS, k=chance.randint(3, 12))
    return f"{' '.join(words)} {chance.randrange(10**6)}"


def _order(answer: dict[str, Any]) -> list[tuple[str, dict[str, int | None]]]:
    return [(hit["chunk_id"], hit["ranks"]) for hit in answer["hits"]]


def _without_order(answer: dict[str, Any]) -> tuple[object, ...]:
    """The response as if its hits had no places; the scores stand for the places themselves."""
    hits = [{**hit, "score": None, "ranks": None} for hit in answer["hits"]]
    by_id = sorted(hits, key=lambda hit: str(hit["chunk_id"]))
    return [hit["score"] for hit in answer["hits"]], by_id, {**answer, "hits": None}
