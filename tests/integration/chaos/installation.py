"""Footnote as a company runs it, on PostgreSQL, Valkey, OpenSearch, S3 and two model servers, each behind a link."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from sqlalchemy import create_engine

from api.auth.key_records import Grant
from api.auth.keys import KeyStore
from api.supervisor.children import children_of
from api.supervisor.layout import Layout
from core.clock import SystemClock
from tests import s3_server
from tests.integration.chaos.network import Proxy
from tests.integration.chaos.services import (
    OpenSearch,
    PostgreSQL,
    Service,
    SmallDisk,
    free_port,
    s3,
    valkey,
    wait_for,
)
from tests.integration.cloud_server import Answer, Asked, serving
from tests.integration.scripted_model import END, USAGE, event
from tests.integration.stacks import ROOT, Stack
from tests.servers.models import KEY, ModelServer

START_S = 600
READERS: dict[str, frozenset[str]] = {
    "anybody": frozenset({"public"}),
    "ann": frozenset({"public", "user:ann@example.com"}),
    "sales": frozenset({"public", "user:sam@example.com", "group:sales"}),
    "board": frozenset({"public", "user:bea@example.com", "group:board"}),
}
"""Who asks, and what they may read."""
_GRANTS = {
    "anybody": Grant(),
    "ann": Grant(user="ann@example.com"),
    "sales": Grant(user="sam@example.com", groups=("sales",)),
    "board": Grant(user="bea@example.com", groups=("board",)),
}
_BUCKET = "footnote"


class Installation:
    """All of it, and handles on each part.

    Attributes:
        services: by name: catalog, broker, index, blobs, worker, lister, api.
        links: by name: catalog, broker, index, blobs, embedder, llm.
        disks: by name: catalog, blobs.
        keys: an API key of each of :data:`READERS`.
        direct: URLs around the links, for what faults and checks ask.
    """

    def __init__(self, home: Path, opened: ExitStack) -> None:
        ports = {name: free_port() for name in ("catalog", "broker", "index", "blobs", "api")}
        embedder, _ = opened.enter_context(serving(ModelServer()))
        llm, _ = opened.enter_context(serving(_write_answer))
        targets = {name: ports[name] for name in ("catalog", "broker", "index", "blobs")}
        targets |= {"embedder": _port_of(embedder), "llm": _port_of(llm)}
        self.links = {name: Proxy(port) for name, port in targets.items()}
        for link in self.links.values():
            opened.callback(link.close)
        self.disks = {name: SmallDisk(home / f"{name}-disk", size) for name, size in (("catalog", 512), ("blobs", 64))}
        for disk in self.disks.values():
            opened.callback(disk.close)
        self.direct = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self.direct["catalog"] = f"postgresql+psycopg://footnote@127.0.0.1:{ports['catalog']}/postgres"
        self.services: dict[str, Service] = {}
        self._opened = opened
        pg_home = self.disks["catalog"].path / "pg"
        s3_home = self.disks["blobs"].path / "s3"
        for folder in (pg_home, s3_home):
            folder.mkdir()
        for service in (
            PostgreSQL(pg_home, ports["catalog"]),
            valkey(home / "valkey", ports["broker"]),
            OpenSearch(home / "node", ports["index"]),
            s3(s3_home, ports["blobs"]),
        ):
            self._keep(service)
        self._make_bucket()
        self.stack = Stack(home, **self._settings(home))
        opened.callback(self.stack.close)
        keys = KeyStore(self.stack.ingestion.catalog.engine, SystemClock())
        self.keys = {name: keys.create(name, grant)[1] for name, grant in _GRANTS.items()}
        for child in children_of(self.stack.settings, Layout.of(self.stack.settings), ports["api"]):
            Layout.of(self.stack.settings).make()
            # The worker and the lister are ready once there is something to do; readers ask the service.
            ready = self._serves if child.name == "api" else (lambda: True)
            environment = {**self.stack.environment, **child.environment}
            self._keep(
                Service(
                    child.name, child.command, ready, home / f"{child.name}.log", environment=environment, folder=ROOT
                )
            )

    def healthy(self) -> bool:
        """Whether everything runs, and the service says that it can answer."""
        return all(service.pids() and service.ready() for service in self.services.values())

    def _keep(self, service: Service) -> None:
        self.services[service.name] = service
        service.start()
        self._opened.callback(service.close)
        wait_for(service.ready, service.name, START_S)

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self.direct['api']}/readyz", timeout=10, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _make_bucket(self) -> None:
        client = boto3.client(
            "s3",
            endpoint_url=self.direct["blobs"],
            aws_access_key_id=s3_server.KEY,
            aws_secret_access_key=s3_server.SECRET,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 10}),
        )
        client.create_bucket(Bucket=_BUCKET)
        client.close()
        engine = create_engine(self.direct["catalog"])

        def ready() -> bool:
            try:
                engine.connect().close()
            except Exception:  # noqa: BLE001 - it says in many ways that it starts
                return False
            return True

        wait_for(ready, "the catalog", START_S)
        engine.dispose()

    def _settings(self, home: Path) -> dict[str, Any]:
        def at(name: str) -> str:
            return f"http://127.0.0.1:{self.links[name].port}"

        waits = {"lease_s": 20, "recover_s": 2, "retry_base_s": 0.2, "retry_max_s": 5}
        sync = {**waits, "in_flight": 12, "embed_chunks": 8, "max_deleted_share": 0.9}
        remote = {"url": f"{at('embedder')}/v1", "api_key": KEY, "dimensions": 8, "timeout_s": 5, "query_timeout_s": 2}
        llm = {"provider": "openai", "model": "chaos", "url": f"{at('llm')}/v1", "api_key": KEY}
        llm |= {"first_token_timeout_s": 3, "token_timeout_s": 3, "total_timeout_s": 10, "circuit_open_s": 2}
        return {
            "data_dir": home / "d",
            "catalog": {"url": f"postgresql+psycopg://footnote@127.0.0.1:{self.links['catalog'].port}/postgres"},
            "broker": {"url": f"redis://127.0.0.1:{self.links['broker'].port}/0"},
            "index": {"kind": "opensearch", "name": "chaos", "opensearch": {"url": at("index"), "timeout_s": 5}},
            "blobs": {"url": f"s3://{_BUCKET}/blobs", "s3_endpoint": at("blobs")},
            "embedder": {"model": "openai:chaos", "remote": remote},
            "llm": llm,
            "sync": sync,
        }


@contextmanager
def installed() -> Iterator[Installation]:
    """An installation while the block runs."""
    with tempfile.TemporaryDirectory(prefix="fn-") as home, ExitStack() as opened:
        patched = opened.enter_context(pytest.MonkeyPatch.context())
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patched.delenv(name, raising=False)
        login = {"AWS_ACCESS_KEY_ID": s3_server.KEY, "AWS_SECRET_ACCESS_KEY": s3_server.SECRET}
        for name, value in {**login, "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": "/none"}.items():
            patched.setenv(name, value)
        Path(home).chmod(0o711)  # PostgreSQL runs as a user of its own
        yield Installation(Path(home), opened)


def _write_answer(asked: Asked, url: str) -> Answer:
    raw = event("Rules are about topics [1].") + event(finish="stop") + USAGE + END
    return Answer(raw=raw, headers={"Content-Type": "text/event-stream"})


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
