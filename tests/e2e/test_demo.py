"""What `make demo` shows and a new user tries, as commands over the whole stack."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.commands import RunningStack, footnote_in

CONFIDENTIAL = "How much did Brenner Chemie pay to the wrong account?"
DEADLINE_S = 60


def worker_of(stack: RunningStack) -> dict[str, Any]:
    processes: list[dict[str, Any]] = stack.json("status")["stack"]["processes"]
    return next(process for process in processes if process["name"] == "worker")


def test_an_answer_comes_with_footnotes(running_stack: RunningStack) -> None:
    said = running_stack.run("ask", "How many weeks of parental leave does each parent get at full pay?").stdout
    answer, _, footnotes = said.partition("\n\n")
    assert "26 weeks" in answer
    assert re.search(r"\[\d\]", answer)
    assert "Parental leave" in footnotes
    assert '"Each parent takes 26 weeks of parental leave at full pay' in footnotes
    assert "parental-leave.md" in footnotes


def test_a_footnote_of_a_pdf_names_its_page(running_stack: RunningStack) -> None:
    said = running_stack.run(
        "ask", "What share is deducted from the daily allowance for lunch?", "--type", "pdf"
    ).stdout
    assert re.search(r"\[\d\] Travel policy, page 2", said), said


def test_only_a_reader_with_the_group_finds_what_is_restricted(running_stack: RunningStack) -> None:
    reader = running_stack.run("ask", CONFIDENTIAL, "--as", "tomas", "--group", "security").stdout
    assert "412,000" in reader
    for others in ((), ("--as", "ida", "--group", "hr"), ("--as", "security"), ("--group", "public")):
        said = running_stack.run("ask", CONFIDENTIAL, *others).stdout
        assert "412,000" not in said
        assert "Incident report" not in said


@pytest.mark.parametrize(
    ("query", "group", "title"),
    [
        ("salary band senior engineer midpoint", "hr", "Salary bands 2025"),
        ("board meeting Flowmark offer", "leadership", "Minutes of the board meeting"),
        ("budget 2026 by department", "finance", "Budget 2026"),
    ],
)
def test_search_keeps_restricted_documents_to_their_group(
    running_stack: RunningStack, query: str, group: str, title: str
) -> None:
    def titles(*reader: str) -> list[str]:
        return [hit["title"] for hit in running_stack.json("search", query, "--limit", "50", *reader)["hits"]]

    assert any(found.startswith(title) for found in titles("--group", group))
    assert not any(found.startswith(title) for found in titles())


def test_every_format_is_found_by_its_type(running_stack: RunningStack) -> None:
    for kind in ("markdown", "html", "pdf", "docx", "pptx", "xlsx", "csv", "email"):
        found = running_stack.json("search", "Halden", "--type", kind, "--group", "leadership", "--pipeline", "vector")
        assert found["hits"], kind
        assert {hit["metadata"]["document_type"] for hit in found["hits"]} == {kind}


def test_filters_narrow(running_stack: RunningStack) -> None:
    hits = running_stack.json(
        "search", "who approves", "--department", "Travel", "--since", "2025-01-01", "--until", "2025-01-31"
    )["hits"]
    assert {hit["title"] for hit in hits} == {
        "Travel policy",
        "How to book a business trip",
        "Daily allowances and hotel limits 2025",
    }


def test_search_shows_ranks_and_scores(running_stack: RunningStack) -> None:
    said = running_stack.run("search", "lost security key", "--limit", "1").stdout
    assert "Passwords and two-factor login" in said
    assert re.search(r"score \d\.\d+: lexical #\d+ \(\d+\.\d+\), vector #\d+ \(\d+\.\d+\)", said)


def test_the_answer_as_json(running_stack: RunningStack) -> None:
    answer = running_stack.json("ask", "How many weeks of parental leave does each parent get at full pay?")
    assert "26 weeks" in answer["answer"]
    numbers = {source["number"] for source in answer["sources"]}
    for citation in answer["citations"]:
        assert citation["number"] in numbers
        assert citation["quote"]
    assert answer["done"]["finish_reason"]


def test_what_is_not_in_the_documents_is_not_answered(running_stack: RunningStack) -> None:
    said = running_stack.run("ask", "Who won the football world championship in 1974?").stdout
    assert said.startswith("No answer: ")


def test_a_second_ingest_changes_nothing(running_stack: RunningStack) -> None:
    result = running_stack.json("ingest", str(running_stack.documents))["sources"][0]
    run = result["run"]
    assert run["seen"] == run["unchanged"] > 25
    assert (run["indexed"], run["failed"], run["deleted"]) == (0, 0, 0)
    assert len(running_stack.json("sources", "list")["sources"]) == 1


def test_one_file_is_taken_in_found_and_removed_again(running_stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Parrots\n\nThe parrot in reception is called Kolumbus.\n")
    (tmp_path / "other.md").write_text("# Other\n\nThis one is not taken in.\n")
    try:
        result = running_stack.json("ingest", str(tmp_path / "note.md"), "--acl", "user:pia", "--tag", "Birds")
        assert result["sources"][0]["run"]["indexed"] == 1
        mine = running_stack.json("search", "parrot Kolumbus", "--as", "pia", "--tag", "birds")["hits"]
        assert [hit["title"] for hit in mine] == ["Parrots"]
        assert not any("Kolumbus" in hit["text"] for hit in running_stack.json("search", "parrot Kolumbus")["hits"])
    finally:
        running_stack.run("sources", "remove", str(tmp_path / "note.md"), "--yes")
    assert running_stack.json("search", "parrot Kolumbus", "--as", "pia", "--tag", "birds")["hits"] == []


def test_a_broken_file_is_reported_with_its_reason_and_the_rest_is_taken_in(
    running_stack: RunningStack, tmp_path: Path
) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is not a PDF")
    (tmp_path / "empty.docx").write_bytes(b"")
    (tmp_path / "good.md").write_text("# Good\n\nThe spare keys hang in room 12.\n")
    try:
        said = running_stack.run("ingest", str(tmp_path)).stdout
        assert "3 seen, 1 indexed, 0 unchanged, 2 failed" in said
        assert "failed: broken.pdf: " in said
        assert "failed: empty.docx: " in said
        failures = running_stack.json("failures", "list", "--source", str(tmp_path))["failures"]
        assert {failure["external_id"] for failure in failures} == {"broken.pdf", "empty.docx"}
    finally:
        running_stack.run("sources", "remove", str(tmp_path), "--yes")


def test_a_key_reads_as_its_user_until_it_is_revoked(running_stack: RunningStack) -> None:
    made = running_stack.json("keys", "create", "Tomas, laptop", "--user", "tomas", "--group", "security")
    assert "412,000" in running_stack.run("ask", CONFIDENTIAL, "--key", made["key"]).stdout
    impostor = running_stack.refusal("ask", CONFIDENTIAL, "--key", made["key"], "--as", "ingrid")
    assert "403" not in impostor
    running_stack.run("keys", "revoke", made["id"])
    assert "revoked" in running_stack.refusal("ask", CONFIDENTIAL, "--key", made["key"])
    listed = {key["id"]: key for key in running_stack.json("keys", "list")["keys"]}
    assert listed[made["id"]]["revoked_at"]
    assert "key" not in listed[made["id"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ask", ""), "The question is empty"),
        (("ask", "a" * 100_000), "100000 characters"),
        (("ask", b"caf\xe9"), "isn't valid UTF-8"),
        (("ask", "x", "--since", "yesterday"), "--since takes a day as YYYY-MM-DD"),
        (("ask", "x", "--key", "fn_0_wrong"), "unknown, expired or revoked"),
        (("search", "x", "--pipeline", "magic"), "lexical"),
        (("ingest", "nowhere"), "nowhere isn't there"),
        (("ingest", "documents/hr", "--acl", "everyone"), "everyone"),
        (("sources", "sync", "nothing"), "footnote sources list"),
        (("keys", "revoke", "nothing"), "nothing"),
        (("search", "x", "--since", "2025-02-02", "--until", "2025-02-01"), "nothing could match"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    running_stack: RunningStack, arguments: tuple[str | bytes, ...], said: str
) -> None:
    assert said in running_stack.refusal(*arguments)


def test_an_empty_folder_is_refused(running_stack: RunningStack, tmp_path: Path) -> None:
    assert "holds no files" in running_stack.refusal("ingest", str(tmp_path))


def test_a_wrong_setting_names_the_right_one(running_stack: RunningStack) -> None:
    assert "FOOTNOTE_API__PORT" in running_stack.refusal("status", FOOTNOTE_API__PROT="1")


def test_status_shows_processes_and_dependencies(running_stack: RunningStack) -> None:
    said = running_stack.run("status").stdout
    for name in ("valkey", "worker", "lister", "api", "supervisor", "index", "catalog", "broker", "models"):
        assert re.search(rf"^{name} ", said, re.MULTILINE), said
    total = sum(process["memory_bytes"] for process in running_stack.json("status")["stack"]["processes"])
    assert 0 < total < 3e9


def test_a_second_up_says_that_it_is_up(running_stack: RunningStack) -> None:
    assert f"already up at {running_stack.url}" in running_stack.run("up").stdout


def test_a_revoked_administrator_is_refused_at_once_and_replaced_by_up(running_stack: RunningStack) -> None:
    revoked = running_stack.admin_key
    keys = running_stack.json("keys", "list")["keys"]
    [mine] = [key for key in keys if key["name"] == "footnote up" and not key["revoked_at"]]
    assert mine["last_used_at"]
    running_stack.run("keys", "revoke", mine["id"])
    refused = running_stack.refusal("sources", "list")
    assert "unknown, expired or revoked" in refused
    assert "`footnote up` puts a new one there" in refused
    assert "a new one takes its place" in running_stack.run("up").stderr
    assert running_stack.admin_key != revoked
    assert "refused" not in running_stack.run("up").stderr
    events = running_stack.json("audit", "list", "--action", "key", "--limit", "2")["events"]
    assert [(event["action"], event["name"], event["client"]) for event in events] == [
        ("key.create", "footnote up", None),
        ("key.revoke", "footnote up", "127.0.0.1"),
    ]
    assert events[1]["object_id"] == mine["id"]
    [latest, more] = running_stack.run("audit", "list", "--action", "key", "--limit", "1").stdout.splitlines()
    assert "key.create" in latest
    assert latest.endswith("done, by footnote up")
    assert "--before" in more
    log = (running_stack.data_dir / "logs" / "api.log").read_text()
    assert "audit.key.revoke" in log
    assert revoked not in log


def test_a_worker_that_is_killed_is_started_again_and_works(running_stack: RunningStack) -> None:
    before = worker_of(running_stack)
    os.kill(before["pid"], signal.SIGKILL)
    deadline = time.monotonic() + DEADLINE_S
    while (after := worker_of(running_stack))["pid"] in (None, before["pid"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert after["restarts"] == before["restarts"] + 1
    assert after["last_exit"] == "killed by SIGKILL"
    run = running_stack.json("ingest", str(running_stack.documents))["sources"][0]["run"]
    assert run["error"] is None
    assert run["seen"] == run["unchanged"] > 25


def test_without_a_stack_commands_say_how_to_start_it(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    footnote = footnote_in(tmp_path, FOOTNOTE_API__PORT="1")
    for arguments in (("ask", "x"), ("search", "x"), ("ingest", str(tmp_path)), ("sources", "list"), ("status",)):
        assert footnote.refusal(*arguments) == "Footnote isn't running here: start it with `footnote up`."
    assert footnote.json("down") == {"stopped": False}


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = footnote_in(tmp_path, FOOTNOTE_API__PORT=port).refusal("up")
    for part in (port, "api.port", f"process {psutil.Process().pid}"):
        assert part in said
