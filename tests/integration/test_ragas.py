"""ragas over a real connection: its metrics come out as they should, and what fails is counted by metric."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from api.cli.main import cli
from core.errors import FootnoteError
from core.judging_settings import JudgeSettings, JudgingSettings
from core.settings import Settings
from eval.judging.budget import Budget
from eval.judging.judge import Case, build_judge
from eval.judging.ragas_metrics import METRICS, OwnEmbeddings, RagasMetrics
from eval.judging.records import RagasRow
from eval.judging.running import Outcome, measure_all
from eval.judging.summary import summary
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder
from tests.integration.scripted_model import END, OK, USAGE, Call, Script, event, refuses, serving

CASE = Case(
    "q1",
    "How long is parental leave?",
    "Each parent gets 24 weeks of parental leave.",
    ("Parental leave is 24 weeks for each parent.", "Hotels in Norway cost up to 1,900 crowns."),
    "Every parent gets 24 weeks.",
)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """Footnote's own."""
    return build_embedder(Settings())


def obedient(value: int) -> Script:
    """Replies with the least object of the schema that the prompt names; every number in it is ``value``."""

    async def script(call: Call) -> None:
        prompt = call.body["messages"][-1]["content"]
        schema = _schema(prompt)
        await call.send(OK, event(json.dumps(_instance(schema, schema, value))), event(finish="stop"), USAGE, END)

    return script


def _schema(prompt: str) -> dict[str, Any]:
    """The last object of the prompt that is a schema."""
    at, found = prompt.find("{"), {}
    while at >= 0:
        try:
            value, length = json.JSONDecoder().raw_decode(prompt[at:])
        except ValueError:
            value, length = None, 1
        if isinstance(value, dict) and "properties" in value:
            found = value
        at = prompt.find("{", at + length)
    return found


def _instance(schema: dict[str, Any], whole: dict[str, Any], value: int) -> Any:
    if "$ref" in schema:
        return _instance(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole, value)
    match schema.get("type"):
        case "object":
            return {name: _instance(part, whole, value) for name, part in schema["properties"].items()}
        case "array":
            return [_instance(schema["items"], whole, value)]
        case "integer" | "number":
            return value
        case "boolean":
            return bool(value)
        case _:
            return "How long is parental leave?"


def measured(
    script: Script, file: Path, embedder: Embedder, *, case: Case = CASE, budget: Budget | None = None
) -> Outcome:
    async def run() -> Outcome:
        async with serving(script) as server:
            settings = JudgeSettings(
                provider="openai", model="m", url=server.url, api_key=SecretStr("sk"), first_token_timeout_s=0.5,
                token_timeout_s=0.5, concurrency=2,
            )  # fmt: skip
            asker = build_judge(settings, JudgingSettings(), budget).asker
            try:
                return await measure_all(RagasMetrics(asker, embedder), {"c": [case]}, file)
            finally:
                await asker.close()

    return asyncio.run(run())


def values(outcome: Outcome) -> dict[str, float | None]:
    return {row.metric: row.value for row in outcome.rows if isinstance(row, RagasRow)}


def test_every_metric_comes_out(tmp_path: Path, embedder: Embedder) -> None:
    found = values(measured(obedient(1), tmp_path / "r.jsonl", embedder))
    assert set(found) == set(METRICS)
    similar = found.pop("semantic_similarity")
    assert similar is not None
    assert similar == pytest.approx(
        sum(
            a * b
            for a, b in zip(
                *(OwnEmbeddings(embedder).embed_text(text) for text in (CASE.answer, CASE.reference)), strict=True
            )
        )
    )
    assert found == {
        "faithfulness": 1,
        "response_groundedness": 0.5,
        "answer_relevancy": 0,  # the reply says that the answer is noncommittal
        "context_precision": pytest.approx(1),
        "context_recall": 1,
        "factual_correctness": 1,
    }
    none = values(measured(obedient(0), tmp_path / "n.jsonl", embedder))
    assert (none["faithfulness"], none["context_recall"], none["answer_relevancy"]) == (0, 0, pytest.approx(1))


def test_what_a_metric_needs_decides_where_it_is_asked(tmp_path: Path, embedder: Embedder) -> None:
    bare = Case("q1", CASE.question, CASE.answer, CASE.passages)
    found = values(measured(obedient(1), tmp_path / "r.jsonl", embedder, case=bare))
    assert set(found) == {"faithfulness", "response_groundedness", "answer_relevancy"}


def prose(call: Call) -> Any:
    return call.send(OK, event("I'm sorry, I can't."), event(finish="stop"), USAGE, END)


def malformed(call: Call) -> Any:
    return call.send(OK, event('{"statements": 5'), event(finish="stop"), USAGE, END)


def cut(call: Call) -> Any:
    return call.send(OK, event('{"statements": ["'), event(finish="length"), USAGE, END)


async def slow(call: Call) -> None:
    await call.send(OK)
    await call.gone()


async def silent(call: Call) -> None:
    """Hangs up at once."""


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (prose, "refused"),
        (malformed, "malformed"),
        (cut, "cut"),
        (refuses(429, headers="Retry-After: 0\r\n"), "unavailable"),
        (refuses(500), "unavailable"),
        (refuses(400), "refused"),
        (slow, "unavailable"),
        (silent, "unavailable"),
    ],
    ids=["prose", "malformed", "cut", "429", "500", "400", "slow", "silent"],
)
def test_failures_are_counted_by_metric(tmp_path: Path, embedder: Embedder, script: Script, kind: str) -> None:
    found = summary(measured(script, tmp_path / "r.jsonl", embedder))
    assert len(found.ragas) == len(METRICS)
    for one in found.ragas:
        asks = one.metric != "semantic_similarity"
        assert (one.scored, one.failed, one.failures) == ((0, 1, {kind: 1}) if asks else (1, 0, {})), one.metric
    assert found.failures == {kind: len(METRICS) - 1}


def test_a_call_that_ragas_goes_on_without_is_counted_too(tmp_path: Path, embedder: Embedder) -> None:
    asked = 0

    async def first_fails(call: Call) -> None:
        nonlocal asked
        rating = "Rating" in call.body["messages"][-1]["content"] or "rating" in call.body["messages"][-1]["content"]
        asked += rating
        await (cut if rating and asked == 1 else obedient(1))(call)

    found = {one.metric: one for one in summary(measured(first_fails, tmp_path / "r.jsonl", embedder)).ragas}
    assert (found["response_groundedness"].scored, found["response_groundedness"].failed_calls) == (1, 1)


def test_a_spent_budget_stops_it_even_where_ragas_swallows_what_is_raised(tmp_path: Path, embedder: Embedder) -> None:
    outcome = measured(obedient(1), tmp_path / "r.jsonl", embedder, budget=Budget(tokens=30))
    assert "is spent" in outcome.stopped
    assert all(row.failure is None for row in outcome.rows)
    more = measured(obedient(1), tmp_path / "r.jsonl", embedder)
    assert set(values(more)) == set(METRICS)
    assert not more.stopped


def test_nothing_is_told_to_the_makers_of_ragas(
    tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    connect: Callable[..., Any] = socket.socket.connect

    def seen(self: socket.socket, address: Any) -> Any:
        asked.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", seen)
    measured(obedient(1), tmp_path / "r.jsonl", embedder)
    assert os.environ["RAGAS_DO_NOT_TRACK"] == "true"
    assert {address[0] for address in asked if isinstance(address, tuple)} <= {"127.0.0.1"}


def test_the_command_shows_failures_by_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"item": "q1", "question": CASE.question, "answer": CASE.answer, "passages": CASE.passages}
    Path("a.jsonl").write_text(json.dumps({**row, "reference": CASE.reference}) + "\n")

    def command(*more: str) -> Result:
        return CliRunner().invoke(cli, ["eval", "judge", "--answers", "a.jsonl", "--out", "r.jsonl", *more])

    async def run() -> Result:
        async with serving(prose) as server:
            Path("footnote.toml").write_text(f'[[judging.judges]]\nprovider="openai"\nmodel="m"\nurl="{server.url}"\n')
            return await asyncio.to_thread(command, "--metric", "faithfulness", "--metric", "semantic_similarity")

    said = asyncio.run(run())
    assert said.exit_code == 0, said.exception
    assert "| default | faithfulness | none | 0 | 1 | 1 |" in said.output
    assert "Failures: 1 refused." in said.output
    error = command("--metric", "bleu").exception
    assert isinstance(error, FootnoteError)
    assert "ragas has no metric 'bleu' here; use one of faithfulness" in error.message
