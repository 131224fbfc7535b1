"""A real HTTP server that answers by a script, and keeps what it was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


class ScriptedServer:
    """Answers by path, with what ``pages`` holds for it; a list is answered one after another, the last one again.

    Attributes:
        asked: the path and headers of each request.
    """

    def __init__(self, host: str, tls: ssl.SSLContext | None) -> None:
        self.pages: dict[str, Answer | list[Answer]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                script.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                page = script.pages[self.path]
                if isinstance(page, list):
                    page = page.pop(0) if len(page) > 1 else page[0]
                page(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"{'http' if tls is None else 'https'}://{host}:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def run(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serve(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    server = ScriptedServer(host, tls)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> Answer:
    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        given = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
        for name, value in given.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return page


def redirect(to: str, status: int = 302) -> Answer:
    return answer(status, b"", location=to)
