"""What can be wrong around a stack, as a user meets it: each time a sentence, and a service that goes on."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.commands import COMMAND, Footnote, RunningStack, footnote_in

DEADLINE_S = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(log: Path, words: str, process: subprocess.Popen[bytes]) -> str:
    """What a process wrote, once it has written these words."""
    deadline = time.monotonic() + DEADLINE_S
    while words not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return log.read_text()


def test_a_stack_in_the_foreground_waits_for_an_opensearch_that_is_down(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    footnote = footnote_in(
        tmp_path, FOOTNOTE_INDEX__KIND="opensearch", FOOTNOTE_INDEX__OPENSEARCH__URL=url, FOOTNOTE_SYNC__RECOVER_S="1"
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "parrot.md").write_text("# Parrots\n\nThe parrot in reception is called Kolumbus.\n")
    log = tmp_path / "up.log"
    with log.open("wb") as output:
        command = [*COMMAND, "up", "--foreground"]
        up = subprocess.Popen(command, cwd=tmp_path, env=footnote.environment, stdout=output, stderr=output)
    try:
        said = wait_for(log, "can't answer yet", up)
        assert "OpenSearch does not answer" in said
        assert "index down" in footnote.refusal("status")
        assert url in footnote.refusal("status")
        refused = footnote.refusal("ask", "What is the parrot called?")
        assert "OpenSearch does not answer" in refused
        assert url not in refused, "readers are not told where it is"
        footnote.run("ingest", "docs", "--no-wait")
        _opensearch_starts_once(footnote, port)
        run = footnote.json("ingest", "docs")["sources"][0]["run"]
        assert (run["seen"], run["failed"], run["error"]) == (1, 0, None)
        assert "Kolumbus" in footnote.run("ask", "What is the parrot called?").stdout
        footnote.run("opensearch", "stop")
        assert "OpenSearch does not answer" in footnote.refusal("ask", "What is the parrot called?")
        up.send_signal(signal.SIGINT)
        assert up.wait(DEADLINE_S) == 0
        assert footnote.json("down") == {"stopped": False}
    finally:
        footnote.run("opensearch", "stop")
        if up.poll() is None:
            footnote.run("down")
            up.wait(DEADLINE_S)


def test_what_stops_it_is_what_up_prints(tmp_path: Path) -> None:
    wrong = footnote_in(tmp_path, FOOTNOTE_RETRIEVAL__PIPELINE="hybird")
    assert wrong.refusal("up").startswith("retrieval.pipeline names 'hybird', which there is not: use one of lexical")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} on 127.0.0.1 can't be used" in wrong.refusal(
            "up", FOOTNOTE_RETRIEVAL__PIPELINE="hybrid", FOOTNOTE_API__PORT=port
        )
    assert wrong.json("down") == {"stopped": False}


def test_a_command_of_another_folder_says_whom_it_asks_and_is_refused_where_settings_mean_another(
    running_stack: RunningStack, tmp_path: Path
) -> None:
    port = running_stack.url.rpartition(":")[2]
    nothing_set = {name: value for name, value in running_stack.environment.items() if name != "FOOTNOTE_DATA_DIR"}
    elsewhere = Footnote(tmp_path, {**nothing_set, "FOOTNOTE_API__PORT": port})
    asked = elsewhere.run("search", "parental leave")
    assert f"asking the Footnote at {running_stack.url}" in asked.stderr
    assert str(running_stack.data_dir) in asked.stderr
    (tmp_path / "footnote.toml").write_text("data_dir = 'mine'\n")
    assert f"data directory is {tmp_path / 'mine'}" in elsewhere.refusal("search", "parental leave")


def _opensearch_starts_once(footnote: Footnote, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        other = str(taken.getsockname()[1])
        assert f"Port {other}" in footnote.refusal("opensearch", "start", "--port", other)
    for _ in range(2):
        assert str(port) in footnote.run("opensearch", "start", "--port", str(port)).stdout


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/search", b'{"query": "x", "filters": {"departement": ["HR"]}}', "department"),
        ("/v1/search", b'{"query": "x", "limt": 5}', "limt"),
        ("/v1/answers", b'{"question": "   "}', "question"),
        ("/v1/answers", b'{"question": "caf\xe9"}', "UTF-8"),
        ("/v1/answers", b'{"question": "' + b"a" * 100_000 + b'"}', "100000 characters"),
        ("/v1/answers", b'{"question": "' + b"a" * 2_000_000 + b'"}', "1000000"),
        ("/v1/answers", b"{", "JSON"),
    ],
)
def test_a_request_that_cannot_be_used_is_a_problem_that_says_why(
    running_stack: RunningStack, path: str, body: bytes, said: str
) -> None:
    reply = httpx.post(
        running_stack.url + path,
        content=body,
        headers={"Content-Type": "application/json"},
        trust_env=False,
        timeout=30,
    )
    assert 400 <= reply.status_code < 500
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert said in reply.text, reply.text
    assert httpx.get(f"{running_stack.url}/readyz", trust_env=False, timeout=30).status_code == 200


@pytest.mark.parametrize("key", ["fn_0_wrong", "\xe9" * 300])
def test_a_wrong_key_is_refused_and_not_repeated(running_stack: RunningStack, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}".encode("latin-1")}
    reply = httpx.post(
        f"{running_stack.url}/v1/search", json={"query": "x"}, headers=headers, trust_env=False, timeout=30
    )
    assert reply.status_code == 401
    assert key not in reply.text
