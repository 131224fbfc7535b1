"""``footnote eval answers`` over HTTP, killed in the middle: what was answered isn't asked again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

QUESTIONS, KILLED_AT = 12, 5
_WAIT_S = 240
"""Only a failure takes so long."""
TEXT = "Each parent gets 16 weeks of parental leave at full pay."
SOURCE = {
    "number": 1, "chunk_id": "c", "document_id": "d", "ordinal": 0, "title": "Leave", "uri": "file:///leave.md",
    "page": None, "heading_path": [],
}  # fmt: skip
CITATION = {
    "number": 1, "answer_start": 0, "answer_end": len(TEXT), "quote": TEXT, "quote_start": 0, "quote_end": len(TEXT),
    "document_id": "d", "ordinal": 0, "page": None, "heading_path": [],
}  # fmt: skip
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("meta", {"answer_id": "a", "conversation_id": "c", "model": "m", "index_generation": "g", "prompts": []}),
    ("sources", {"sources": [SOURCE], "index_generation": "g"}),
    ("token", {"text": TEXT}),
    ("citation", CITATION),
    ("done", {"finish_reason": "stop", "usage": {"input_tokens": 10, "output_tokens": 5}, "timings_ms": {}}),
]


class Service(ThreadingHTTPServer):
    """Streams an answer to every question; keeps one of them waiting until it is let go."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.reached, self.go_on = threading.Event(), threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Of :class:`Service`."""

    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked[body["question"]] += 1
        if body["question"] == f"Question {KILLED_AT}?" and not self.server.go_on.is_set():
            self.server.reached.set()
            self.server.go_on.wait(_WAIT_S)
        told = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in EVENTS)
        self._send("text/event-stream", told)

    def do_GET(self) -> None:
        self._send("application/json", json.dumps({"text": TEXT}))

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, kind: str, body: str) -> None:
        try:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())
        except OSError:
            self.close_connection = True  # who asked was killed


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.go_on.set()
        running.shutdown()
        thread.join()


def test_a_run_that_was_killed_asks_nothing_again_that_was_answered(service: Service, tmp_path: Path) -> None:
    rows = [{"id": str(at), "question": f"Question {at}?", "words": ["16 weeks"]} for at in range(QUESTIONS)]
    (tmp_path / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    url = f"http://127.0.0.1:{service.server_address[1]}"
    command = (sys.executable, "-c", "from api.cli.main import main; main()", "eval", "answers", "asked.jsonl")
    options = ("--config", f"live=url={url}", "--out", "out", "--json")
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    first = subprocess.Popen((*command, *options), cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    assert service.reached.wait(_WAIT_S)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = tmp_path / "out" / "rows.jsonl"
    assert len(kept.read_text().splitlines()) == KILLED_AT
    with kept.open("a") as torn:
        torn.write('{"question": "5", "config": "li')
    service.go_on.set()
    second = subprocess.run(
        (*command, *options), cwd=tmp_path, env=environment, capture_output=True, timeout=_WAIT_S, check=True
    )
    # The one that was under way when the process was killed is asked once more, and no other.
    again = {question for question, times in service.asked.items() if times > 1}
    assert again == {f"Question {KILLED_AT}?"}
    assert len(service.asked) == QUESTIONS
    (config,) = json.loads(second.stdout)["configs"]
    assert config["counts"] == {"answered": QUESTIONS}
    assert config["tokens"] == 15 * QUESTIONS
    assert config["metrics"]["words"]["value"] == config["metrics"]["citation_recall"]["value"] == 1
