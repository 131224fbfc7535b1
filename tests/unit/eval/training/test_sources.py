"""Sources about the knowledge base in use, and what the gate's own questions do to them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from core.settings import Settings
from eval.datasets import Collection, DatasetError
from eval.retrieval.live import Names
from eval.training import sources
from eval.training.gating import gate_sets
from eval.training.recipe import BeirSource, ClicksSource, Gate, JudgedSource
from eval.training.sources import Questions, normalised, read_source, without

NAMES = Names({"id1": "file:///kb/hr/leave.md", "id2": "file:///kb/it/guide.md"})


@pytest.fixture(autouse=True)
def catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "open_catalog", lambda settings: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(sources, "names_of", lambda catalog: NAMES)


def read(source: ClicksSource | JudgedSource) -> Questions:
    return read_source("kb", source, Settings(), 0)


def write(folder: Path, *lines: str) -> Path:
    file = folder / "asked.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_clicks_of_one_question_add_up(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '{"question": "How much leave?", "opened": ["hr/leave.md"]}',
        '{"question": "how much  leave", "opened": ["id1", "id2", "gone.md"]}',
        '{"question": "badge lost", "opened": []}',
    )
    found = read(ClicksSource(kind="clicks", path=file, min_clicks=2))
    assert found.collection.queries == {"how much leave": "How much leave?"}
    assert found.collection.qrels == {"how much leave": {"id1": 1}}
    assert found.documents == 2
    assert found.left_out == {"opened document that is no longer there": 1, "question with too few clicks": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "", "opened": []}', "line 1: not a question with what was opened"),
        ('{"question": "a"}', "line 1: not a question with what was opened"),
        ("[]", "line 1: not a JSON object"),
        ('{"question": "a", "opened": ["gone.md"]}', "holds no question after which a document was opened"),
    ],
)
def test_faults_of_clicks_are_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read(ClicksSource(kind="clicks", path=write(tmp_path, line)))
    assert message in caught.value.message


def test_judged_questions_are_drawn_up_to_the_limit(tmp_path: Path) -> None:
    lines = [f'{{"question": "question {n}", "relevant": ["id{n % 2 + 1}"]}}' for n in range(6)]
    found = read(JudgedSource(kind="judged", path=write(tmp_path, *lines), limit=4))
    assert len(found.collection.queries) == 4
    assert set(found.collection.qrels) == set(found.collection.queries)
    assert found.documents == 2


def test_what_the_gate_asks_is_left_out_and_counted() -> None:
    collection = Collection("a", (), {"1": "How much?", "2": "Who?"}, {"1": {"d": 1}, "2": {"d": 1}})
    left = without(Questions(collection), frozenset({normalised("how  MUCH")}), "a")
    assert left.collection.queries == {"2": "Who?"}
    assert left.collection.qrels == {"2": {"d": 1}}
    assert left.left_out == {"question that a gate set asks": 1}
    with pytest.raises(DatasetError, match="every one of its questions is in a gate set too"):
        without(left, frozenset({"who"}), "a")


def test_one_set_under_four_names_is_one_set(parts: Path) -> None:
    same = {f"s{n}": BeirSource(kind="beir", path=parts / "part0", split="test") for n in range(4)}
    with pytest.raises(DatasetError, match="s1 and s0 ask the same questions"):
        gate_sets(Gate(sets=dict(same)), Settings(), 0)
