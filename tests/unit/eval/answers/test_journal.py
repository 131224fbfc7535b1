"""Journals of evaluations: what a kill cuts off is left out, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import Conflict
from eval.answers.journal import Journal
from eval.answers.rows import ROWS, Row, Score, kept_rows, kept_scores, scores_of
from eval.datasets import DatasetError

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def row(question: str, answer: str = "yes") -> Row:
    return Row(question=question, config="base", status="answered", answer=answer, asked_at=NOW)


def test_a_line_that_a_kill_cut_off_is_taken_out_and_the_next_one_is_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / ROWS, Row)
    journal.append(row("one"))
    with journal.file.open("ab") as torn:
        torn.write(row("two").model_dump_json().encode()[:-20])
    assert [one.question for one in journal.read()] == ["one"]
    with journal.alone():
        journal.append(row("two"))
    assert [one.question for one in journal.read()] == ["one", "two"]


def test_another_broken_line_is_named_with_the_way_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path / ROWS, Row)
    journal.append(row("one"))
    journal.file.write_bytes(b"{broken\n" + journal.file.read_bytes())
    with pytest.raises(DatasetError, match=r"rows.jsonl, line 1: .* put the line right or drop it"):
        journal.read()


def test_two_runs_dont_write_to_one_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / ROWS, Row)
    with journal.alone(), pytest.raises(Conflict, match="Another run writes"), Journal(journal.file, Row).alone():
        pass


def test_the_last_row_and_score_of_a_question_count(tmp_path: Path) -> None:
    for answer in ("first", "again"):
        Journal(tmp_path / ROWS, Row).append(row("one", answer))
        scores_of(tmp_path, "judge").append(Score(question="one", config="base", values={answer: 1.0}))
    scores_of(tmp_path, "plain").append(Score(question="one", config="base", values={"words": None}))
    assert [one.answer for one in kept_rows(tmp_path)] == ["again"]
    told = kept_scores(tmp_path)["one", "base"]
    assert [score.values for score in told] == [{"again": 1.0}, {"words": None}]
