"""The budget that workers share, in a real Valkey."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from api.supervisor.children import valkey_binary
from core.settings import Settings
from ingestion.broker import broker_client, valkey_socket
from ingestion.connectors.registry import context_of
from ingestion.connectors.shared_budget import SharedBudget
from tests.integration.stacks import until


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """Settings whose embedded broker runs."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(data_dir=Path(home) / "d")
        socket = valkey_socket(settings)
        socket.parent.mkdir(parents=True)
        command = [str(valkey_binary()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", home]
        valkey = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(socket.exists, "Valkey's socket")
            yield settings
        finally:
            valkey.kill()
            valkey.wait(10)


def test_workers_keep_to_one_rate_together(settings: Settings) -> None:
    """Forty requests of four clients at 10 a second: ten go at once, the last may go after three seconds."""
    budgets = [context_of(settings, "s1").budget for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        waits = list(pool.map(lambda number: budgets[number % 4].take(10, 1e9), range(40)))
    assert sum(wait == 0 for wait in waits) >= 10
    assert 2.5 < max(waits) <= 3.0
    assert context_of(settings, "s2").budget.take(10, 1e9) == 0  # another source's is its own


def test_come_back_later_reaches_the_others(settings: Settings) -> None:
    context_of(settings, "s3").budget.come_back_in(40)
    wait = context_of(settings, "s3").budget.take(None, 5)
    assert 38 < wait <= 40
    assert 0 < broker_client(settings).pttl("footnote:budget:s3") <= 42_000


def test_without_valkey_each_keeps_to_the_rate_by_itself(tmp_path: Path) -> None:
    absent = redis.Redis(unix_socket_path=str(tmp_path / "none.sock"), socket_timeout=1)
    budget = SharedBudget(absent, "s", monotonic=lambda: 0.0)
    assert [budget.take(1, 100) for _ in range(3)] == [0, 1, 2]
    budget.come_back_in(50)
    assert budget.take(1, 5) > 5
