"""Sets of questions: every shape that is known, and faults told with their line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.answers.questions import EvalQuestion, fingerprint, read_eval_questions
from eval.datasets import DatasetError

SETS = Path(__file__).resolve().parents[4] / "eval" / "questions"


def read(tmp_path: Path, *rows: dict[str, Any] | str) -> list[EvalQuestion]:
    file = tmp_path / "q.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.write_text("\n".join(lines), encoding="utf-8")
    return read_eval_questions(file)


def test_a_question_says_who_asks_what_came_before_and_what_is_expected(tmp_path: Path) -> None:
    (one,) = read(
        tmp_path,
        {
            "id": "leave",
            "question": "And for doctors?",
            "turns": ["How long is leave?", "16 weeks."],
            "filters": {"department": ["HR"]},
            "reader": {"user": "ida", "groups": ["hr"]},
            "documents": ["leave.md"],
            "spans": [{"text": "sixteen weeks", "document": "leave.md"}],
            "words": ["16|sixteen"],
        },
    )
    assert one.reader.principal.terms == {"public", "user:ida", "group:hr"}
    assert one.answerable is True


def test_older_sets_are_read_too() -> None:
    asked = read_eval_questions(SETS / "18f.jsonl")
    assert sum(one.answerable is False for one in asked) == 16
    assert all(one.words and one.documents for one in asked if one.answerable)
    followed = read_eval_questions(SETS / "conversations.jsonl")[0]
    assert followed.question == "And who is eligible?"
    assert followed.turns == ("How many weeks of parental leave do we get?", "16 weeks at full pay.")


def test_covidqas_reference_is_its_span(tmp_path: Path) -> None:
    row = {"id": "262", "question": "What?", "reference_answer": "MTCT", "answer_start": 370, "document_id": "630"}
    (one,) = read(tmp_path, row)
    assert (one.reference, one.documents, one.spans[0].text) == ("MTCT", ("630",), "MTCT")


def test_a_question_of_which_nothing_is_known_is_neither_answerable_nor_not(tmp_path: Path) -> None:
    (one,) = read(tmp_path, {"question": "What?"})
    assert one.answerable is None
    assert one.id == "1"


def test_a_set_with_another_word_in_it_is_another_set(tmp_path: Path) -> None:
    assert fingerprint(read(tmp_path, {"question": "a"})) != fingerprint(read(tmp_path, {"question": "b"}))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("{not json",), "line 1: not JSON"),
        (({"question": "a"}, {"question": " "}), "line 2: 'question' is missing or empty"),
        (({"id": "a"},), "line 1: 'question' is missing"),
        (({"question": "a", "refrence": "b"},), "no key 'refrence'. Did you mean 'reference'"),
        (({"question": "a", "filters": {"departement": ["HR"]}},), "line 1: Unknown filter 'departement'"),
        (({"question": "a", "reader": {"name": "ida"}},), r"line 1: reader\.name"),
        (({"id": "a", "question": "b"}, {"id": "a", "question": "c"}), "line 2: question 'a' is there twice"),
        (({"question": "a", "no_answer": True, "words": ["b"]},), "keep one of the two"),
        (("",), "holds no question"),
    ],
)
def test_faults_name_the_line_and_the_way_out(
    tmp_path: Path, lines: tuple[dict[str, Any] | str, ...], told: str
) -> None:
    with pytest.raises(DatasetError, match=told):
        read(tmp_path, *lines)
