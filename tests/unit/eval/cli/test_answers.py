"""``footnote eval answers``: quality once, times idle and beside a busy process, with the processor's name."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from eval.answers.judged import Answered, Asked
from eval.cli import answers as command
from eval.cli.main import eval as group
from tests.unit.eval.word_embedder import WordEmbedder

ROW = {"question": "How many days?", "kind": "how", "split": "held", "files": ["a.md"], "words": ["30 days"]}


@pytest.fixture(autouse=True)
def answerer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers everything with thirty days."""

    async def ask_all(answerer: object, questions: list[Asked], filters: object, progress: object) -> list[Answered]:
        uris = ("file:///a.md",)
        return [Answered(one, "30 days", ("30 days",), uris, uris, ms=20.0, extract_ms=5.0) for one in questions]

    retriever = SimpleNamespace(warm_up=lambda: None, embedder=WordEmbedder(window_tokens=20))
    monkeypatch.setattr(command, "build_retriever", lambda settings: retriever)
    monkeypatch.setattr(command, "ask_all", ask_all)


def test_quality_and_times_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("q.jsonl").write_text(json.dumps(ROW) + "\n")
    said = CliRunner().invoke(group, ["answers", "--questions", "q.jsonl", "--show", "--out", "out.json"])
    assert said.exit_code == 0, said.exception
    assert "right · How many days?" in said.output
    assert "cores" in said.output
    assert "| expected words in the answer | none | 100.0 % (1 of 1;" in said.output
    told = json.loads(Path("out.json").read_text())
    idle, beside = told["latency"]
    assert idle.startswith("idle")
    assert beside.startswith("beside a busy process")
    assert told["latency"][beside]["answer_p50_ms"] == 20
    assert told["machine"]["cores"]
    assert told["shares"]["expected words in the answer"] == [1, 1]
    only = CliRunner().invoke(group, ["answers", "--questions", "q.jsonl", "--idle"])
    assert "beside" not in only.output
