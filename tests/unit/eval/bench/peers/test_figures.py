"""Ratios over the same blocks and questions, and what the report says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.bench.peers.arms import BASE
from eval.bench.peers.figures import ingest_rows, latency_rows, quality_rows, report
from eval.bench.peers.record import Block, Comparison, Question, SetRecord
from eval.datasets import Collection, DatasetError, Document

PEER = "peer"


def block(seconds: float) -> Block:
    """The peer takes three times as long, however slow the machine is just then."""
    return Block(
        documents=10,
        seconds={BASE: seconds, PEER: 3 * seconds},
        cpu_s={BASE: seconds / 2, PEER: seconds},
        stages={BASE: {"embed": 0.75 * seconds}, PEER: {"embed": seconds, "write": 2 * seconds}},
        vectors={BASE: 12, PEER: 10},
    )


def question(name: str, seconds: float, ours: str, theirs: str) -> Question:
    return Question(
        id=name,
        seconds={BASE: seconds, PEER: 2 * seconds},
        cpu_s={BASE: 0.01, PEER: 0.04},
        stages={BASE: {"search": seconds}, PEER: {"bm25": seconds}},
        found={BASE: [ours], PEER: [theirs]},
    )


def test_ingest_compares_the_same_blocks() -> None:
    ours, theirs = ingest_rows([block(1), block(5), block(2)])
    assert (ours["arm"], theirs["arm"]) == (BASE, PEER)
    assert ours["documents/s"] == f"{30 / 8:.1f}"
    assert ours["Footnote is faster by"] == ""
    assert theirs["Footnote is faster by"] == "3.00x (3.00-3.00)"
    assert ours["CPU ms"] == f"{1000 * 4 / 30:.1f}"
    assert theirs["CPU over Footnote's"] == "2.00x (2.00-2.00)"
    assert ours["vectors"] == 36
    assert theirs["share of its time"] == "embed 33 %, write 67 %"


def test_latency_and_quality_pair_the_same_questions() -> None:
    questions = [question("q1", 0.1, "d1", "d2"), question("q2", 0.4, "d2", "d2"), question("q3", 0.2, "d1", "d1")]
    ours, theirs = latency_rows(questions)
    assert str(ours["p50 / p95 ms"]).startswith("200.0 / ")
    assert theirs["Footnote's p50 is"] == "0.50x (0.50-0.50)"
    assert theirs["its CPU is"] == "0.25x (0.25-0.25)"
    qrels = {"q1": {"d1": 1}, "q2": {"d2": 1}, "q3": {"d1": 1}, "not asked": {"d1": 1}}
    best, other = quality_rows(questions, qrels)
    assert str(best["nDCG@10"]).startswith("1.000 ")
    assert str(other["nDCG@10"]).startswith("0.667 ")
    assert str(other["Footnote gains"]).startswith("+0.333 ")
    assert best["p"] == ""


def test_the_report_has_a_table_for_what_there_is() -> None:
    collection = Collection("tiny", (Document("d1", "", "x"),), {"q1": "x"}, {"q1": {"d1": 1}})
    row = SetRecord(fingerprint="f", fit=False, documents=1, texts=1, covered=0.9, blocks=[block(1)])
    record = Comparison(run="r", model="m", about={"haystack": {"haystack-ai": "3"}}, sets={"tiny": row})
    page = report(record, {"tiny": collection})
    assert "haystack-ai 3" in page
    assert "holds 90 % of their tokens" in page
    assert "| peer | 3.3 | 10 | 3.00x (3.00-3.00) |" in page
    assert "questions" not in page
    row.questions.append(question("q1", 0.1, "d1", "d2"))
    row.beside.append(question("q1", 0.3, "d1", "d2"))
    page = report(record, {"tiny": collection})
    assert "1 questions:" in page
    assert "1 questions beside a busy process:" in page
    assert f"| {BASE} | 300.0 / 300.0 |" in page
    assert "| peer | 0.000 (0.000-0.000) | +1.000 (+1.000 to +1.000) | 1.000 |" in page


def test_a_record_is_read_back_and_anything_else_refused(tmp_path: Path) -> None:
    row = SetRecord(fingerprint="f", fit=False, documents=1, texts=1, covered=0.9, blocks=[block(1)])
    record = Comparison(run="r", model="m", sets={"tiny": row})
    record.save(tmp_path / "peers.json")
    assert Comparison.load(tmp_path / "peers.json", "use another --out") == record
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DatasetError, match="can go on: use another --out"):
        Comparison.load(tmp_path / "other.json", "use another --out")
