"""What readers do, in the audit log."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.audit_log import MOST_REFUSALS, MOST_WAITING, AuditLog
from api.audit_sinks import FileSink, SyslogSink, verify_lines
from api.auth.key_records import Grant
from core.audit_settings import AuditSettings
from core.errors import StorageUnavailable
from core.principal import AccessList
from core.roles import Role
from ingestion.catalog.audit_entries import Actor, AuditEntry, Deed
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import NOW, Stack, an_answer

pytestmark = pytest.mark.anyio
HR = AccessList(groups=frozenset({"hr"}))
ANN = Actor(name="Ann's", key_id="k1", user="ann", client="10.0.0.7")
QUESTION = "How many days of leave?"


def entry(**deed: Any) -> AuditEntry:
    return AuditEntry.of(ANN, Deed(action="a", **deed), NOW, "done")


def audited(stack: Stack, **audit: Any) -> AuditLog:
    stack.audit = AuditLog(AuditSettings(**audit), lambda: stack.catalog)
    return stack.audit


def written(stack: Stack, *actions: str) -> list[Any]:
    stack.audit.flush()
    return [event for event in reversed(stack.catalog.audit.list(1000)) if event.action in actions]


async def ask(stack: Stack, client: httpx.AsyncClient) -> dict[str, str]:
    """Search, ask, open and be refused, as Ann."""
    stack.add_document("d1", HR)
    stack.add_document("d2", AccessList(users=frozenset({"boss"})))
    stack.answerer.script = an_answer()
    headers = {"Authorization": f"Bearer {stack.keys.create('Ann', Grant(user='ann', groups=('hr',)))[1]}"}
    await client.post("/v1/search", json={"query": QUESTION}, headers=headers)
    await client.post("/v1/answers", json={"question": QUESTION}, headers=headers)
    for path in ("/v1/documents/d1", "/v1/documents/d1/original", "/v1/documents/d1/chunks/0", "/v1/documents/d2/text"):
        await client.get(path, headers=headers)
    return headers


async def test_who_asked_what_was_shown_and_what_was_opened(stack: Stack, client: httpx.AsyncClient) -> None:
    await ask(stack, client)
    searched, asked, *opened = written(stack, "search.run", "answer.ask", "document.open")
    assert searched.detail["documents"] == asked.detail["documents"] == ["d1"]
    assert (asked.user, asked.client, asked.outcome) == ("ann", "127.0.0.1", "done")
    assert asked.object_id == stack.answerer.question.answer_id
    assert [(event.object_id, event.detail["part"]) for event in opened] == [
        ("d1", "metadata"),
        ("d1", "original"),
        ("d1", "chunks/0"),
    ]
    assert len(written(stack, "sign_in")) == 1
    told = json.dumps(stack.catalog.audit.entries(0, 1000))
    assert not {word for word in ("leave", "Title of", "First words", "policies") if word in told}


@pytest.mark.parametrize(
    ("questions", "keys"), [("kept", {"question"}), ("hashed", {"question_hash"}), ("dropped", set())]
)
async def test_a_question_is_kept_hashed_or_dropped(stack: Stack, questions: str, keys: set[str]) -> None:
    log = audited(stack, questions=questions)
    async with serving(stack) as client:
        await ask(stack, client)
    [event] = written(stack, "answer.ask")
    assert set(event.detail) == {"documents", *keys}
    assert (QUESTION in json.dumps(event.detail)) == (questions == "kept")
    assert log.question(QUESTION).items() <= event.detail.items()
    keyed = AuditLog(AuditSettings(question_key="x"), lambda: stack.catalog)  # type: ignore[arg-type]
    hashed = AuditLog(AuditSettings(), lambda: stack.catalog)
    assert keyed.question(QUESTION) != hashed.question(QUESTION)


async def test_reading_leaves_nothing_where_it_is_not_wanted(stack: Stack) -> None:
    audited(stack, reading=False)
    async with serving(stack) as client:
        await ask(stack, client)
        await client.get("/v1/me", headers={"Authorization": "Bearer wrong"})
    assert written(stack, "search.run", "answer.ask", "document.open", "sign_in") == []


async def test_an_answer_that_broke_off_is_noted(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.answerer.script = [*an_answer()[:3], RuntimeError("it broke")]
    await client.post("/v1/answers", json={"question": QUESTION})
    [event] = written(stack, "answer.ask")
    assert (event.outcome, event.reason, event.name) == ("failed", "unfinished", "anonymous")
    assert event.detail["documents"] == ["d1"]


async def test_strangers_cannot_fill_it(stack: Stack, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/v1/me", headers={"Authorization": "Bearer wrong"})
    for number in range(MOST_REFUSALS + 50):
        stack.audit.note_refused_sign_in("unknown", None, f"10.0.{number // 256}.{number % 256}")
    events = written(stack, "sign_in")
    assert len(events) == MOST_REFUSALS + 1
    assert sum(event.detail["times"] for event in events) == MOST_REFUSALS + 53
    assert next(event.detail["times"] for event in events if event.client == "127.0.0.1") == 3


async def test_nobody_is_served_once_reading_would_leave_no_trace(
    stack: Stack, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailable("The disk of the catalog is full.")

    monkeypatch.setattr(stack.catalog.audit, "append", fail)
    for _ in range(MOST_WAITING):
        stack.audit.note(ANN, Deed(action="a"))
    with pytest.raises(StorageUnavailable):
        stack.audit.flush()
    refused = await client.post("/v1/search", json={"query": "x"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    stack.audit.flush()
    assert (await client.post("/v1/search", json={"query": "x"})).status_code == 200
    assert len(stack.catalog.audit.entries(0, 2 * MOST_WAITING)) > MOST_WAITING


async def test_who_may_not_administer_may_not_read_it(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    reader = await ask(stack, client)
    _, plain = stack.keys.create("Auditor", Grant(user="eve", roles=(Role.AUDITOR,)))
    auditor = {"Authorization": f"Bearer {plain}"}
    for path in ("/v1/audit", "/v1/audit/entries", "/v1/audit/verify"):
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=reader)).status_code == 403
        assert (await client.get(path, headers={**admin, "X-Footnote-User": "ann"})).status_code == 403
        assert (await client.get(path, headers=admin)).status_code == 200
        assert (await client.get(path, headers=auditor)).status_code == 200
    assert (await client.get("/v1/documents/d1/text", headers=auditor)).status_code in {403, 404}
    assert (await client.get("/v1/keys", headers=auditor)).status_code == 403
    assert {event.action for event in written(stack, "audit.search", "audit.export", "administration")} == {
        "audit.search",
        "audit.export",
        "administration",
    }


async def test_searching_and_verifying_over_http(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await ask(stack, client)
    stack.audit.flush()

    async def found(**params: Any) -> set[str]:
        events = (await client.get("/v1/audit", params=params, headers=admin)).json()["events"]
        return {event["action"] for event in events}

    assert await found(document_id="d1") == {"search.run", "answer.ask", "document.open"}
    assert await found(user="ann", action="document") == {"document.open"}
    assert await found(since="2999-01-01") == set()
    assert await found(outcome="failed") == set()
    entries = (await client.get("/v1/audit/entries", headers=admin)).json()["entries"]
    assert verify_lines(map(json.dumps, entries)).broken is None
    told = (await client.get("/v1/audit/verify", headers=admin)).json()
    assert (told["broken"], told["left"]) == (None, 0)
    assert told["checked"] >= len(entries)


def test_a_file_is_one_chain_of_all_who_write_to_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for number in range(6):
        FileSink(path).append([entry(object_id=str(number)), entry(detail={"ä": ["x"]})])
    assert path.stat().st_mode & 0o777 == 0o600
    lines = path.read_text().splitlines()
    found = verify_lines(lines)
    assert (found.checked, found.last, found.broken, found.begun) == (12, 12, None, 1)
    assert verify_lines(lines[4:]).begun == 5
    for wrong in (
        [*lines[:3], *lines[4:]],
        [*lines[:3], lines[3].replace("ann", "bob"), *lines[4:]],
        ["nonsense"],
        lines[::-1],
    ):
        assert verify_lines(wrong).broken is not None
    with path.open("a") as file:
        file.write('{"number": 13, "cut')  # a kill in the middle of a line
    FileSink(path).append([entry()])
    assert verify_lines(path.read_text().splitlines()).checked == 13
    path.write_text("nonsense\n")
    with pytest.raises(StorageUnavailable, match="no entry"):
        FileSink(path).append([entry()])
    with pytest.raises(StorageUnavailable, match=r"audit\.file"):
        FileSink(tmp_path / "absent" / "audit.jsonl").append([entry()])


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_syslog_gets_a_chain_of_messages(tmp_path: Path, kind: str) -> None:
    server = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET, socket.SOCK_DGRAM)
    with server:
        server.settimeout(10)
        server.bind(str(tmp_path / "log") if kind == "unix" else ("127.0.0.1", 0))
        address = str(tmp_path / "log") if kind == "unix" else f"127.0.0.1:{server.getsockname()[1]}"
        SyslogSink(address).append([entry(), entry()])
        messages = [server.recv(65_536).decode() for _ in range(2)]
    assert all(message.startswith("<109>1 2026-03-01T00:00:00.000000+00:00 ") for message in messages)
    lines = [json.loads(message.partition(" audit - ")[2]) for message in messages]
    assert len({line.pop("chain") for line in lines}) == 1
    assert verify_lines(map(json.dumps, lines)).checked == 2


def test_what_cannot_be_written_everywhere_is_not_done(stack: Stack, tmp_path: Path) -> None:
    log = audited(stack, to=("catalog", "syslog"), syslog=str(tmp_path / "none"))
    with pytest.raises(StorageUnavailable, match=r"audit\.syslog"):
        log.append([entry()])


def test_a_file_has_to_be_named() -> None:
    with pytest.raises(ValueError, match=r"set audit\.file"):
        AuditSettings(to=("file",))
