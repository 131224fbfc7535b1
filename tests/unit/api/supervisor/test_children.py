from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from api.supervisor.children import children_of, choose_port, listens, reachable, valkey_binary
from api.supervisor.layout import Layout
from core.errors import ConfigurationError
from core.settings import Settings
from ingestion.broker import QUEUES


def settings_with(port: int) -> Settings:
    return Settings.model_validate({"api": {"port": port}})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_the_queue_starts_first_and_the_service_last(settings: Settings) -> None:
    assert [c.name for c in children_of(settings, Layout.of(settings), 8321)] == ["valkey", "worker", "lister", "api"]


def test_a_broker_elsewhere_means_no_valkey_here(settings: Settings) -> None:
    elsewhere = Settings.model_validate({**settings.model_dump(), "broker": {"url": "redis://elsewhere"}})
    assert [c.name for c in children_of(elsewhere, Layout.of(settings), 8321)] == ["worker", "lister", "api"]


def test_listing_and_permissions_have_a_worker_of_their_own(settings: Settings) -> None:
    children = {child.name: child.command for child in children_of(settings, Layout.of(settings), 8321)}
    queues = {name: children[name][children[name].index("-Q") + 1] for name in ("worker", "lister")}
    assert queues == {"worker": "parse,embed", "lister": "sync,permissions,check"}
    assert sorted(set(QUEUES.values())) == sorted(",".join(queues.values()).split(","))
    assert ["-B" in children[name] for name in queues] == [False, True]


def test_valkey_answers_on_its_socket_and_on_no_port(settings: Settings) -> None:
    layout = Layout.of(settings)
    layout.make()
    valkey = children_of(settings, layout, 8321)[0]
    assert not valkey.ready()
    process = subprocess.Popen(valkey.command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not valkey.ready():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert valkey.command[valkey.command.index("--port") + 1] == "0"
    assert list((layout.data_dir / "valkey").rglob("*.aof"))


def test_the_binary_can_be_run() -> None:
    said = subprocess.run([valkey_binary(), "--version"], capture_output=True, check=True, text=True).stdout
    assert "v=" in said


def test_a_port_in_use_is_named_with_the_setting_and_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as caught:
            choose_port(settings_with(port))
    message = caught.value.message
    for part in (str(port), "api.port", "FOOTNOTE_API__PORT", str(os.getpid())):
        assert part in message


def test_port_0_is_any_free_one() -> None:
    assert choose_port(settings_with(0)) > 0


def test_nothing_listens_where_nothing_was_started() -> None:
    assert not listens("127.0.0.1", 1)


@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.1", "10.0.0.1")])
def test_a_service_on_every_address_is_reached_on_the_loopback_one(host: str, address: str) -> None:
    assert reachable(host) == address


def test_lance_keeps_its_warnings_to_itself(settings: Settings) -> None:
    children = {child.name: child for child in children_of(settings, Layout.of(settings), 8321)}
    assert {children[name].environment["LANCE_LOG"] for name in ("worker", "lister", "api")} == {"error"}
