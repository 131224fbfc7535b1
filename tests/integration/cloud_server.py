"""A local HTTP server that answers from a script, and the pages that are sent to it."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reportlab.pdfgen.canvas import Canvas


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Answer:
    """What is sent back: JSON of ``value``, or ``raw`` as it is; after ``hold`` was set, if there is one."""

    value: Any = None
    status: int = 200
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


Script = Callable[[Asked, str], Answer]
"""From a request and the server's own URL to an answer."""


@contextmanager
def serving(script: Script) -> Iterator[tuple[str, list[Asked]]]:
    """The server's URL, and what it was asked so far."""
    seen: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, {key.lower(): value for key, value in self.headers.items()}, body)
            seen.append(asked)
            answer = script(asked, f"http://127.0.0.1:{self.server.server_address[1]}")  # type: ignore[index]
            if answer.hold is not None:
                answer.hold.wait(10)
            content = answer.raw if answer.raw is not None else json.dumps(answer.value).encode()
            try:
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def pdf_of(*texts: str, size: tuple[float, float] = (400, 200), **options: Any) -> bytes:
    """A PDF with a page for each text."""
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=size, invariant=True, **options)
    canvas.setTitle("Properties of it")
    for text in texts:
        canvas.drawString(40, 100, text)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def image_of(kind: str = "PNG", size: tuple[int, int] = (300, 100), frames: int = 1) -> bytes:
    """A blank picture."""
    from PIL import Image

    stream = io.BytesIO()
    picture = Image.new("RGB", size, "white")
    more = {"save_all": True, "append_images": [picture] * (frames - 1)} if frames > 1 else {}
    picture.save(stream, kind, **more)
    return stream.getvalue()
