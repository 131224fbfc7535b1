"""A real HTTP server with a website on it, whose pages tests make and change."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape


@dataclass
class Reply:
    """What is answered at one path."""

    body: bytes = b""
    media_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: bool = True
    ranges: bool = False


class Website:
    """Pages by path. Each has an ETag by its bytes, and answers 304 to who knows it; what isn't there is 404.

    Attributes:
        asked: the paths of all requests, in order.
        agents: what asked.
        down: while it is set, the status that everything is answered with.
    """

    def __init__(self) -> None:
        self.pages: dict[str, Reply] = {}
        self.asked: list[str] = []
        self.statuses: list[int] = []
        self.agents: set[str] = set()
        self.down: int | None = None
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def page(self, path: str, *links: str, title: str = "", text: str = "words", head: str = "", **more: Any) -> None:
        """Put an HTML page there."""
        anchors = "".join(f'<a href="{escape(link)}">there</a> ' for link in links)
        body = (
            f"<html><head><title>{escape(title)}</title>{head}</head><body><p>{escape(text)}</p>{anchors}</body></html>"
        )
        self.pages[path] = Reply(body.encode(), **more)

    def put(self, path: str, body: bytes | str, media_type: str = "text/plain", **more: Any) -> None:
        """Put something else there."""
        self.pages[path] = Reply(body.encode() if isinstance(body, str) else body, media_type, **more)

    def redirect(self, path: str, to: str, status: int = 301) -> None:
        """Send who asks for a path on to another."""
        self.pages[path] = Reply(status=status, headers={"location": to})

    def sitemap(self, path: str, pages: Mapping[str, str], *, zipped: bool = False) -> None:
        """Put a sitemap there: paths, and when they changed (empty: not said)."""
        entries = "".join(
            f"<url><loc>{escape(self.url + name)}</loc>{f'<lastmod>{changed}</lastmod>' if changed else ''}</url>"
            for name, changed in pages.items()
        )
        self._xml(path, f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>', zipped)

    def index(self, path: str, *sitemaps: str) -> None:
        """Put an index of sitemaps there."""
        entries = "".join(f"<sitemap><loc>{self.url}{name}</loc></sitemap>" for name in sitemaps)
        self._xml(path, f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</sitemapindex>')

    def _xml(self, path: str, text: str, zipped: bool = False) -> None:
        body = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
        self.put(path, gzip.compress(body) if zipped else body, "application/gzip" if zipped else "application/xml")

    def run(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        self.agents.add(request.headers.get("user-agent", ""))
        reply = self.pages.get(request.path, Reply(b"no such page", "text/plain", 404))
        if self.down is not None:
            reply = Reply(b"out of order", "text/plain", self.down)
        body, status = reply.body, reply.status
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"' if reply.etag and status == 200 else ""
        headers = {"content-type": reply.media_type, **({"etag": etag} if etag else {}), **reply.headers}
        if etag and request.headers.get("if-none-match") == etag:
            status, body = 304, b""
        elif reply.ranges and request.headers.get("range") == "bytes=0-0":
            headers["content-range"] = f"bytes 0-0/{len(body)}"
            status, body = 206, body[:1]
        self.statuses.append(status)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        if status != 304:
            request.send_header("content-length", str(len(body)))
        request.end_headers()
        try:
            request.wfile.write(body)
        except ConnectionError:
            request.close_connection = True


@contextmanager
def serve() -> Iterator[Website]:
    """A website while the block runs."""
    site = Website()
    thread = threading.Thread(target=site.run, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.stop()
        thread.join()
