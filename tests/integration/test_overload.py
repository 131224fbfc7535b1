"""The service in a process of its own, asked for more than it can do, by clients that behave and by some that don't."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.auth.key_records import Grant
from api.auth.keys import KeyStore
from core.chunk import Chunk, EmbeddedChunk
from core.clock import SystemClock
from core.principal import PUBLIC
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from retrieval.embedding.build import build_embedder, build_embedders
from retrieval.index.build import build_index
from tests.integration.stacks import ROOT, until

AT_ONCE = 300
LIMITS = {"searches": 2, "streams": 4, "queue_s": 8, "read_timeout_s": 10, "max_connections": AT_ONCE + 50}
QUESTION = "How long does the night watch of the lighthouse take in winter?"


def fill(settings: Settings) -> str:
    """An index with some passages, and a reader's key."""
    embedder, index = build_embedder(settings), build_index(settings)
    build_embedders(settings, embedder).ensure(index)
    texts = [
        f"Rule {number}. The night watch of lighthouse {number} takes {number} hours in winter. " * 12
        for number in range(1, 13)
    ]
    vectors = embedder.embed_passages([text[:400] for text in texts])
    index.upsert(
        [
            EmbeddedChunk(
                Chunk(
                    id=f"c{number}",
                    document_id=f"d{number}",
                    source_id="s",
                    uri=f"file:///rules/{number}.md",
                    ordinal=0,
                    text=text,
                    start=0,
                    end=len(text),
                    tokens=200,
                    acl=(PUBLIC,),
                ),
                vectors[number : number + 1],
            )
            for number, text in enumerate(texts)
        ]
    )
    index.refresh()
    index.close()
    catalog = open_catalog(settings)
    _, key = KeyStore(catalog.engine, SystemClock()).create("a reader", Grant(user="anna"))
    catalog.close()
    return key


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, str]]:
    """The service, ready: its port, and a key."""
    key = fill(Settings(data_dir=home / "d"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"DATA_DIR": home / "d", "API__PORT": port, **{f"API__{k.upper()}": v for k, v in LIMITS.items()}}
    environment = os.environ | {f"FOOTNOTE_{name}": str(value) for name, value in settings.items()}
    log = home / "api.log"
    with log.open("wb") as out:
        service = subprocess.Popen(
            [sys.executable, "-m", "api.serve"], cwd=ROOT, env=environment, stdout=out, stderr=out
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

            def ready() -> bool:
                assert service.poll() is None, log.read_text()
                try:
                    # The task queue isn't there, and isn't needed to answer.
                    return client.get("/readyz").status_code == 200
                except httpx.TransportError:
                    return False

            until(ready, "the service")
        yield port, key
    finally:
        service.terminate()
        service.wait(60)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    with serving(tmp_path_factory.mktemp("overload")) as running:
        yield running


def test_three_hundred_answers_at_once(service: tuple[int, str]) -> None:
    """Readiness used to call index and catalog down, key checks took 90 s, and nothing was ever refused."""
    port, key = service
    with_key = {"Authorization": f"Bearer {key}"}

    async def run() -> tuple[list[httpx.Response], list[httpx.Response]]:
        limits = httpx.Limits(max_connections=AT_ONCE + 10)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=300) as client:
            answers = [
                asyncio.create_task(client.post("/v1/answers", json={"question": QUESTION}, headers=with_key))
                for _ in range(AT_ONCE)
            ]
            meanwhile: list[httpx.Response] = []
            while not all(answer.done() for answer in answers) or not meanwhile:
                meanwhile.append(await client.get("/readyz"))
                meanwhile.append(await client.get("/v1/me", headers=with_key))
            return list(await asyncio.gather(*answers)), meanwhile

    answers, meanwhile = asyncio.run(run())
    assert [response.text for response in meanwhile if response.status_code != 200] == []
    statuses = Counter(response.status_code for response in answers)
    assert set(statuses) == {200, 503}, statuses
    assert statuses[200] >= LIMITS["streams"]
    for response in answers:
        if response.status_code == 503:
            assert response.json()["type"] == "urn:footnote:problem:overloaded"
            assert int(response.headers["retry-after"]) > 0
        else:
            assert response.json()["done"]["finish_reason"] in {"stop", "abstain"}


def test_hundreds_of_connections_that_stall(service: tuple[int, str]) -> None:
    """They stayed for ever. They make room for who asks, and are hung up on after ``api.read_timeout_s``."""
    port, key = service
    beginnings = (
        b"",
        b"GET /v1/me HTTP/1.1\r\n",
        b"POST /v1/answers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    )

    async def stall(number: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(beginnings[number % len(beginnings)])
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def run() -> tuple[list[bytes], Any]:
        stalled = [asyncio.create_task(stall(number)) for number in range(600)]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            answer = await client.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
            readiness = await client.get("/readyz")
        async with asyncio.timeout(120):
            return await asyncio.gather(*stalled), (answer.json().get("user"), readiness.status_code)

    ends, served = asyncio.run(run())
    assert served == ("anna", 200)
    assert {end[:12] for end in ends} <= {b"", b"HTTP/1.1 408"}
    assert any(ends)


def test_a_foreign_host_is_refused(service: tuple[int, str]) -> None:
    port, _ = service
    base = f"http://127.0.0.1:{port}"
    assert httpx.get(base, headers={"Host": "evil.example"}).status_code == 421
    assert httpx.get(base).status_code == 200
    assert httpx.get(f"{base}/healthz", headers={"Host": "10.0.0.7:8321"}).status_code == 200
