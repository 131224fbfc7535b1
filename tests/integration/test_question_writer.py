"""Questions that a model writes: over a real connection to a scripted one, checked as they would be in use."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.errors import FootnoteError
from core.judging_settings import JudgeSettings
from core.principal import ANONYMOUS
from core.settings import Settings
from eval.datasets import DatasetError
from eval.judging.asking import Asker
from eval.judging.budget import Budget
from eval.progress import unseen
from eval.question_sets import making
from eval.question_sets.by_model import KINDS
from eval.question_sets.checking import Checker
from eval.question_sets.making import Made, Wanted, make
from eval.question_sets.material import Section
from generation.models.openai import OpenAiModel
from generation.text.word_stems import terms
from generation.verification.overlap import OverlapSupport
from tests.integration.scripted_model import END, OK, USAGE, Call, Script, event, serving

NAMES = ("bridges", "turbines", "forklifts", "orchards", "kennels", "lanterns")
SECTIONS = [
    Section(
        f"d{at}",
        "1",
        f"All about {name}",
        f"Care of {name} {part}",
        f"Whoever looks after the {name} writes {part} notes about them before noon on each working day. "
        f"The {name} are {part} painted in the colour number {10 * at + part} by the crew of the {name} depot, which "
        "also keeps the keys and a list of spare parts.",
        (f"Kind: {name} | Price: {at}{part} crowns",),
    )
    for part in range(1, 7)
    for at, name in enumerate(NAMES)
]


class Searches:
    """Finds the sections that share most words with the question."""

    embedder: Any = None

    def search(self, query: str, reader: object, *, limit: int) -> Any:
        wanted = terms(query)
        ranked = sorted(SECTIONS, key=lambda one: -len(wanted & terms(f"{one.title} {one.heading} {one.text}")))
        hits = [
            SimpleNamespace(chunk=SimpleNamespace(document_id=one.document, text=one.text), duplicates=())
            for one in ranked[:limit]
        ]
        return SimpleNamespace(hits=hits)


class WordVectors:
    """A direction for each question."""

    def embed_query(self, query: str) -> Any:
        drawn = np.random.default_rng(abs(hash(query)) % 2**32).normal(size=64)
        return drawn / np.linalg.norm(drawn)


def written(prompt: str, number: int) -> str:
    """What the scripted model replies."""
    if number % 6 == 5:
        return "I'd rather not."
    texts = re.findall(r'<source number="\d+">\n(.*?)\n</source>', prompt, re.DOTALL)
    quotes = [max(re.split(r"(?<=[.!?])\s", text.split("\n\n", 1)[-1]), key=len).strip() for text in texts]
    reply: dict[str, Any] = {
        "question": f"What is so about {' '.join(quotes[0].split()[:12])}?",
        "answer": quotes[0],
        "quotes": quotes,
    }
    kind = prompt.rsplit("Write this: ", 1)[-1]
    if "sounds as if" in kind:
        title = " ".join(texts[0].split("\n\n", 1)[0].split())
        reply = {
            "question": f"{title}: which unicorns graze there?",
            "claim": "Seventeen purple unicorns graze behind the fjord.",
        }
    if "A first question" in kind:
        reply["turns"] = [reply["question"], quotes[0]]
    return json.dumps(reply)


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Script, budget: Budget | None = None) -> Made:
    monkeypatch.setattr(making, "sections", lambda *_, **__: iter(SECTIONS))
    checker = Checker(Searches(), WordVectors(), OverlapSupport(None), ANONYMOUS)  # type: ignore[arg-type]

    async def run() -> Made:
        async with serving(script) as server:
            settings = JudgeSettings(provider="openai", model="m", url=server.url, concurrency=2)
            asker = Asker(OpenAiModel(settings), settings, budget)
            wanted = Wanted(12, 0, ANONYMOUS, tuple(KINDS))
            return await asyncio.to_thread(make, wanted, Settings(data_dir=tmp_path), checker, asker, unseen)

    return asyncio.run(run())


def replying(reply: Any = written) -> Script:
    asked = 0

    async def script(call: Call) -> None:
        nonlocal asked
        asked += 1
        text = reply(call.body["messages"][1]["content"], asked)
        await call.send(OK, event(text), event(finish="stop"), USAGE, END)

    return script


def test_a_model_writes_the_kinds_that_rules_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(tmp_path, monkeypatch, replying())
    by_kind = {one.kind: one for one in found.questions}
    assert {"single-hop", "two documents", "table", "unanswerable", "follow-up"} <= set(by_kind), found
    assert by_kind["unanswerable"].no_answer
    assert not by_kind["unanswerable"].documents
    assert len(by_kind["two documents"].versions) == 2
    assert len(by_kind["follow-up"].turns) == 2
    assert "paraphrased" not in by_kind  # it repeated the source's words
    assert found.failures["malformed"] > 0


def test_what_a_model_makes_up_is_dropped_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def invents(prompt: str, number: int) -> str:
        reply = json.loads(written(prompt, 1))
        if "claim" in reply:
            reply["claim"] = re.findall(r"Whoever [^.]*\.", prompt)[0]  # which the source does say
        else:
            reply["answer"] = "Purple unicorns graze behind seventeen fjords."
        return json.dumps(reply)

    found = made(tmp_path, monkeypatch, replying(invents))
    assert found.dropped["answer not borne out by its passages"] > 0
    assert found.dropped["unanswerable, and answered"] > 0
    assert {one.kind for one in found.questions} <= {"heading", "definition", "table cell", "date"}


def test_a_spent_budget_keeps_what_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(tmp_path, monkeypatch, replying(), Budget(tokens=15))
    assert "is spent" in found.stopped
    assert found.questions


def test_a_model_that_only_refuses_is_counted_and_nothing_crashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(tmp_path, monkeypatch, replying(lambda prompt, number: "I'd rather not."))
    assert found.failures["refused"] > 10
    monkeypatch.setattr(making, "by_rule", lambda read: iter(()))
    with pytest.raises(DatasetError, match="No question passed its checks") as refused:
        made(tmp_path, monkeypatch, replying(lambda prompt, number: "I'd rather not."))
    assert isinstance(refused.value, FootnoteError)
