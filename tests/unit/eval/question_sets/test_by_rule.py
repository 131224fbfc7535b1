"""Questions by rule, and the sheet for people."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from eval.answers.questions import EvalQuestion
from eval.datasets import DatasetError
from eval.question_sets.by_rule import by_rule
from eval.question_sets.keeping import COLUMNS, read_sheet, write_sheet
from eval.question_sets.material import Section

TABLE = "Country: Norway | Limit: 1,900 crowns\nCountry: Spain | Limit: 120 euros\nCountry: Italy | Limit: 130 euros"
SECTION = Section(
    "d1",
    "3",
    "Travel policy",
    "Hotels and meals",
    "A per diem is the daily allowance for meals that nobody has to account for. It is a flat rate in all countries. "
    f"The office in Oslo opened on 3 May 2021 with twelve people.\n\n{TABLE}",
    (TABLE,),
    "Travel",
)


def test_headings_definitions_cells_and_dates_become_questions() -> None:
    found = {draft.asked.kind: draft.asked for draft in by_rule([SECTION])}
    assert found["heading"].question == "What does Travel policy say about Hotels and meals?"
    assert found["definition"].question == "What is a per diem?"
    assert found["table cell"].words == ("120 euros",)  # the last of two: Norway comes first
    assert found["table cell"].question == "Hotels and meals: what is the Limit for Spain?"
    assert found["date"].words == ("3 May 2021",)
    assert "The office in Oslo opened on … with" in found["date"].question
    assert all(one.versions == {"d1": "3"} and one.department == "Travel" for one in found.values())


def test_a_heading_that_stands_everywhere_and_a_repeated_label_ask_nothing() -> None:
    sections = [Section(f"d{n}", "1", f"T{n}", "See also this", "Long enough text. " * 12) for n in range(3)]
    assert list(by_rule(sections)) == []
    rows = "Kind: a | Price: 1\nKind: a | Price: 2"
    assert list(by_rule([Section("d", "1", "T", "", rows, (rows,))])) == []


ASKED = [
    EvalQuestion(id="1", question="=How long?", reference="24 weeks", documents=("d",)),
    EvalQuestion(id="2", question="Who grazes?", no_answer=True),
]


def test_a_sheet_goes_out_inert_and_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    write_sheet(ASKED, file)
    assert "'=How long?" in file.read_text(encoding="utf-8-sig")
    file.write_text(file.read_text(encoding="utf-8-sig").replace("1,,", "1,mend,"), encoding="utf-8")
    kept, counts, _ = read_sheet(file, ASKED)
    assert kept == [ASKED[0]]
    assert counts == {"accepted": 0, "mended": 1, "refused": 0, "unread": 1}
    with pytest.raises(DatasetError, match="may hold verdicts"):
        write_sheet(ASKED, file)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("9", "accept", "q", "r"), "line 2: the set has no question '9'"),
        (("1", "yes", "q", "r"), "line 2: 'yes' is no verdict: write accept, mend"),
        (("1", "mend", " ", "r"), "line 2: the question is empty"),
        (("2", "mend", "q", "r"), "line 2: the question is one without an answer"),
        (("1", "", "q", "r"), "accepts no question yet"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: tuple[str, ...], says: str) -> None:
    file = tmp_path / "s.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "verdict", "question", "reference"), row])
    with pytest.raises(DatasetError, match=says):
        read_sheet(file, ASKED)


def test_a_sheet_without_its_columns_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,question\n")
    with pytest.raises(DatasetError, match=f"lacks the column 'verdict': its first row should be {COLUMNS[0]}"):
        read_sheet(tmp_path / "s.csv", ASKED)
    with pytest.raises(DatasetError, match="can't be read"):
        read_sheet(tmp_path / "none.csv", ASKED)
