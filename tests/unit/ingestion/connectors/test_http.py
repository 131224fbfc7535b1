"""The client of connectors, over real sockets: where it goes, what it waits for, and what it gives away."""

from __future__ import annotations

import datetime
import gzip
import io
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import DocumentTooLarge, NotFound, SourceRefuses, SourceUnavailable
from ingestion.connectors.budget import LocalBudget, Timing
from ingestion.connectors.http import SourceAnswer, SourceClient
from tests.unit.ingestion.connectors.scripted_server import ScriptedServer, answer, redirect, serve

NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
TOKEN = {"Authorization": "Bearer secret-token"}


class FakeTime:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime.datetime:
        return NOW + datetime.timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    @property
    def timing(self) -> Timing:
        return Timing(self, self.monotonic, self.sleep)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve() as started:
        yield started


@pytest.fixture
def elsewhere() -> Iterator[ScriptedServer]:
    with serve("127.0.0.2") as started:
        yield started


def client(server: ScriptedServer, **given: Any) -> SourceClient:
    return SourceClient("Wiki", **{"base_url": server.url, "allow_private": True, **given})


# Where it goes


def test_a_private_address_is_refused_before_anything_is_sent(server: ScriptedServer) -> None:
    with client(server, allow_private=False) as http, pytest.raises(SourceRefuses, match="allow_private"):
        http.json("/a")
    assert server.asked == []


@pytest.mark.parametrize("metadata", ["http://169.254.169.254/latest/", "http://[fd00:ec2::254]/", "//2852039166/x"])
def test_a_chain_of_redirects_to_the_metadata_of_the_machine_ends_there(server: ScriptedServer, metadata: str) -> None:
    server.pages = {"/a": redirect("/b", 301), "/b": redirect("/c", 307), "/c": redirect(metadata)}
    with client(server) as http, pytest.raises(SourceRefuses, match="holds credentials of this machine"):
        http.download("/a", io.BytesIO(), most=100)
    assert server.paths == ["/a", "/b", "/c"]


def test_a_public_source_cannot_send_us_into_the_private_network(
    server: ScriptedServer, elsewhere: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``wiki.example`` counts as public here: what it redirects to is checked by itself."""
    monkeypatch.setattr(
        "ingestion.connectors.addresses.forbids", lambda address, _: None if address == "127.0.0.1" else "is private"
    )
    server.pages = {"/a": redirect(f"{elsewhere.url}/b")}
    with client(server, allow_private=False) as http, pytest.raises(SourceRefuses, match="is private"):
        http.get("/a")
    assert elsewhere.asked == []


def test_a_name_that_changes_its_address_gains_nothing(server: ScriptedServer, elsewhere: ScriptedServer) -> None:
    """The address that was checked is dialled; the name isn't resolved a second time."""
    resolved = []

    def rebinding(host: str, port: int) -> list[str]:
        resolved.append(host)
        return ["127.0.0.1" if len(resolved) == 1 else "127.0.0.2"]

    server.pages = {"/a": answer()}
    with client(server, base_url=f"http://wiki.example:{server.port}", resolve=rebinding) as http:
        http.get("/a")
        http.get("/a")  # over the same connection
    assert resolved == ["wiki.example"]
    assert [headers["host"] for _, headers in server.asked] == [f"wiki.example:{server.port}"] * 2


def test_a_rebinding_name_is_checked_again_for_each_connection(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled, addresses = [], iter(["1.1.1.1", "127.0.0.1", "127.0.0.1"])

    def dial(_: Any, host: str, *__: Any, **___: Any) -> httpcore.NetworkStream:
        dialled.append(host)
        raise httpcore.ConnectError("unreachable")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", dial)
    url = f"http://wiki.example:{server.port}"
    given = {"base_url": url, "allow_private": False, "timing": FakeTime().timing}
    with client(server, **given, resolve=lambda *_: [next(addresses)]) as http, pytest.raises(SourceRefuses):
        http.get("/a")
    assert dialled == ["1.1.1.1"]


def test_proxies_of_the_environment_are_not_used(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.pages = {"/a": answer(body=b'{"a": 1}')}
    with client(server) as http:
        assert http.json("/a") == {"a": 1}


def test_a_proxy_that_is_set_is_used_and_hosts_are_checked_before(server: ScriptedServer) -> None:
    server.pages = {"http://public.invalid/a": answer(body=b"[]")}
    with client(server, base_url="http://public.invalid", proxy=server.url, allow_private=False) as http:
        assert http.json("/a") == []  # a name that only the proxy knows
        with pytest.raises(SourceRefuses, match="holds credentials"):
            http.json("http://169.254.169.254/latest")
    assert server.paths == ["http://public.invalid/a"]


def test_tls_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    serving, trusting = certificate_of("wiki.example", tmp_path)
    names: list[str | None] = []
    serving.sni_callback = lambda _, name, __: names.append(name)
    with serve(tls=serving) as server:
        server.pages = {"/a": answer()}
        for name in ("wiki.example", "other.example"):
            given = {"base_url": f"https://{name}:{server.port}", "resolve": lambda *_: ["127.0.0.1"]}
            with client(server, **given, tls=trusting, timing=FakeTime().timing) as http:
                if name == "wiki.example":
                    http.get("/a")
                else:
                    with pytest.raises(SourceUnavailable):
                        http.get("/a")
    assert names[0] == "wiki.example"
    assert server.asked[0][1]["host"] == f"wiki.example:{server.port}"
    assert len(server.asked) == 1


# What it gives away


def test_credentials_stay_with_their_host(server: ScriptedServer, elsewhere: ScriptedServer) -> None:
    server.pages = {"/a": redirect("/b"), "/b": redirect(f"{elsewhere.url}/c")}
    elsewhere.pages = {"/c": answer(), "/d": answer()}
    own = {"Cookie": "session=1", "X-Kind": "wiki"}
    with client(server, authorise=lambda _: {**TOKEN, "X-Token": "t"}, headers=own) as http:
        assert str(http.get("/a").url) == f"{elsewhere.url}/c"
        http.get(f"{elsewhere.url}/d")  # as a page's "next" may say
    for _, headers in server.asked:
        assert headers["authorization"] == "Bearer secret-token"
        assert headers["cookie"] == "session=1"
    for _, headers in elsewhere.asked:
        assert not {"authorization", "x-token", "cookie"} & headers.keys()
        assert headers["x-kind"] == "wiki"


def test_encrypted_addresses_never_lead_to_plain_ones(tmp_path: Path, elsewhere: ScriptedServer) -> None:
    serving, trusting = certificate_of("wiki.example", tmp_path)
    with serve(tls=serving) as server:
        server.pages = {"/a": redirect(f"{elsewhere.url}/b")}
        given = {"base_url": f"https://wiki.example:{server.port}", "resolve": lambda *_: ["127.0.0.1"]}
        with client(server, **given, tls=trusting) as http, pytest.raises(SourceRefuses, match="unencrypted"):
            http.get("/a")
    assert elsewhere.asked == []


@pytest.mark.parametrize("to", ["file:///etc/passwd", "gopher://127.0.0.1/", "mailto:a@example.com", "http://h:x/"])
def test_only_the_web_is_followed(server: ScriptedServer, to: str) -> None:
    server.pages = {"/a": redirect(to)}
    with client(server) as http, pytest.raises(SourceRefuses, match=r"no (web )?address"):
        http.get("/a")


def test_a_circle_of_redirects_ends(server: ScriptedServer) -> None:
    server.pages = {"/a?token=t": redirect("/b?token=t"), "/b?token=t": redirect("/a?token=t")}
    with client(server) as http, pytest.raises(SourceRefuses, match="on and on") as caught:
        http.get("/a?token=t")
    assert len(server.asked) == 11
    assert "token" not in str(caught.value)


def test_a_source_that_repeats_our_token_does_not_have_it_logged(server: ScriptedServer) -> None:
    def echo(request: BaseHTTPRequestHandler) -> None:
        answer(403, f"{request.headers['Authorization']} {request.headers['X-Token']} is wrong".encode())(request)

    server.pages = {"/a": echo}
    with (
        client(server, authorise=lambda _: {**TOKEN, "X-Token": "another-secret"}) as http,
        pytest.raises(SourceRefuses, match=r"403: Bearer \*{8} \*{8} is wrong") as caught,
    ):
        http.get("/a")
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


# When it comes back


def test_a_source_is_asked_again_after_what_it_says(server: ScriptedServer) -> None:
    date = "Sun, 01 Mar 2026 12:00:50 GMT"
    busy = [answer(429, retry_after="7"), answer(503, retry_after=date), answer(502), answer()]
    server.pages = {"/a": list(busy)}
    fake = FakeTime()
    with client(server, timing=fake.timing) as http:
        http.get("/a")
    assert fake.slept == [7, 43, 4]


def test_who_is_told_to_come_back_much_later_does_so(server: ScriptedServer) -> None:
    server.pages = {"/a": answer(429, retry_after="600")}
    fake, budget = FakeTime(), LocalBudget(lambda: 0.0)
    for _ in range(2):  # the second doesn't even ask
        with client(server, timing=fake.timing, budget=budget) as http, pytest.raises(SourceUnavailable):
            http.get("/a")
    assert fake.slept == []
    assert len(server.asked) == 1


def test_waits_end_with_the_deadline(server: ScriptedServer) -> None:
    server.pages = {"/a": answer(503, retry_after="30")}
    fake = FakeTime()
    with client(server, timing=fake.timing, total_s=100) as http, pytest.raises(SourceUnavailable, match="503"):
        http.get("/a")
    assert fake.slept == [30, 30, 30]


def test_headers_that_are_refused_are_made_anew_once(server: ScriptedServer) -> None:
    server.pages = {"/a": [answer(401), answer()], "/b": answer(401)}
    made: list[bool] = []

    def authorise(anew: bool) -> dict[str, str]:
        made.append(anew)
        return TOKEN

    with client(server, authorise=authorise) as http:
        http.get("/a")
        with pytest.raises(SourceRefuses, match="401"):
            http.get("/b")
    assert made == [False, True, False, True]


def test_a_rate_is_kept(server: ScriptedServer) -> None:
    server.pages = {"/a": answer()}
    fake = FakeTime()
    with client(server, timing=fake.timing, rate=2) as http:
        for _ in range(6):
            http.get("/a")
    assert fake.monotonic() == pytest.approx(2.0)


# What it takes


def test_a_slow_drip_ends(server: ScriptedServer) -> None:
    over = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", "1000")
        request.end_headers()
        with suppress(OSError):
            while not over.wait(0.05):
                request.wfile.write(b".")
        request.close_connection = True

    def drip_headers(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        drip(request)

    server.pages = {"/body": drip, "/headers": drip_headers}
    begun = time.monotonic()
    try:
        for path in ("/body", "/headers"):
            with client(server, total_s=0.5, timeout_s=10) as http, pytest.raises(SourceUnavailable):
                http.get(path)
            with client(server, total_s=0.5, download_s=0.5) as http, pytest.raises(SourceUnavailable):
                http.download(path, io.BytesIO(), most=10_000)
    finally:
        over.set()
    assert time.monotonic() - begun < 9


def test_answers_are_bounded_as_they_unpack(server: ScriptedServer) -> None:
    packed = gzip.compress(b"0" * 1_000_000)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [b"0" * 60_000] * 3) + b"0\r\n\r\n"

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunked)

    server.pages = {
        "/said": answer(body=b"0" * 200_000),
        "/packed": answer(body=packed, content_encoding="gzip"),
        "/chunked": endless,
        "/odd": answer(body=b"\x28\xb5\x2f\xfd", content_encoding="zstd"),
    }
    for path in ("/said", "/packed", "/chunked"):
        with client(server, most_answer_bytes=100_000) as http, pytest.raises(DocumentTooLarge, match="100000"):
            http.get(path)
        into = io.BytesIO()
        with client(server) as http, pytest.raises(DocumentTooLarge, match="max_file_mb"):
            http.download(path, into, most=100_000)
        assert len(into.getvalue()) <= 100_000
    with client(server) as http, pytest.raises(SourceRefuses, match="encoding"):
        http.get("/odd")


def test_answers_come_whole(server: ScriptedServer) -> None:
    text = '{"a": "ü"}'.encode()
    server.pages = {
        "/a": answer(body=gzip.compress(text), content_encoding="gzip", content_type="application/json", etag='"1"'),
        "/same": answer(304, b""),
        "/gone": answer(410, b"it went"),
        "/page": answer(body=b"<html>", content_type="text/html"),
    }
    with client(server) as http:
        assert http.json("/a") == {"a": "ü"}
        assert http.get("/a").headers["etag"] == '"1"'
        assert http.get("/a").text == text.decode()
        into = io.BytesIO()
        assert http.download("/a", into, most=1000)["content-type"] == "application/json"
        assert into.getvalue() == text
        assert http.get("/same").status_code == 304
        with pytest.raises(NotFound, match="410") as caught:
            http.get("/gone")
        with pytest.raises(SourceUnavailable, match="isn't JSON"):
            http.json("/page")
    assert isinstance(caught.value.__cause__, SourceAnswer)
    assert (caught.value.__cause__.status, caught.value.__cause__.text) == (410, "it went")


def test_nobody_there_is_a_source_that_does_not_answer() -> None:
    fake = FakeTime()
    nobody = SourceClient("Wiki", base_url="http://127.0.0.1:9", allow_private=True, timing=fake.timing)
    with nobody as http, pytest.raises(SourceUnavailable, match="Wiki doesn't answer"):
        http.get("/a")
    assert fake.slept == [1, 2, 4, 8, 16]


def certificate_of(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and that of a client who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + built.public_bytes(pem))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cadata=built.public_bytes(pem).decode())
