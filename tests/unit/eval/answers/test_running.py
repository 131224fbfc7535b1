"""Asking once, going on, stopping at a budget, and hearing what a service says."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import InvalidRequest, NotAuthenticated, Unavailable
from eval.answers.asking import Asker, OverHttp
from eval.answers.configurations import Configuration, read_configurations
from eval.answers.questions import EvalQuestion, Reader
from eval.answers.rows import Row, kept_rows
from eval.answers.running import Budget, ask_all, open_plan
from eval.progress import unseen

QUESTIONS = [EvalQuestion(id=str(at), question=f"Question {at}?") for at in range(6)]


class Scripted:
    """Answers everything, until it is told to break down."""

    def __init__(self, breaks_at: int | None = None, status: str = "answered") -> None:
        self.asked: list[str] = []
        self._breaks_at = breaks_at
        self._status = status

    async def ask(self, asked: EvalQuestion) -> Row:
        if len(self.asked) == self._breaks_at:
            raise Unavailable("The service is gone.")
        self.asked.append(asked.id)
        known: dict[str, Any] = {"status": self._status, "input_tokens": 90, "output_tokens": 10, "cost": 0.5}
        return Row(question=asked.id, config="base", asked_at=datetime.now(UTC), **known)

    async def close(self) -> None:
        pass


def run(folder: Path, asker: Asker, budget: Budget | None = None, **options: Any) -> str:
    return asyncio.run(
        ask_all(folder, QUESTIONS, {"base": asker}, budget=budget or Budget(), progress=unseen, **options)
    )  # fmt: skip


def test_what_was_answered_before_a_breakdown_isnt_asked_again(tmp_path: Path) -> None:
    first, second = Scripted(breaks_at=3), Scripted()
    with pytest.raises(Unavailable, match="gone"):
        run(tmp_path, first)
    assert run(tmp_path, second) == ""
    assert (first.asked, second.asked) == (["0", "1", "2"], ["3", "4", "5"])
    assert len(kept_rows(tmp_path)) == 6


def test_several_at_once_ask_each_question_once(tmp_path: Path) -> None:
    asker = Scripted()
    run(tmp_path, asker, at_once=4)
    assert sorted(asker.asked) == [one.id for one in QUESTIONS]


@pytest.mark.parametrize(
    ("budget", "told"),
    [(Budget(tokens=250), "250 tokens is used up .300.: raise --max-tokens"), (Budget(cost=1.5), "raise --max-cost")],
)
def test_a_budget_stops_the_run_and_counts_what_was_spent_before(tmp_path: Path, budget: Budget, told: str) -> None:
    asker = Scripted()
    assert re.search(told, run(tmp_path, asker, budget))
    assert asker.asked == ["0", "1", "2"]
    assert run(tmp_path, asker, budget)
    assert len(asker.asked) == 3
    assert run(tmp_path, asker) == ""
    assert len(asker.asked) == 6


def test_errors_are_kept_and_asked_again_only_on_request(tmp_path: Path) -> None:
    run(tmp_path, Scripted(status="error"))
    asker = Scripted()
    run(tmp_path, asker)
    assert asker.asked == []
    run(tmp_path, asker, again=True)
    assert len(asker.asked) == 6
    assert {row.status for row in kept_rows(tmp_path)} == {"answered"}


def test_a_folder_goes_on_only_with_its_own_questions_and_configurations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    open_plan(out, QUESTIONS, read_configurations(("base=",)))
    open_plan(out, QUESTIONS, read_configurations(("base=", "few=retrieval.context_chunks=3")))
    with pytest.raises(InvalidRequest, match="other questions"):
        open_plan(out, QUESTIONS[1:], read_configurations(("base=",)))
    with pytest.raises(InvalidRequest, match=r"--config few: .* another configuration of that name"):
        open_plan(out, QUESTIONS, read_configurations(("few=retrieval.context_chunks=4",)))


def test_what_readers_may_read_lies_in_a_folder_that_nobody_else_may_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_plan(tmp_path / "a" / "out", QUESTIONS, read_configurations(()))
    assert (tmp_path / "a" / "out").stat().st_mode & 0o777 == 0o700


SOURCE = {"number": 1, "chunk_id": "c", "document_id": "d", "ordinal": 2, "title": "Leave", "uri": "file:///leave.md"}
EVENTS = [
    ("meta", {"answer_id": "a", "conversation_id": "c", "model": "m", "index_generation": "", "prompts": ["p-1"]}),
    ("sources", {"sources": [{**SOURCE, "page": None, "heading_path": []}], "index_generation": "g1"}),
    ("token", {"text": "Sixteen "}),
    ("token", {"text": "weeks."}),
    ("citation", {"number": 1, "answer_start": 0, "answer_end": 14, "quote": "16 weeks", "quote_start": 3,
                  "quote_end": 11, "document_id": "d", "ordinal": 2, "page": None, "heading_path": []}),
    ("done", {"finish_reason": "stop", "usage": {"input_tokens": 1000, "output_tokens": 100}, "timings_ms": {},
              "degraded": [], "notices": [], "citations_dropped": 0, "groundedness": 1.0}),
]  # fmt: skip


def stream(events: list[tuple[str, dict[str, Any]]]) -> str:
    told = (f"id: {at}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for at, (name, data) in enumerate(events))
    return ": heartbeat\n\n" + "".join(told)


def hear(*responses: httpx.Response | Exception, reader: Reader | None = None) -> tuple[Row, list[httpx.Request]]:
    """What is kept of a question to a service that gives these responses, and the requests that it got."""
    seen: list[httpx.Request] = []
    left = list(responses)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path.startswith("/v1/documents"):
            return httpx.Response(200, json={"text": "It is 16 weeks."})
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask() -> Row:
        asker = OverHttp(service(), httpx.MockTransport(handle))
        try:
            return await asker.ask(
                EvalQuestion(id="q", question="How long?", turns=("Hi", "Hello"), reader=reader or Reader())
            )
        finally:
            await asker.close()

    return asyncio.run(ask()), seen


def service() -> Configuration:
    (config,) = read_configurations(("live=url=http://service,price.input=1,price.output=10",))
    return config


def test_everything_that_a_service_says_is_kept_with_the_texts_of_its_passages() -> None:
    row, seen = hear(httpx.Response(200, text=stream(EVENTS)), reader=Reader(user="ida", groups=("hr",)))
    assert (row.status, row.answer, row.model, row.prompts, row.index_generation) == (
        "answered", "Sixteen weeks.", "m", ("p-1",), "g1",
    )  # fmt: skip
    assert row.passages[0].text == "It is 16 weeks."
    assert row.citations[0].quote == "16 weeks"
    assert (row.input_tokens, row.cost) == (1000, 0.002)
    assert row.first_token_ms is not None
    assert row.first_token_ms <= row.total_ms
    assert [request.headers["X-Footnote-User"] for request in seen] == ["ida", "ida"]
    assert json.loads(seen[0].content)["history"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
    ]


def test_abstaining_and_refusing_are_told_apart() -> None:
    def abstained(reason: str) -> Row:
        events = [EVENTS[0], EVENTS[1], ("abstain", {"reason": reason, "nearest": []}), EVENTS[-1]]
        return hear(httpx.Response(200, text=stream(events)))[0]

    assert abstained("The sources don't answer it.").status == "abstained"
    assert abstained("The question can't be answered here.").status == "refused"
    assert hear(httpx.Response(200, text=stream([EVENTS[0], EVENTS[1], EVENTS[-1]])))[0].status == "empty"


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (httpx.Response(422, json={"title": "Bad", "detail": "The filter is wrong."}), "422: The filter is wrong."),
        (httpx.Response(200, text=stream([EVENTS[0], ("error", {"title": "T", "detail": "No model."})])), "No model."),
        (httpx.Response(200, text=stream(EVENTS[:3])), "ended without an end"),
        (httpx.Response(200, text="event: token\ndata: {broken\n\n"), "Expecting property name"),
        (httpx.ReadError("cut off"), "cut off"),
    ],
)
def test_what_goes_wrong_with_one_question_is_its_row(response: httpx.Response | Exception, why: str) -> None:
    row, _ = hear(response)
    assert row.status == "error"
    assert why in row.reason


def test_a_busy_service_is_asked_again_when_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    row, _ = hear(httpx.Response(503, headers={"Retry-After": "2"}), httpx.Response(200, text=stream(EVENTS)))
    assert (row.status, waits) == ("answered", [2])
    row, _ = hear(*(httpx.Response(429) for _ in range(4)))
    assert row.reason == "The service was too busy 4 times in a row."


def test_a_service_that_is_gone_or_lets_nobody_in_ends_the_run() -> None:
    with pytest.raises(Unavailable, match="Nobody answers at http://service"):
        hear(httpx.ConnectError("refused"))
    with pytest.raises(NotAuthenticated, match="give --config live the key_file of an administrator"):
        hear(httpx.Response(403, json={"detail": "No."}))
