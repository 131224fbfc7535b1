"""Sheets: blind, safe to open, and read back with every fault named."""

import csv
from pathlib import Path

import pytest
from openpyxl import load_workbook

from eval.datasets import DatasetError, read_qrels
from eval.retrieval.pooling import COLUMNS, Row, pool, read_sheet, write_qrels, write_sheet
from eval.retrieval.ways import Asked, Found


def asked(*documents: str) -> Asked:
    return Asked(ranking=documents, passages={d: Found(d.upper(), f"about {d}") for d in documents})


def test_a_pool_holds_each_document_once_a_question_in_an_order_that_says_nothing() -> None:
    letters = "abcdefgh"
    one = {"q1": asked(*letters), "q2": asked("a")}
    two = {"q1": asked(*reversed(letters)), "q2": asked()}
    rows = pool({"q1": "first?", "q2": "second?"}, {"one": one, "two": two}, 5)
    first = [row.document for row in rows if row.query == "q1"]
    assert sorted(first) == list(letters)
    assert first not in ([*letters], [*reversed(letters)])
    assert rows == pool({"q1": "first?", "q2": "second?"}, {"two": two, "one": one}, 5)
    assert [row.document for row in rows if row.query == "q2"] == ["a"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_sheet_comes_back_with_its_grades(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"sheet.{kind}"
    rows = [
        Row("q1", 'ønsker, "quotes"\u2028?', "-d1", "T", "line", 2),
        Row("q1", "?", "=d2", "=HYPERLINK(1)", "+x\x07", 0),
        Row("q2", "?", "d3", "", "no grade"),
    ]
    write_sheet(rows, file)
    judged = read_sheet(file)
    assert judged.qrels == {"q1": {"-d1": 2, "=d2": 0}}
    assert judged.blank == 1


def test_nothing_in_a_sheet_is_run_as_a_formula(tmp_path: Path) -> None:
    row = Row("q1", "?", "d", "=1+1", "@cmd")
    write_sheet([row], tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert list(csv.reader(stream))[1][3:5] == ["'=1+1", "'@cmd"]
    write_sheet([row], tmp_path / "s.xlsx")
    assert load_workbook(tmp_path / "s.xlsx").active["D2"].data_type == "s"


def test_what_excel_makes_of_a_csv_is_read(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes("\ufeffquery_id;document_id;grade\r\nq1;d1;2.0\r\n\r\nq1;d2;\r\n".encode())
    assert read_sheet(file).qrels == {"q1": {"d1": 2}}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("q1,?,d,t,p,yes", "row 2: 'yes' is not a grade. Use 0 not relevant"),
        ("q1,?,d,t,p,4", "row 2: '4' is not a grade"),
        ("q1,?,d,t,p,1.5", "row 2: '1.5' is not a grade"),
        ("q1,?,d,t,p,nan", "row 2: 'nan' is not a grade"),
        ("q1,?,d,t,p,1\nq1,?,d,t,p,2", "row 3: document 'd' has grade 2 .* in row 2 it has 1. Settle on one"),
        (",?,d,t,p,1", "row 2: query_id or document_id is empty"),
        ("q1,?,d,t,p,", "holds no grade yet"),
    ],
)
def test_a_bad_grade_names_its_row(tmp_path: Path, lines: str, says: str) -> None:
    file = tmp_path / "s.csv"
    file.write_text(",".join(COLUMNS) + "\n" + lines + "\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=says):
        read_sheet(file)


def test_files_that_aren_t_sheets_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "s.xlsx"
    broken.write_bytes(b"not a workbook")
    with pytest.raises(DatasetError, match="can't be read as an Excel workbook"):
        read_sheet(broken)
    with pytest.raises(DatasetError, match=r"should end with .csv or .xlsx"):
        read_sheet(tmp_path / "s.ods")
    with pytest.raises(DatasetError, match="is not there"):
        read_sheet(tmp_path / "s.csv")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="lacks the column 'query_id'"):
        read_sheet(tmp_path / "t.csv")
    with pytest.raises(DatasetError, match="is there already and may hold grades"):
        write_sheet([], tmp_path / "t.csv")


def test_judgments_are_written_in_the_beir_layout(tmp_path: Path) -> None:
    file = tmp_path / "q.tsv"
    assert write_qrels({"q1": {"d": 2, "e": 0}}, file) == 2
    assert [row[1:] for row in read_qrels(file)] == [("q1", "d", 2), ("q1", "e", 0)]
