"""Serves a site over HTTP, as Confluence Cloud or Data Center would."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.confluence.routes import Refused, Routes
from tests.servers.confluence.site import Content, Site

TOKEN, EMAIL = "right-token", "robot@example.com"


@dataclass(frozen=True)
class Fault:
    """What the next request gets instead of its answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    """Only for paths that hold this."""


class Confluence:
    """A site that is being served.

    Attributes:
        site: what it has; may be changed at any time.
        tokens: those that let in.
        anonymous: whether a wrong token is taken for an anonymous reader, as where anonymous use is on.
        faults: what the next requests get instead, in order; with ``fault_body``.
        asked: the paths of the requests so far.
        before: called with each path before it is answered.
        url: its address, with the context path; its answers name ``routes.url``.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.tokens = {TOKEN}
        self.anonymous = False
        self.faults: deque[Fault] = deque()
        self.fault_body = b"{}"
        self.asked: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.url = ""
        self.routes = Routes(site, "/wiki" if site.cloud else "/confluence")
        routes = self.routes.cloud() if site.cloud else self.routes.data_center()
        self._patterns = [(re.compile(pattern), route) for pattern, route in routes]

    def answer(self, target: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a GET."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        self.asked.append(path)
        self.before(path)
        if self.faults and self.faults[0].path in path:
            fault = self.faults.popleft()
            return fault.status, dict(fault.headers), self.fault_body
        known = self._lets_in(authorization)
        # https://confluence.atlassian.com/kb/ on X-Seraph-LoginReason: what became of the credentials.
        headers = {} if known else {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
        if not known and not self.anonymous:
            return 401, headers, b'{"message": "Unauthorized"}'
        query = {key: ",".join(values) for key, values in parse_qs(parts.query).items()}
        try:
            return self._found(path.removeprefix(self.routes.context), query, headers, known=known)
        except Refused as refused:
            return refused.status, headers, json.dumps({"message": str(refused)}).encode()

    def _lets_in(self, authorization: str) -> bool:
        """Basic with e-mail and token on Cloud, a bearer's token on Data Center.

        https://developer.atlassian.com/cloud/confluence/basic-auth-for-rest-apis/
        """
        kind, _, credentials = authorization.partition(" ")
        if self.site.cloud:
            given = base64.b64decode(credentials).decode() if kind == "Basic" else ""
            return given in {f"{EMAIL}:{token}" for token in self.tokens}
        return kind == "Bearer" and credentials in self.tokens

    def _found(
        self, path: str, query: Mapping[str, str], headers: dict[str, str], *, known: bool
    ) -> tuple[int, dict[str, str], bytes]:
        if path == "/rest/api/user/current" and not known:
            return 200, headers, json.dumps({"type": "anonymous", "displayName": "Anonymous"}).encode()
        for pattern, route in self._patterns:
            found = pattern.fullmatch(path)
            if found:
                told = route(query, *found.groups())
                if isinstance(told, Content):
                    return 200, {**headers, "Content-Type": told.media_type}, told.data
                return 200, {**headers, "Content-Type": "application/json"}, json.dumps(told).encode()
        raise Refused(404, f"null for uri: {path}")


@contextmanager
def serving(site: Site) -> Iterator[Confluence]:
    """A Confluence on a port of its own, until the block ends."""
    confluence = Confluence(site)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, headers, body = confluence.answer(self.path, self.headers.get("Authorization", ""))
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    confluence.url = confluence.routes.url = f"http://127.0.0.1:{server.server_address[1]}{confluence.routes.context}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield confluence
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def config(confluence: Confluence, **more: Any) -> dict[str, Any]:
    """The configuration of a source that reads it."""
    told = {"base_url": confluence.url, "token": TOKEN, "allow_private_addresses": True}
    kind = {"dialect": "cloud", "email": EMAIL} if confluence.site.cloud else {"dialect": "data-center"}
    return {**told, **kind, **more}
