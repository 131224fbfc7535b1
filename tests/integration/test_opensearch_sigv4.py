"""Requests signed for a managed OpenSearch, checked by a server that computes each signature from what arrived."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from core.chunk import Chunk, EmbeddedChunk
from core.errors import ConfigurationError
from core.filters import AnyOf
from core.settings import AwsSettings, IndexSettings, OpenSearchSettings
from retrieval.index.opensearch.index import OpenSearchIndex

REGION = "eu-central-1"
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a-session-token"
PUBLIC = AnyOf("acl", frozenset({"public"}))
VECTOR = np.array([0.6, 0.8], np.float32)
HIT = {"_index": "signed-g0", "_id": "a", "_score": 1.5, "fields": {"document_id": ["d"]}}


class Managed(ThreadingHTTPServer):
    """Answers as OpenSearch would, if the signature is right; fails once where it is told to."""

    def __init__(self, service: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service
        self.overloaded = 0
        self.accepted: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Managed

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = fault_of(self.command, self.path, dict(self.headers.items()), body, self.server.service)
        if fault:
            self._answer(403, {"message": fault})
        elif self.server.overloaded:
            self.server.overloaded -= 1
            self._answer(503, {"error": {"type": "overloaded", "reason": "try again"}})
        else:
            operation = self.path.partition("?")[0].rpartition("/")[2]
            self.server.accepted.append(operation)
            self._answer(200, _reply(operation, body))

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _handle  # noqa: N815 - the names that the library calls

    def _answer(self, status: int, reply: dict[str, Any]) -> None:
        content = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def fault_of(method: str, target: str, headers: dict[str, str], body: bytes, service: str) -> str | None:
    """What AWS would say of a request: None if its signature is right."""
    lower = {name.lower(): value for name, value in headers.items()}
    given = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/(?P<date>\d{8})/(?P<region>[\w-]+)/(?P<service>\w+)/aws4_request, "
        r"SignedHeaders=(?P<signed>[\w;-]+), Signature=(?P<signature>[0-9a-f]{64})",
        lower.get("authorization", ""),
    )
    if given is None:
        return "Missing Authentication Token"
    if (given["key"], given["region"], given["service"]) != (KEY, REGION, service):
        return f"Credential should be scoped to {REGION}/{service}."
    if lower["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
        return "The body is not what was signed."
    signed = given["signed"].split(";")
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed):
        return "Too little is signed."
    url = f"http://{lower['host']}{target}"
    request = AWSRequest(method, url, {name: lower[name] for name in signed}, body)
    request.context["timestamp"] = lower["x-amz-date"]
    signer = SigV4Auth(Credentials(KEY, SECRET, TOKEN), service, REGION)
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    if expected != given["signature"]:
        return "The request signature we calculated does not match the signature you provided."
    return None


def _reply(operation: str, body: bytes) -> dict[str, Any]:
    if operation == "_bulk":
        actions = [re.match(rb'{"(index|create|update|delete)":{', line) for line in body.splitlines()]
        done = {"status": 201, "_seq_no": 1, "_primary_term": 1}
        return {"errors": False, "items": [{action[1].decode(): done} for action in actions if action]}
    if operation == "_msearch":
        return {"responses": [{"status": 200, "hits": {"hits": [HIT]}} for _ in range(len(body.splitlines()) // 2)]}
    if operation == "_mapping":
        return {"signed-g0": {"mappings": {"_meta": {}}}}
    return {"version": {"number": "2.19.0"}}


@pytest.fixture(params=["es", "aoss"])
def managed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Managed]:
    for name, value in {"ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET, "SESSION_TOKEN": TOKEN}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with Managed(request.param) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def open_index(server: Managed) -> OpenSearchIndex:
    aws = AwsSettings(region=REGION, service=server.service)  # type: ignore[arg-type]
    settings = OpenSearchSettings(url=server.url, aws=aws)
    return OpenSearchIndex(IndexSettings(kind="opensearch", name="signed", opensearch=settings), sleep=lambda _: None)


def chunk(number: int) -> EmbeddedChunk:
    text = f"penguins & other birds, no. {number}: größer"
    passage = Chunk(id=f"a/{number}", document_id="d", source_id="s", uri="u", ordinal=0, text=text, start=0, end=8)
    return EmbeddedChunk(passage, VECTOR[None])


def test_every_kind_of_request_is_signed_right(managed: Managed) -> None:
    index = open_index(managed)
    index.ping()
    index.upsert([chunk(number) for number in range(20)])
    assert [found.chunk_id for found in index.lexical("a+b & c=d", PUBLIC, 5)] == ["a"]
    both = index.both("größe", VECTOR, PUBLIC, 5)
    assert [len(leg or []) for leg in (both.lexical, both.vector)] == [1, 1]
    managed.overloaded = 1
    assert [found.chunk_id for found in index.vector(VECTOR, PUBLIC, 5)] == ["a"]  # the retry is signed anew
    assert managed.overloaded == 0
    managed.overloaded = 1
    index.upsert([chunk(1)])
    assert managed.accepted == [
        *("", "_mapping", "_bulk", "_bulk", "_bulk", "_msearch"),
        *("_mapping", "_msearch", "_msearch"),
        *("_mapping", "_bulk", "_bulk", "_bulk"),
    ]
    index.close()


def test_a_wrong_secret_is_refused_in_a_sentence(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    index = open_index(managed)
    for call in (index.ping, lambda: index.lexical("q", PUBLIC, 5), lambda: index.upsert([chunk(1)])):
        with pytest.raises(ConfigurationError, match=r"signature.*index\.opensearch\.aws") as raised:
            call()
        assert "another-secret" not in raised.value.message
    index.close()


def test_the_wrong_region_is_named(managed: Managed) -> None:
    aws = AwsSettings(region="us-east-1", service=managed.service)  # type: ignore[arg-type]
    settings = OpenSearchSettings(url=managed.url, aws=aws)
    index = OpenSearchIndex(IndexSettings(kind="opensearch", name="signed", opensearch=settings))
    with pytest.raises(ConfigurationError, match=REGION):
        index.ping()
    index.close()


def test_a_machine_without_credentials_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings = OpenSearchSettings(url="http://127.0.0.1:1", aws=AwsSettings(region=REGION))
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        OpenSearchIndex(IndexSettings(kind="opensearch", opensearch=settings))
