"""Ratios over the same blocks and questions, and what the report says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.bench.peers.arms import BASE
from eval.bench.peers.figures import ingest_rows, latency_rows, quality_rows
from eval.bench.peers.record import Block, Question, Record, SetRecord, read
from eval.bench.peers.tables import report
from eval.datasets import Collection, DatasetError, Document

PEER = "peer"


def block(seconds: float, *, cpu: bool = True) -> Block:
    """The peer takes three times as long, however slow the machine is just then."""
    cpu_s = {BASE: seconds / 2, PEER: seconds} if cpu else {PEER: seconds}
    return Block(
        documents=10,
        seconds={BASE: seconds, PEER: 3 * seconds},
        cpu_s=cpu_s,
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
    assert (ours.arm, theirs.arm) == (BASE, PEER)
    assert ours.documents_per_s == pytest.approx(30 / 8)
    assert ours.times_slower is None
    assert theirs.times_slower is not None
    assert (theirs.times_slower.low, theirs.times_slower.high) == pytest.approx((3, 3))
    assert ours.cpu_ms == pytest.approx(1000 * 4 / 30)
    assert theirs.cpu_times is not None
    assert theirs.cpu_times.value == pytest.approx(2)
    assert ours.vectors == 36
    assert theirs.shares == pytest.approx({"embed": 1 / 3, "write": 2 / 3})


def test_cpu_time_that_wasn_t_measured_is_left_out() -> None:
    ours, theirs = ingest_rows([block(1, cpu=False)])
    assert ours.cpu_ms is None
    assert theirs.cpu_times is None
    assert ingest_rows([]) == []


def test_latency_and_quality_pair_the_same_questions() -> None:
    questions = [question("q1", 0.1, "d1", "d2"), question("q2", 0.4, "d2", "d2"), question("q3", 0.2, "d1", "d1")]
    ours, theirs = latency_rows(questions)
    assert ours.p50_ms == pytest.approx(200)
    assert theirs.p50_ratio is not None
    assert theirs.p50_ratio.value == pytest.approx(0.5)
    assert (theirs.p50_ratio.low, theirs.p50_ratio.high) == pytest.approx((0.5, 0.5))
    assert theirs.cpu_ratio is not None
    assert theirs.cpu_ratio.value == pytest.approx(0.25)
    qrels = {"q1": {"d1": 1}, "q2": {"d2": 1}, "q3": {"d1": 1}, "not asked": {"d1": 1}}
    best, other = quality_rows(questions, qrels)
    assert best.ndcg.value == pytest.approx(1)
    assert other.ndcg.value == pytest.approx(2 / 3)
    assert other.gain is not None
    assert other.gain.value == pytest.approx(1 / 3)
    assert best.p is None
    assert latency_rows([]) == quality_rows([], qrels) == []


def test_the_report_has_a_table_for_what_there_is() -> None:
    collection = Collection("tiny", (Document("d1", "", "x"),), {"q1": "x"}, {"q1": {"d1": 1}})
    row = SetRecord(fingerprint="f", fit=False, documents=1, texts=1, covered=0.9, blocks=[block(1)])
    record = Record(run="r", model="m", about={"haystack": {"haystack-ai": "3"}}, sets={"tiny": row})
    page = report(record, {"tiny": collection})
    assert "haystack-ai 3" in page
    assert "holds 90 % of their tokens" in page
    assert "| peer | 3.3 | 10 | 3.00x (3.00-3.00) |" in page
    assert "questions" not in page
    row.questions.append(question("q1", 0.1, "d1", "d2"))
    row.files.append(block(1, cpu=False))
    page = report(record, {"tiny": collection})
    assert "From files, 1 blocks" in page
    assert "| peer | 0.000 (0.000-0.000) | +1.000 (+1.000 to +1.000) | 1.000 |" in page


def test_a_record_is_read_back_and_anything_else_refused(tmp_path: Path) -> None:
    row = SetRecord(fingerprint="f", fit=False, documents=1, texts=1, covered=0.9, blocks=[block(1)])
    record = Record(run="r", model="m", sets={"tiny": row})
    record.save(tmp_path / "peers.json")
    assert read(tmp_path / "peers.json") == record
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DatasetError, match="can go on: use another --out"):
        read(tmp_path / "other.json")
    record.model_copy(update={"format": 0}).save(tmp_path / "old.json")
    with pytest.raises(DatasetError, match="another release"):
        read(tmp_path / "old.json")
