"""The command from a recipe to a verdict, on the shipped questions, with a model of one layer."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.cli.main import cli
from core.errors import ConfigurationError, FootnoteError, StorageUnavailable
from core.settings import RerankerSettings
from eval.datasets import DatasetError
from eval.training import preparing
from retrieval.reranking.cross_encoder import CrossEncoderReranker

WriteRecipe = Callable[..., Path]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: object) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__THREADS", "1")
    return tmp_path


def train(recipe: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["train", "reranker", "--recipe", str(recipe), "--out", "model", *options])


def printed(said: Result) -> Any:
    """The JSON on standard output, without the lines of logs that a test's process puts there too."""
    lines = said.stdout.splitlines()
    return json.loads("\n".join(lines[lines.index("{") :]))


def refused(recipe: Path, kind: type[FootnoteError]) -> str:
    said = train(recipe)
    assert isinstance(said.exception, kind), said.output
    return said.exception.message


def test_it_stops_goes_on_and_keeps_what_the_gate_rejects(recipe: WriteRecipe, workplace: Path) -> None:
    """Weight 1: hardly trained, it replaces the order, which is sure to be worse."""
    file = recipe(gate="weights = [1.0]")
    stopped = train(file, "--work", "work", "--json", "--stop-after", "0")
    assert stopped.exit_code == 75, stopped.output
    assert printed(stopped)["steps"] == 1
    assert [folder.name for folder in workplace.glob("work/checkpoints-*/*")] == ["checkpoint-1"]
    (next(workplace.glob("work/checkpoints-*")) / "checkpoint-9").mkdir()  # cut off
    mined = {path: path.stat().st_mtime_ns for path in workplace.glob("work/groups/*/*.jsonl")}

    said = train(file, "--work", "work", "--json")
    assert said.exit_code == 1, said.output
    outcome = printed(said)
    assert mined == {path: path.stat().st_mtime_ns for path in workplace.glob("work/groups/*/*.jsonl")}
    assert not (workplace / "model").exists()
    assert not list(workplace.glob("work/checkpoints-*"))
    assert outcome["promoted"] is False
    assert outcome["gate"]["faults"]
    assert set(outcome["gate"]["sets"]) == {f"part{part} (test)" for part in range(4)}
    kept = Path(outcome["model"])
    assert kept.parent.name == "rejected"
    facts = json.loads((kept / "training.json").read_text())
    assert facts["steps"] == outcome["facts"]["steps"] > 1
    assert facts["history"]
    for source in ("titles", "asked"):
        assert facts["sources"][source]["trained"] > 0
    card = (kept / "README.md").read_text()
    assert "did not pass" in card
    assert "| part0 (test) |" in card
    assert (kept / "recipe.toml").read_text() == file.read_text()
    assert (workplace / "work" / "report.html").is_file()
    assert json.loads((workplace / "work" / "history.jsonl").read_text())["promoted"] is False
    assert len(list(workplace.glob("data/eval/runs/*.json"))) == 1
    again = train(file, "--work", "work", "--json")  # judged once more, not trained
    assert printed(again)["facts"]["trained_at"] == facts["trained_at"]
    scores = CrossEncoderReranker(RerankerSettings(model=str(kept))).score("sick leave", ["leave when sick", "a pump"])
    assert len(scores) == 2


def test_a_full_disk_is_named_with_the_way_on(recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(groups: object, file: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(preparing, "write_groups", full)
    message = refused(recipe(), StorageUnavailable)
    assert "No space left on device" in message
    assert "make room" in message


def test_a_model_that_is_none_is_refused_before_anything_starts(recipe: WriteRecipe, tmp_path: Path) -> None:
    file = recipe()
    (tmp_path / "empty").mkdir()
    for base, why in (("empty", "no config.json"), ("nowhere/at/all", "which is not there")):
        text = file.read_text().splitlines()
        file.write_text("\n".join([f'base = "{tmp_path / base}"', *text[1:]]))
        assert why in refused(file, ConfigurationError)
    assert not (tmp_path / "data").exists()


def test_what_is_there_is_not_overwritten(recipe: WriteRecipe, workplace: Path) -> None:
    (workplace / "model").mkdir()
    (workplace / "model" / "weights").write_text("of last year")
    assert "is there already" in refused(recipe(), DatasetError)


def test_documents_without_headings_ask_nothing(recipe: WriteRecipe, workplace: Path) -> None:
    folder = workplace / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("one long note about pumps and valves in the cellar of the plant. " * 10)
    sources = f'[sources.notes]\nkind = "headings"\npath = "{folder}"\n'
    assert "heading of its own" in refused(recipe(sources=sources), DatasetError)


def test_a_folder_without_documents_is_nothing_to_learn_from(recipe: WriteRecipe, workplace: Path) -> None:
    (workplace / "nothing").mkdir()
    sources = f'[sources.notes]\nkind = "headings"\npath = "{workplace}/nothing"\n'
    assert "no section of text" in refused(recipe(sources=sources), DatasetError)


def test_questions_of_the_gate_are_not_trained_on(recipe: WriteRecipe, parts: Path) -> None:
    sources = f'[sources.same]\nkind = "beir"\npath = "{parts}/part1"\nsplit = "test"\n'
    assert "in a gate set too" in refused(recipe(sources=sources), DatasetError)


def test_nothing_that_is_found_is_nothing_to_learn(recipe: WriteRecipe, workplace: Path) -> None:
    folder = workplace / "odd"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{number}", "title": "", "text": f"pump number{number}"} for number in range(40)]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "pump number1 number2 number3 number4 number5"}\n')
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq\td39\t1\n")
    message = refused(recipe(sources=f'[sources.odd]\nkind = "beir"\npath = "{folder}"\n'), DatasetError)
    assert "odd: of its 1 questions none can be used" in message
    assert "nothing relevant among the first 8: 1" in message
