"""The yardstick for answers: what counts as right, how sure a share is, and which questions can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.answers.handbook import QUESTIONS, Answered, Asked, holds, read_questions, shares, wilson
from eval.datasets import DatasetError


def answered(files: tuple[str, ...], text: str = "", uri: str = "file:///x/a.md") -> Answered:
    asked = Asked("q", "how", "tune", files, ("30 days|a month",) if files else ())
    quotes = (text,) if text else ()
    return Answered(asked, text, quotes, (uri,) if text else (), ("file:///x/a.md",), 1.0, 0.5)


def test_one_alternative_of_each_word_must_be_there() -> None:
    assert holds("Take a\n**minimum** of 30 Days", ["30 days|a month", "minimum"])
    assert not holds("Take 30 days", ["30 days", "minimum"])
    assert holds("Ask O’Brien", ["O'Brien"])


def test_shares_count_each_kind_of_question_on_its_own() -> None:
    counted = shares(
        [
            answered(("a.md",), "30 days"),
            answered(("b.md",), "no"),
            answered(("a.md",)),
            answered((), "no"),
            answered(()),
        ]
    )
    assert counted["expected words in the answer"] == (1, 3)
    assert counted["first cited source is an expected file"] == (1, 3)
    assert counted["an expected file was retrieved"] == (2, 3)
    assert counted["wrongly abstained"] == (1, 3)
    assert counted["rightly abstained"] == (1, 2)


def test_wilson_interval() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_shipped_questions_are_complete() -> None:
    questions = read_questions(QUESTIONS)
    assert sum(bool(one.files) for one in questions) >= 60
    assert sum(not one.files for one in questions) >= 25
    assert all(bool(one.files) == bool(one.words) for one in questions)
    assert {one.split for one in questions} == {"tune", "held"}


def test_the_other_handbooks_questions_were_never_tuned_on() -> None:
    questions = read_questions(QUESTIONS.with_name("18f.jsonl"))
    assert sum(bool(one.files) for one in questions) == 40
    assert sum(not one.files for one in questions) == 16
    assert {one.split for one in questions} == {"held"}


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "q.jsonl"
    broken.write_text('{"question": "q"}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match="line 1"):
        read_questions(broken)
