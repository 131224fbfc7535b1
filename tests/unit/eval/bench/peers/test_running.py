"""Turns: every arm gets every block and every question, each beginning with another, and a stopped one goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import InvalidRequest
from eval.bench.peers.arms import ARMS, FILES, writers
from eval.bench.peers.record import Record, SetRecord
from eval.bench.peers.running import WHOLE, Comparison
from eval.client import ApiClient
from eval.datasets import Collection, Document

TEXTS = [{"id": f"d{n}", "title": "", "text": f"text {n}"} for n in range(5)]
COLLECTION = Collection(
    "tiny",
    tuple(Document(each["id"], "", each["text"]) for each in TEXTS),
    {f"q{n}": f"question {n}" for n in range(4)},
    {f"q{n}": {"d0": 1} for n in range(4)},
)


class Recorder:
    """A side that notes its calls."""

    def __init__(self, calls: list[tuple[str, str, Any]]) -> None:
        self._calls = calls

    def call(self, method: str, *, timeout_s: float, **arguments: Any) -> Any:
        variant = arguments.pop("variant")
        self._calls.append((method, variant, arguments))
        found = {"documents": ["d0#0", "d0#1", "d1#0"], "seconds": 0.1, "stages": {}, "cpu_s": 0.05, "vectors": 2}
        return {"index": arguments["index"]} if method == "open" else found


def comparison(
    calls: list[tuple[str, str, Any]], record: Record, goes_on: Callable[[], bool] = lambda: True
) -> Comparison:
    side = Recorder(calls)
    return Comparison(
        sides={"footnote": side, "haystack": side},
        options={"haystack": {"dimensions": 3}},
        url="http://127.0.0.1:1",
        model="m",
        record=record,
        save=lambda: None,
        goes_on=goes_on,
        progress=lambda what, done, total: None,
    )


@pytest.fixture
def record() -> Record:
    row = SetRecord(fingerprint="f", fit=True, documents=5, texts=5, covered=1.0)
    return Record(run="r", model="m", sets={"tiny": row})


def test_every_arm_that_writes_gets_every_block_in_turn(record: Record) -> None:
    calls: list[tuple[str, str, Any]] = []
    assert comparison(calls, record).ingest("tiny", TEXTS, 2, ())
    names = [arm.name for arm in writers()]
    assert [variant for _, variant, _ in calls] == [
        *names,
        *(names[1:] + names[:1]),
        *(names[2:] + names[:2]),
    ]
    for name in names:
        got = [each["id"] for _, variant, call in calls if variant == name for each in call["documents"]]
        assert got == [each["id"] for each in TEXTS]
    blocks = record.sets["tiny"].blocks
    assert [block.documents for block in blocks] == [2, 2, 1]
    assert set(blocks[0].seconds) == set(blocks[0].cpu_s) == set(names)


def test_what_was_stopped_goes_on_where_it_was(record: Record) -> None:
    calls: list[tuple[str, str, Any]] = []
    left = iter([True, False])
    assert not comparison(calls, record, lambda: next(left)).ingest("tiny", TEXTS, 2, ())
    assert len(record.sets["tiny"].blocks) == 1
    calls.clear()
    assert comparison(calls, record).ingest("tiny", TEXTS, 2, ())
    assert calls[0][2]["documents"] == TEXTS[2:4]
    assert len(record.sets["tiny"].blocks) == 3
    calls.clear()
    assert comparison(calls, record).ingest("tiny", TEXTS, 2, ())
    assert not calls


def test_every_arm_is_asked_every_question_after_settling_and_warming_up(record: Record) -> None:
    calls: list[tuple[str, str, Any]] = []
    assert comparison(calls, record).ask("tiny", COLLECTION, ["warm"], 3)
    arms = [arm.name for arm in ARMS]
    assert [variant for method, variant, _ in calls if method == "settle"] == [arm.name for arm in writers()]
    asked = [(variant, call["query"]) for method, variant, call in calls if method == "ask"]
    assert asked[: len(arms)] == [(arm, "warm") for arm in arms]
    assert asked[len(arms) : 2 * len(arms)] == [(arm, "question 0") for arm in arms]
    assert asked[2 * len(arms)][0] == arms[1]
    questions = record.sets["tiny"].questions
    assert [question.id for question in questions] == ["q0", "q1", "q2"]
    assert questions[0].found[arms[0]] == ["d0", "d1"]  # pieces of one document count once


def test_an_arm_s_index_is_its_own_and_the_options_reach_it(record: Record) -> None:
    calls: list[tuple[str, str, Any]] = []
    on = comparison(calls, record)
    for arm in ARMS:
        on.open("Tiny", arm)
    indexes = [call["index"] for _, _, call in calls]
    assert indexes[0] == indexes[1] == "peers-r-tiny-footnote"
    assert len(set(indexes)) == len(writers())
    assert calls[3][2]["options"]["dimensions"] == 3
    assert calls[3][2]["options"]["analyzer"] == "english"
    assert set(record.about) == {arm.name for arm in ARMS}


def test_the_whole_path_goes_through_the_service_and_through_the_peer_s_files(record: Record, tmp_path: Path) -> None:
    held = {"indexed": 0}

    def service(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/status":
            return httpx.Response(200, json={"documents": held})
        if request.method == "POST":
            return httpx.Response(200, json={"id": "s"})
        return httpx.Response(200, json={"runs": [{"finished_at": "now", "error": None, "indexed": 2}]})

    calls: list[tuple[str, str, Any]] = []
    with ApiClient("http://service", "key", httpx.MockTransport(service)) as client:
        assert comparison(calls, record).whole("tiny", COLLECTION.documents, 3, client, tmp_path)
    assert [method for method, _, _ in calls] == ["ask", "write_files", "write_files"]
    assert {variant for _, variant, _ in calls} == {FILES.name}
    assert len(list(Path(calls[1][2]["folder"]).iterdir())) == 3
    first = record.sets["tiny"].files[0]
    assert set(first.seconds) == {WHOLE, FILES.name}
    assert set(first.cpu_s) == {FILES.name}
    held["indexed"], record.sets["tiny"].files = 1, []
    with (
        ApiClient("http://service", "key", httpx.MockTransport(service)) as client,
        pytest.raises(InvalidRequest, match="holds documents already"),
    ):
        comparison(calls, record).whole("tiny", COLLECTION.documents, 3, client, tmp_path)
