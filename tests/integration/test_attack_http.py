"""The HTTP surface under schemathesis: as an administrator, as a reader with a key, and as one without.

Every operation of the OpenAPI document gets what fits its schema, what doesn't, and what a stranger might try: other
methods, other content types, no key, a wrong one. No answer may be a 5xx, and each must be as documented. All of it
goes over a socket to the real service, over the demo's documents.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from prometheus_client import REGISTRY

from api.app import create_app
from api.auth.key_records import Grant
from tests.integration.stacks import ROOT, Stack, started, until

pytestmark = pytest.mark.attack

HERE = Path(__file__).parent
ADMIN_KEY = "an-administrator's-key-for-tests"
SCHEMATHESIS = (sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()")
RUN_S = 3600
SUMMARY_LINES = 25
READ = ("", "/original", "/text", "/chunks/{ordinal}")


@dataclass(frozen=True)
class Served:
    """The service on a port, with keys by whose they are, and ids that there are by their parameter's name."""

    url: str
    keys: dict[str, str | None]
    known: dict[str, list[Any]]
    folder: Path
    fuzzed_as: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="fn-") as path:
        home = Path(path)
        with started(home, api={"admin_key": ADMIN_KEY}) as stack:
            shutil.copytree(ROOT / "deploy" / "demo" / "documents", stack.folder, dirs_exist_ok=True)
            source = stack.add_source()
            assert stack.sync(source).failed == 0
            # What is queued from here on stays there, so that runs of one seed are alike; settings are tried out.
            stack.stop_worker()
            stack.start_checker()
            stack.ingestion.check_source("folder", {"path": str(stack.folder)}, items=0)
            yield from _serve(stack, home)


def _serve(stack: Stack, home: Path) -> Iterator[Served]:
    app = create_app(stack.settings)
    services = app.state.services
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the service")
    [listening] = server.servers[0].sockets
    _, reader = services.keys.get().create("a reader", Grant(user="tomas", groups=("security",)))
    spare, _ = services.keys.get().create("to be revoked")
    (home / "more").mkdir()
    [source] = stack.ingestion.catalog.sources.list()
    other = stack.ingestion.create_source("folder", "to be deleted", {"path": str(home / "more")})
    documents = stack.ingestion.catalog.documents.list(source.id)
    try:
        yield Served(
            f"http://127.0.0.1:{listening.getsockname()[1]}",
            {"administrator": ADMIN_KEY, "reader": reader, "anonymous": None},
            {
                "document_id": [document.id for document in documents],
                "source_id": [source.id, other.id],
                "key_id": [spare.id],
                "ordinal": [0],
                "page": [1],
                "name": [generation.name for generation in services.index.get().generations()],
            },
            home,
        )
    finally:
        server.should_exit = True
        thread.join()


def test_what_no_operating_system_and_no_database_takes(served: Served) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    long = "x" * 5000
    with httpx.Client(base_url=served.url, headers=headers) as client:
        for path in (f"/{long}", f"~{long}", "~nobody-of-that-name/docs", "/proc/1/root/" * 300, f"/{'y' * 300}"):
            body = {"kind": "folder", "name": "long", "config": {"path": path}}
            refused = client.post("/v1/sources", json=body)
            assert refused.status_code == 422, (path[:40], refused.text)
            assert len(refused.text) < 1500
            rebuild = client.post("/v1/index/rebuild", json={"model": path[:4000]})
            assert rebuild.status_code == 422, (path[:40], rebuild.text)
        for place in (f"/v1/documents/{long}", f"/v1/sources/{long}", f"/v1/index/rebuild/{long}", f"/page/{long}"):
            assert client.get(place).status_code == 404, place[:40]
        for number in (2**31, 2**63, 2**64, 10**30, -1, -(2**63) - 1):
            for query in ("offset", "limit"):
                response = client.get("/v1/failures", params={query: number})
                assert response.status_code in {200, 422}, (query, number, response.text)
            document = served.known["document_id"][0]
            assert client.get(f"/v1/documents/{document}/chunks/{number}").status_code == 404
            assert client.get(f"/v1/documents/{document}/pages/{number}.png").status_code in {404, 422}


@pytest.mark.parametrize("caller", ["administrator", "reader", "anonymous"])
def test_no_request_gets_a_5xx_or_what_is_not_documented(served: Served, caller: str, attack_cases: int) -> None:
    key = served.keys[caller]
    done = subprocess.run(
        [
            *(*SCHEMATHESIS, "--config-file", str(HERE / "schemathesis.toml"), "run", f"{served.url}/openapi.json"),
            *("--seed", "0", "--max-examples", str(max(1, attack_cases // 30)), "--continue-on-failure"),
            *(("--header", f"Authorization: Bearer {key}") if key else ()),
        ],
        cwd=served.folder,  # it writes a cache
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "tests.integration.schemathesis_hooks",
            "FOOTNOTE_FUZZ_KNOWN": json.dumps(served.known),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-2000:]}"
    assert "No issues found" in done.stdout, done.stdout[-5000:]
    print(f"\n{caller}:\n" + "\n".join(done.stdout.splitlines()[-SUMMARY_LINES:]))
    served.fuzzed_as.add(caller)


def test_it_came_past_the_door(served: Served) -> None:
    """The runs before were no string of refusals."""
    if "administrator" not in served.fuzzed_as:
        pytest.skip("there was no run as an administrator before")
    answered = {("POST", f"/v1/{what}", "200") for what in ("search", "answers")}
    answered |= {("GET", f"/v1/documents/{{document_id}}{what}", "200") for what in READ}
    answered |= {("GET", f"/v1/{what}", "200") for what in ("sources", "sources/{source_id}", "index", "keys", "me")}
    answered |= {("POST", "/v1/keys", "201"), ("POST", "/v1/sources/{source_id}/sync", "202")}
    answered |= {("DELETE", "/v1/sources/{source_id}", "202"), ("DELETE", "/v1/keys/{key_id}", "204")}
    for method, route, status in sorted(answered):
        labels = {"method": method, "route": route, "status": status}
        assert REGISTRY.get_sample_value("footnote_http_seconds_count", labels), labels
