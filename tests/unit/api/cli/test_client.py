"""The command line's client against a real HTTP server that answers what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from api.cli.client import Client
from api.client.wire import Event, EventReader
from core.errors import FootnoteError, InvalidRequest, NotAuthenticated, NotFound, Unavailable


@dataclass
class Server:
    """What to answer, and what was asked."""

    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    seen: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.seen.append((self.command, self.path, headers, json.loads(sent) if sent else None))
            self.send_response(told.status)
            self.send_header("content-length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        told.url = f"http://127.0.0.1:{http.server_port}"
        yield told
        http.shutdown()


def stream(*events: tuple[str, object]) -> bytes:
    return "".join(f"id: 1\nevent: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events).encode()


def test_a_service_that_is_not_there_is_said_in_one_sentence() -> None:
    with pytest.raises(Unavailable) as caught:
        Client("http://127.0.0.1:1", None).request("GET", "/v1/sources")
    assert caught.value.message == "Footnote isn't running here: start it with `footnote up`."


def test_key_and_reader_are_sent_as_headers(server: Server) -> None:
    Client(server.url, "fn_a_b", user="ida", groups=("hr", "x,é")).request(
        "POST", "/v1/search", {"query": "q"}, limit=None
    )
    method, path, headers, body = server.seen[0]
    assert (method, path, body) == ("POST", "/v1/search", {"query": "q"})
    assert headers["authorization"] == "Bearer fn_a_b"
    assert headers["x-footnote-user"] == "ida"
    assert headers["x-footnote-groups"] == '["hr", "x,\\u00e9"]'


def test_a_reader_who_is_not_utf_8_is_refused_before_anything_is_sent(server: Server) -> None:
    with pytest.raises(InvalidRequest, match="--as isn't valid UTF-8"):
        Client(server.url, None, user="\udce9")
    assert server.seen == []


@pytest.mark.parametrize(("status", "kind"), [(401, NotAuthenticated), (404, NotFound), (422, FootnoteError)])
def test_the_service_s_own_words_are_passed_on(server: Server, status: int, kind: type[FootnoteError]) -> None:
    server.status, server.body = status, json.dumps({"title": "t", "detail": "Do this instead."}).encode()
    with pytest.raises(kind, match=r"^Do this instead\.$"):
        Client(server.url, None).request("GET", "/v1/sources")


def test_a_refused_key_is_named_with_the_way_out(server: Server) -> None:
    server.status, server.body = 401, json.dumps({"detail": "It is revoked."}).encode()
    client = Client(server.url, "fn_a_b", advice="Do that.")
    with pytest.raises(NotAuthenticated, match=r"^It is revoked\. Do that\.$"):
        client.request("GET", "/v1/sources")
    with pytest.raises(NotAuthenticated, match=r"^It is revoked\. Do that\.$"):
        list(client.events({"question": "q"}))


def test_an_answer_that_is_no_problem_json_still_gives_a_sentence(server: Server) -> None:
    server.status, server.body = 502, b"<html>"
    with pytest.raises(FootnoteError, match="status 502"):
        Client(server.url, None).request("GET", "/v1/sources")


def test_events_are_yielded_up_to_done(server: Server) -> None:
    server.body = b": heartbeat\n\n" + stream(("token", {"text": "Hi"}), ("done", {}), ("token", {"text": "late"}))
    events = list(Client(server.url, None).events({"question": "q"}))
    assert events == [Event("token", {"text": "Hi"}, "1"), Event("done", {}, "1")]
    assert server.seen[0][2]["accept"] == "text/event-stream"


def test_lines_end_with_a_line_feed_and_nothing_else(server: Server) -> None:
    text = "a\u2028b\u2029c\x85d\x0be"
    server.body = b'event: token\ndata: {"text": "' + text.replace("\x0b", "\\u000b").encode() + b'"}\n\n'
    server.body += stream(("done", {}))
    assert next(Client(server.url, None).events({"question": "q"})) == Event("token", {"text": text})


def test_an_error_event_is_raised(server: Server) -> None:
    server.body = stream(("token", {"text": "Hi"}), ("error", {"status": 503, "detail": "The index is down."}))
    with pytest.raises(FootnoteError, match=r"The index is down\."):
        list(Client(server.url, None).events({"question": "q"}))


def test_a_stream_without_an_end_is_an_error(server: Server) -> None:
    server.body = stream(("token", {"text": "Hi"}))
    with pytest.raises(Unavailable, match="broke off"):
        list(Client(server.url, None).events({"question": "q"}))


def test_events_may_span_lines_and_leave_out_the_space() -> None:
    lines = ["event:token", 'data:{"text":', 'data: "a"}', "", ": comment", "", "data: {}", "", ""]
    assert list(EventReader().feed("\n".join(lines))) == [Event("token", {"text": "a"}), Event("message", {})]


def test_readiness_tells_not_ready_from_not_there(server: Server) -> None:
    server.status, server.body = 503, b'{"status": "not-ready"}'
    assert Client(server.url, None).readiness() == {"status": "not-ready", "ready": False}
    assert Client("http://127.0.0.1:1", None).readiness() is None
