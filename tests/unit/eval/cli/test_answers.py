"""``footnote eval answers``: from a set of questions to figures, a report and a gate, over a small corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.cli.main import cli
from eval.answers import knowledge
from tests.unit.eval.word_embedder import WordEmbedder

CORPUS = [
    {"_id": "leave", "title": "Parental leave", "text": "Each parent gets 16 weeks of parental leave at full pay."},
    {"_id": "office", "title": "Office", "text": "The office in Oslo opens at nine in the morning.<script>x</script>"},
]
QUESTIONS: list[dict[str, Any]] = [
    {"id": "l", "question": "How many weeks of parental leave does each parent get?", "documents": ["leave"],
     "words": ["16"], "spans": [{"text": "16 weeks of parental leave"}], "kind": "amount"},
    {"id": "o", "question": "When does the <b>office</b> in Oslo open?", "documents": ["office"], "words": ["nine"],
     "kind": "time"},
]  # fmt: skip


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus in a folder of its own, read by an embedder without a model."""
    monkeypatch.chdir(tmp_path)
    for module in (knowledge, __import__("eval.cli.answers", fromlist=["answers"])):
        monkeypatch.setattr(module, "build_embedder", lambda settings: WordEmbedder())
    write("corpus.jsonl", CORPUS)
    write("questions.jsonl", QUESTIONS)
    return tmp_path


def write(name: str, rows: list[dict[str, Any]]) -> None:
    Path("set").mkdir(exist_ok=True)
    Path("set", name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def footnote(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["eval", *arguments])


def answers(*arguments: str) -> Result:
    return footnote("answers", "--data", "set", "--out", "out", *arguments)


def test_two_configurations_are_measured_side_by_side_reported_and_gated() -> None:
    said = answers("--config", "now=", "--config", "lexical=pipeline=lexical", "--json")
    assert said.exit_code == 0, said.output
    run = json.loads(said.stdout)
    assert [config["name"] for config in run["configs"]] == ["now", "lexical"]
    figures = run["configs"][0]["metrics"]
    assert (figures["retrieved"]["value"], figures["retrieved"]["n"], figures["span_cited"]["n"]) == (1, 2, 1)
    assert run["partial"] == ""
    page = Path("out/report.html").read_text()
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "By kind" in page
    assert "lexical against now" in page
    assert "<script>" not in page
    assert "&lt;b&gt;office" in page
    assert "src=" not in page
    gated = footnote(
        *("gate", "--baseline", "out", "--candidate", "out", "--candidate-config", "lexical", "--allow-equal"),
        *("--latency-ratio", "0", "--junit", "junit.xml"),
    )
    assert gated.exit_code == 0, gated.output
    assert "lexical against now" in gated.output
    assert 'failures="0"' in Path("junit.xml").read_text()


def test_a_run_that_is_whole_asks_nothing_again_and_its_history_is_plotted() -> None:
    answers("--config", "now=")
    kept = Path("out/rows.jsonl").read_bytes()
    said = answers("--config", "now=", "--show")
    assert Path("out/rows.jsonl").read_bytes() == kept
    assert "[now: answered]" in said.output
    assert "Over time" in Path("out/report.html").read_text()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"question": "What?", "documents": ["gone.md"]},
            "line 1: no document of the knowledge base is called 'gone.md'",
        ),
        (
            {"question": "What?", "versions": {"leave": "3"}},
            "line 1: stale: 'leave' is gone, since the question was made from it",
        ),
    ],
)
def test_references_to_documents_that_are_gone_are_refused_with_their_line(row: dict[str, Any], told: str) -> None:
    write("questions.jsonl", [row])
    refused = answers()
    assert refused.exit_code == 1
    assert told in str(refused.exception)
    assert not Path("out/rows.jsonl").exists()
    allowed = answers("--allow-missing", "--json")
    assert told in json.loads(allowed.stdout)["faults"][0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--config", "a=", "--config", "a="), "two configurations are called 'a'"),
        (("--max-cost", "1"), "add price.input=... and price.output=... to --config current"),
        (("--split", "held"), "is of the split 'held'"),
        (("--config", "a=url=http://127.0.0.1:1"), "leave it out for a service"),
    ],
)
def test_what_cant_be_run_is_told_with_the_way_out(arguments: tuple[str, ...], told: str) -> None:
    assert told in str(answers(*arguments).exception)


def test_without_questions_or_documents_the_command_says_what_it_needs() -> None:
    assert "name a file of questions, or a corpus" in str(footnote("answers", "--out", "out").exception)
    asked = footnote("answers", "set/questions.jsonl", "--out", "out")
    assert "footnote ingest FOLDER" in str(asked.exception)


def test_a_service_that_isnt_there_is_told(tmp_path: Path) -> None:
    said = footnote("answers", "set/questions.jsonl", "--config", "a=url=http://127.0.0.1:9", "--out", "out")
    assert "Nobody answers at http://127.0.0.1:9" in str(said.exception)


def test_floors_are_for_runs_of_answers() -> None:
    said = footnote("gate", "--baseline", "x", "--candidate", "y", "--floor", "unsupported=0.1")
    assert "--floor and --without are for runs of answers" in str(said.exception)
