"""The service starts whatever is down, says so, and recovers by itself."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import anyio.to_thread
import pytest

from api.auth.key_records import Grant
from api.supervisor.layout import Layout, instance_of
from core.errors import (
    BrokerUnavailable,
    ConfigurationError,
    IndexUnavailable,
    ModelUnavailable,
    StorageUnavailable,
    Unavailable,
)
from core.lazy import Lazy, StillStarting
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio


async def ready(client: Any) -> None:
    """Return once the service is ready."""
    async with asyncio.timeout(10):
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0)


async def test_ready_once_warm(stack: Stack) -> None:
    async with serving(stack) as client:
        await ready(client)
        body = (await client.get("/readyz")).json()
        assert body["status"] == "ready"
        assert {name: d["state"] for name, d in body["dependencies"].items()} == {
            "index": "ok",
            "models": "ok",
            "catalog": "ok",
            "broker": "ok",
            "disk": "ok",
            "key usage": "ok",
            "audit log": "ok",
            "llm": "off",
        }
        assert stack.retriever.warmed == 1


async def test_which_footnote_it_is_is_told_without_where_it_is(stack: Stack) -> None:
    async with serving(stack) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok", "instance": None}
    Layout(stack.settings.data_dir).make()
    async with serving(stack) as client:
        said = (await client.get("/healthz")).json()
    assert said == {"status": "ok", "instance": instance_of(stack.settings.data_dir)}
    assert len(said["instance"]) == 32


async def test_a_broker_that_is_down_stops_no_answer(stack: Stack, admin: dict[str, str]) -> None:
    stack.broker_error = BrokerUnavailable("The queue is down: start it.")
    async with serving(stack) as client:
        await ready(client)
        broker = (await client.get("/readyz", headers=admin)).json()["dependencies"]["broker"]
        assert broker == {"state": "down", "required": False, "detail": "The queue is down: start it."}


async def test_a_full_disk_is_named_and_stops_no_answer(
    stack: Stack, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.disk.LOW_BYTES", 10**18)
    async with serving(stack) as client:
        await ready(client)
        disk = (await client.get("/readyz", headers=admin)).json()["dependencies"]["disk"]
        assert (disk["state"], disk["required"]) == ("down", False)
        assert "free some space" in disk["detail"]


async def test_an_index_that_is_down_at_start_is_taken_up_when_it_is_back(
    stack: Stack, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.background.FIRST_RETRY_S", 0.01)
    back = threading.Event()

    def build_index() -> Any:
        if not back.is_set():
            raise IndexUnavailable("OpenSearch at http://x doesn't answer.")
        return stack.index

    stack.build_index = build_index
    async with serving(stack) as client:
        response = await client.get("/readyz", headers=admin)
        assert response.status_code == 503
        assert response.json()["dependencies"]["index"]["detail"] == "OpenSearch at http://x doesn't answer."
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.post("/v1/search", json={"query": "x"})).status_code == 503
        back.set()
        assert (await client.post("/v1/search", json={"query": "x"})).status_code == 200
        await ready(client)


async def test_an_index_that_takes_long_to_open_is_starting_and_not_down(
    stack: Stack, monitoring: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`footnote up` waits for what starts, and gives up on what is down."""
    monkeypatch.setattr("api.readiness.CHECK_TIMEOUT_S", 0.01)
    opened = threading.Event()

    def build_index() -> Any:
        opened.wait(60)
        return stack.index

    stack.build_index = build_index
    async with serving(stack) as client:
        index = (await client.get("/readyz", headers=monitoring)).json()["dependencies"]["index"]
        assert (index["state"], index["detail"]) == ("starting", "No answer within 0.01 s.")
        opened.set()
        monkeypatch.undo()
        await ready(client)


async def test_an_index_that_goes_down_later_is_seen(stack: Stack) -> None:
    async with serving(stack) as client:
        await ready(client)
        stack.index.down = IndexUnavailable("It is down.")
        assert (await client.get("/readyz")).status_code == 503
        stack.index.down = None
        assert (await client.get("/readyz")).status_code == 200


async def test_strangers_are_told_states_and_no_details(
    stack: Stack, admin: dict[str, str], monitoring: dict[str, str]
) -> None:
    """Details name hosts and folders."""
    _, reader = stack.keys.create("Alice's", Grant(user="alice"))
    stack.index.down = IndexUnavailable("OpenSearch at http://10.1.2.3:9200 doesn't answer.")
    strangers = ({}, {"Authorization": f"Bearer {reader}"}, {"Authorization": "Bearer wrong"}, {"Authorization": "x"})
    async with serving(stack) as client:
        for headers in (*strangers, {**admin, "X-Footnote-User": "alice"}):
            response = await client.get("/readyz", headers=headers)
            assert response.status_code == 503
            assert response.json()["dependencies"]["index"] == {"state": "down", "required": True, "detail": None}
            assert {one["detail"] for one in response.json()["dependencies"].values()} == {None}
        for headers in (admin, monitoring):
            index = (await client.get("/readyz", headers=headers)).json()["dependencies"]["index"]
            assert index["detail"] == "OpenSearch at http://10.1.2.3:9200 doesn't answer."


async def test_monitoring_sees_a_catalog_that_is_down(
    stack: Stack, admin: dict[str, str], monitoring: dict[str, str]
) -> None:
    """The catalog knows the keys: with it, an administrator's can't be told from a revoked one."""
    async with serving(stack) as client:
        await ready(client)
        with stack.catalog.engine.begin() as connection:
            for table in ("sources", "api_keys"):
                connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO no_{table}")
        catalog = (await client.get("/readyz", headers=monitoring)).json()["dependencies"]["catalog"]
        assert catalog["state"] == "down"
        assert catalog["detail"]
        catalog = (await client.get("/readyz", headers=admin)).json()["dependencies"]["catalog"]
        assert catalog == {"state": "down", "required": True, "detail": None}
        assert (await client.get("/metrics", headers=monitoring)).status_code == 200
        assert (await client.get("/metrics", headers=admin)).status_code == 503


async def test_the_monitoring_key_opens_nothing_else(client: Any, monitoring: dict[str, str]) -> None:
    assert "footnote_http_seconds" in (await client.get("/metrics", headers=monitoring)).text
    for path in ("/v1/me", "/v1/status", "/v1/audit", "/v1/sources"):
        assert (await client.get(path, headers=monitoring)).status_code == 401


async def test_not_ready_while_models_load(stack: Stack) -> None:
    loaded = threading.Event()
    stack.retriever.loaded = loaded
    async with serving(stack) as client:
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["dependencies"]["models"]["state"] == "starting"
        loaded.set()
        await ready(client)


async def test_settings_that_keep_the_retriever_from_being_built_are_named(
    stack: Stack, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`footnote up` waits for what starts: this will not."""

    def build_retriever() -> Any:
        raise ConfigurationError("Two pipelines are named 'mine'.")

    services = replace(stack.services(), retriever=Lazy("retriever", build_retriever))
    monkeypatch.setattr(stack, "services", lambda: services)
    async with serving(stack) as client, asyncio.timeout(10):
        while (models := (await client.get("/readyz", headers=admin)).json()["dependencies"]["models"])[
            "state"
        ] == "starting":
            await asyncio.sleep(0)
        assert models == {"state": "down", "required": True, "detail": "Two pipelines are named 'mine'."}


async def test_a_model_that_cannot_be_loaded_is_down_and_taken_up_when_it_can(
    stack: Stack, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.retriever.failure = ModelUnavailable("not yet")
    monkeypatch.setattr("api.background.FIRST_RETRY_S", 0.2)
    monkeypatch.setattr("api.background.LONGEST_RETRY_S", 0.2)
    failures: dict[str, Exception] = {
        "The model x can't be loaded.": ModelUnavailable("The model x can't be loaded."),
        "It failed with RuntimeError; the log says more.": RuntimeError("a secret of the bug"),
    }
    async with serving(stack) as client:
        for said, failure in failures.items():
            stack.retriever.failure = failure

            async with asyncio.timeout(30):
                while (models := (await client.get("/readyz", headers=admin)).json()["dependencies"]["models"])[
                    "detail"
                ] != said:
                    await asyncio.sleep(0)
            assert models["state"] == "down"
        stack.retriever.failure = None
        await ready(client)


async def test_a_part_that_somebody_else_is_still_opening_is_no_failure(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`footnote up` gives up on what is down."""
    monkeypatch.setattr("api.background.FIRST_RETRY_S", 0.001)
    tries = []

    def warm_up() -> None:
        tries.append(1)
        raise StillStarting("The search index is still starting.")

    stack.retriever.warm_up = warm_up  # type: ignore[method-assign]
    async with serving(stack) as client:
        async with asyncio.timeout(30):
            while len(tries) < 3:
                await asyncio.sleep(0)
        models = (await client.get("/readyz")).json()["dependencies"]["models"]
        assert (models["state"], models["detail"]) == ("starting", None)


async def test_a_task_that_fails_again_and_again_is_shown_and_stops_no_answer(
    stack: Stack, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.background.FIRST_RETRY_S", 0.2)
    monkeypatch.setattr("api.background.LONGEST_RETRY_S", 0.2)
    monkeypatch.setattr("api.background.FLUSH_S", 0.05)
    broken = True

    def flush() -> None:
        if broken:
            raise StorageUnavailable("The disk is full.")

    monkeypatch.setattr(stack.keys, "flush", flush)
    async with serving(stack) as client:
        await client.get("/v1/me", headers={"Authorization": "Bearer x"})  # opens the key store

        async def until(state: str) -> dict[str, Any]:
            async with asyncio.timeout(30):
                while (found := (await client.get("/readyz", headers=admin)).json()["dependencies"]["key usage"])[
                    "state"
                ] != state:
                    await asyncio.sleep(0)
            return dict(found)

        assert (await until("down"))["detail"] == "The disk is full."
        await ready(client)
        broken = False
        await until("ok")


async def test_many_who_ask_take_one_thread_of_a_dependency_that_hangs(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(stack) as client:
        await ready(client)
        monkeypatch.setattr("api.readiness.CHECK_TIMEOUT_S", 0.01)
        let_go, asked = threading.Event(), []

        def hangs() -> None:
            asked.append(1)
            assert let_go.wait(30)

        stack.index.ping = hangs  # type: ignore[method-assign]
        for _ in range(3):
            answers = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
            assert {answer.json()["dependencies"]["index"]["state"] for answer in answers} == {"down"}
        assert asked == [1]
        let_go.set()
        monkeypatch.undo()
        await ready(client)


async def test_many_who_wait_for_a_part_take_one_thread() -> None:
    go_on, threads = threading.Event(), set[int]()

    def build() -> int:
        threads.add(threading.get_ident())
        assert go_on.wait(30)
        return 7

    part: Lazy[int] = Lazy("thing", build, wait_s=30)
    asking = [asyncio.create_task(part.soon()) for _ in range(100)]
    while not threads:
        await asyncio.sleep(0)
    busy = anyio.to_thread.current_default_thread_limiter().borrowed_tokens
    go_on.set()
    assert await asyncio.gather(*asking) == [7] * 100
    assert busy == 0


def test_a_part_is_built_once_by_many_threads() -> None:
    built = []
    part: Lazy[list[int]] = Lazy("thing", lambda: built.append(1) or built)  # type: ignore[func-returns-value]
    threads = [threading.Thread(target=part.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


def test_a_failed_build_stands_for_a_moment_only() -> None:
    calls = []

    def build() -> int:
        calls.append(1)
        raise IndexUnavailable("down")

    patient: Lazy[int] = Lazy("index", build, retry_after_s=1000)
    for _ in range(3):
        with pytest.raises(IndexUnavailable):
            patient.get()
    assert len(calls) == 1
    eager: Lazy[int] = Lazy("index", build, retry_after_s=0)
    for _ in range(2):
        with pytest.raises(IndexUnavailable):
            eager.get()
    assert len(calls) == 3
    assert eager.error is not None


def test_a_bug_in_a_build_is_an_unavailable_part() -> None:
    part: Lazy[int] = Lazy("thing", lambda: 1 // 0)
    with pytest.raises(Unavailable, match="ZeroDivisionError"):
        part.get()


def test_a_slow_build_is_not_waited_for_without_end() -> None:
    go_on = threading.Event()
    started = threading.Event()

    def build() -> int:
        started.set()
        go_on.wait(10)
        return 1

    part = Lazy("thing", build, wait_s=0.01)
    thread = threading.Thread(target=part.get)
    thread.start()
    started.wait(10)
    with pytest.raises(StillStarting):
        part.get()
    go_on.set()
    thread.join()
    assert part.get() == 1
