"""A Microsoft Graph v1.0 for tests: a real HTTP server over a tenant. Each behaviour names the page that tells it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.servers.graph import routes
from tests.servers.graph.entra import CLIENT_ID, SECRET, Entra
from tests.servers.graph.tenant import HOST, TENANT_ID, Tenant
from tests.servers.graph.wire import Answer, Asked, refusal


@dataclass
class Fault:
    """Answers to requests whose address matches: so many times, after so many that were let through."""

    pattern: str
    answer: Answer
    times: int = 1
    after: int = 0

    def meets(self, asked: Asked) -> bool:
        """Whether it strikes now."""
        if self.times == 0 or not re.search(self.pattern, asked.url):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


class GraphServer:
    """The server's state, and what it was asked.

    Attributes:
        requests: every request of a connection, as ``METHOD address``; those within batches are in ``inner``.
        page_size: objects on a page.
        faults: what goes wrong next.
    """

    def __init__(self, tenant: Tenant, page_size: int = 200) -> None:
        self.tenant = tenant
        self.entra = Entra()
        self.page_size = page_size
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.inner: list[str] = []
        self.base = ""

    @property
    def host(self) -> str:
        """The same server under another host name: where downloads are."""
        return self.base.replace("127.0.0.1", "localhost")

    def config(self, **more: Any) -> dict[str, Any]:
        """A source's configuration for all sites of the tenant."""
        return {
            "tenant": TENANT_ID,
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "sites": [f"https://{HOST}/{path}" for path in self.tenant.sites],
            "authority": self.base,
            "graph": self.base,
            "allow_private": True,
        } | more

    def forget(self) -> None:
        """Count requests from here."""
        self.requests.clear()
        self.inner.clear()

    def answer(self, asked: Asked) -> Answer:
        """Answer a request of a connection."""
        self.requests.append(f"{asked.method} {asked.url}")
        with self.tenant.lock:
            for fault in self.faults:
                if fault.meets(asked):
                    return fault.answer
            return self._route(asked)

    def _route(self, asked: Asked) -> Answer:
        path = asked.path
        if path.startswith("/v1.0/"):
            return self._graph(asked)
        if found := re.fullmatch(r"/([^/]+)/v2\.0/\.well-known/openid-configuration", path):
            return Answer(*self.entra.configuration(found[1]))
        if re.fullmatch(r"/[^/]+/oauth2/v2\.0/token", path) and asked.method == "POST":
            form = {key: values[-1] for key, values in parse_qs(asked.body.decode()).items()}
            return Answer(*self.entra.token(form))
        if path.startswith("/download/"):
            return routes.download(self, asked)
        if "/_api/" in path:
            return routes.sharepoint_rest(self, asked)
        return refusal(404, "BadRequest", "Invalid version.")

    def _graph(self, asked: Asked) -> Answer:
        if self.entra.opened(asked.headers.get("authorization"), self.base) is None:
            return refusal(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
        return self._batch(asked) if asked.path == "/v1.0/$batch" else routes.graph(self, asked)

    def _batch(self, asked: Asked) -> Answer:
        """https://learn.microsoft.com/graph/json-batching: 20 requests at most, answers in any order."""
        requests = json.loads(asked.body)["requests"]
        if len(requests) > 20:
            return refusal(
                400, "MaximumValueExceeded", "Number of batch request steps exceeds the maximum value of 20."
            )
        answers = []
        for one in requests:
            inner = Asked(one["method"], f"/v1.0{one['url']}", {**asked.headers, **one.get("headers", {})})
            self.inner.append(f"{inner.method} {inner.url}")
            fault = next((fault for fault in self.faults if fault.meets(inner)), None)
            answer = fault.answer if fault is not None else routes.graph(self, inner)
            answers.append({"id": one["id"], "status": answer.status, "headers": answer.headers, "body": answer.body})
        return Answer(200, {"responses": answers[::-1]})


def _handler(server: GraphServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            answer = server.answer(Asked(self.command, self.path, headers, body))
            raw = isinstance(answer.body, bytes)
            content = answer.body if raw else b"" if answer.body is None else json.dumps(answer.body).encode()
            try:
                self.send_response(answer.status)
                kind = {"Content-Type": "application/octet-stream" if raw else "application/json; charset=utf-8"}
                for name, value in {**kind, **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def serving(tenant: Tenant, page_size: int = 200) -> Iterator[GraphServer]:
    """A server over a tenant while the block runs."""
    state = GraphServer(tenant, page_size)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    state.entra.base = state.base
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
