"""The commands as they are typed, on a tiny collection; what they refuse, and with which words."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from api.cli.main import cli
from core.errors import FootnoteError
from core.extras import installing
from eval.retrieval import live, running
from retrieval.embedding.build import build_embedder

CORPUS = {f"d{n}": text for n, text in enumerate(("days of leave", "hotel in norway", "lost badge", "order number"))}


class LetterEmbedder:
    name, dimensions, window_tokens = "letters", 26, 100

    class tokenizer:  # noqa: N801 - stands in for an attribute
        @staticmethod
        def count(text: str) -> int:
            return len(text.split())

        @staticmethod
        def offsets(text: str) -> list[tuple[int, int]]:
            return [match.span() for match in re.finditer(r"\S+", text)]

    def warm_up(self) -> None: ...

    def embed_query(self, query: str) -> np.ndarray:
        counts = [query.casefold().count(chr(97 + letter)) + 0.01 for letter in range(26)]
        return np.array(counts, np.float32) / np.float32(np.linalg.norm(counts))

    def embed_passages(self, texts: list[str], progress: object = None) -> np.ndarray:
        return np.stack([self.embed_query(text) for text in texts])


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "build_embedder", lambda settings: LetterEmbedder())
    data = tmp_path / "tiny"
    (data / "qrels").mkdir(parents=True)
    rows = "".join(json.dumps({"_id": key, "title": "", "text": text}) + "\n" for key, text in CORPUS.items())
    (data / "corpus.jsonl").write_text(rows)
    (data / "queries.jsonl").write_text(rows.replace('"d', '"q'))
    (data / "qrels" / "test.tsv").write_text("".join(f"q{n}\td{n}\t1\n" for n in range(4)))
    (tmp_path / "p.yaml").write_text("pipelines:\n  lexical: {legs: [lexical]}\n  hybrid:\n")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["eval", *arguments], catch_exceptions=True)


def refusal(*arguments: str) -> str:
    error = run(*arguments).exception
    assert isinstance(error, FootnoteError), error
    return error.message


def retrieval(*more: str) -> Result:
    return run("retrieval", "--data", "tiny", "--pipelines", "p.yaml", "--out", "out", *more)


def test_from_a_run_to_the_gate_and_the_history(workplace: Path) -> None:
    said = retrieval("--baseline", "hybrid", "--note", "first")
    assert said.exit_code == 0, said.exception
    assert "4 judged questions over 4 documents" in said.output
    assert {file.name for file in (workplace / "out").iterdir()} == {"run.json", "report.html", "rankings"}
    figures = json.loads(retrieval("--json").stdout)
    assert figures["sets"][0]["pipelines"][0]["metrics"]["ndcg@10"]["value"] == 1
    assert "queries" not in figures["sets"][0]["pipelines"][0]

    same = ("gate", "--baseline", "out/run.json", "--candidate", "out", "--latency-ratio", "0")
    assert run(*same).exit_code == 1
    assert "PASSES" in run(*same, "--allow-equal").output
    assert json.loads(run(*same, "--json").stdout)["passes"] is False

    shown = run("history", "--html", "h.html")
    assert shown.exit_code == 0, shown.exception
    assert "first" in shown.output
    assert "<svg" in (workplace / "h.html").read_text()
    assert len(json.loads(run("history", "--json", "--metric", "map").stdout)) == 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--baseline", "vector"), "--baseline is 'vector', and p.yaml has no pipeline of that name; it has: lexical"),
        (("--data", "other/../tiny"), "--data names two folders of one name"),
        (("--split", "dev"), "qrels/dev.tsv is not there. Splits that are there: test"),
        (("--document-score", "mean"), "use max, or sum:N"),
        (("--live",), "--live takes --questions"),
        (("--questions", "q.jsonl"), "go with --live"),
        (("--runs", "p.yaml/runs"), "p.yaml/runs can't be made (Not a directory): name another"),
    ],
)
def test_what_can_t_be_run_is_refused(workplace: Path, arguments: tuple[str, ...], says: str) -> None:
    (workplace / "other").mkdir()
    base = ("retrieval", "--data", "tiny", "--pipelines", "p.yaml", "--out", "out")
    assert says in refusal(*base, *arguments)


def test_nothing_to_measure_and_no_runs_are_told() -> None:
    assert "Nothing to measure" in refusal("retrieval", "--pipelines", "p.yaml", "--out", "out")
    assert "holds no run yet" in refusal("history")
    assert "is not there" in refusal("gate", "--baseline", "a.json", "--candidate", "b.json")
    Path("a.json").write_text("{}")
    assert "a.json is not a run" in refusal("gate", "--baseline", "a.json", "--candidate", "a.json")
    retrieval()
    assert "There is no metric 'f1'" in refusal("history", "--metric", "f1")
    assert "No run was on 'other'; there are runs on: tiny" in refusal("history", "--set", "other")


@pytest.fixture
def knowledge_base(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluation's own index serves as the one in use, with a catalog that knows its documents."""
    retrieval()
    (built,) = (workplace / ".footnote" / "eval" / "indexes").iterdir()
    shutil.copytree(built / "index", workplace / ".footnote" / "index")
    names = live.Names({key: f"file:///kb/{key}.md" for key in CORPUS})
    monkeypatch.setattr(live, "names_of", lambda catalog: names)


@pytest.mark.usefixtures("knowledge_base")
def test_a_knowledge_base_in_use_is_measured_and_not_written_to() -> None:
    Path("asked.jsonl").write_text(
        '{"id": "a", "question": "hotel in norway", "relevant": ["d1.md"]}\n{"id": "b", "question": "nothing"}\n'
    )
    said = run("retrieval", "--live", "--questions", "asked.jsonl", "--pipelines", "p.yaml", "--out", "live", "--json")
    assert said.exit_code == 0, said.exception
    (found,) = json.loads(said.stdout)["sets"]
    assert (found["name"], found["split"], found["unjudged"], found["documents"]) == ("asked", "live", ["b"], 4)
    assert found["pipelines"][0]["metrics"]["mrr@10"]["value"] == 1
    assert found["indexes"][0]["key"] == "live"


@pytest.mark.usefixtures("knowledge_base")
def test_judging_a_pool() -> None:
    Path("asked.jsonl").write_text('{"id": "q1", "question": "hotel in norway"}\n')
    made = run("judge-pool", "--questions", "asked.jsonl", "--pipelines", "p.yaml", "--out", "s.csv", "--depth", "2")
    assert made.exit_code == 0, made.exception
    sheet = Path("s.csv").read_text(encoding="utf-8-sig")
    assert "hotel in norway" in sheet
    Path("s.csv").write_text(re.sub(r"(q1,.*),\s*$", r"\1,2", sheet, count=1, flags=re.M), encoding="utf-8")
    read = json.loads(run("judge-pool", "--read", "s.csv", "--out", "q.tsv", "--json").stdout)
    assert (read["grades"], read["questions"]) == (1, 1)
    assert "--read takes the sheet and --out" in refusal(
        "judge-pool", "--read", "s.csv", "--out", "q", "--questions", "a"
    )
    assert "A sheet needs --questions" in refusal("judge-pool", "--out", "s.csv")


def test_a_missing_extra_is_one_sentence_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gate", "scoring"):
        monkeypatch.delitem(sys.modules, f"eval.retrieval.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "pytrec_eval", None)
    said = refusal("gate", "--baseline", "a", "--candidate", "b")
    assert said == f"`footnote eval` needs pytrec_eval, which isn't installed: {installing('eval')}"
    assert "constraints.txt -e" in said  # the tests run in a clone


def test_a_model_that_is_none_is_named_with_its_pipeline(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "build_embedder", build_embedder)
    (workplace / "p.yaml").write_text("pipelines:\n  odd: {models: {embedder: ./tiny}}\n")
    said = refusal("retrieval", "--data", "tiny", "--pipelines", "p.yaml", "--out", "out")
    assert said.startswith("Pipeline 'odd', `models`: ")
    assert "tiny is not a sentence-transformers model" in said
    assert "Name the folder of a sentence-transformers model" in said
