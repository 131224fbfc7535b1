"""Sheets for people to judge what several pipelines found, and the way back from a sheet to judgments.

Pooling as in TREC: the first so many of every pipeline together (Spärck Jones and van Rijsbergen, Report on the need
for and provision of an "ideal" information retrieval test collection, 1975). A judge sees neither which pipeline found
a passage nor at what place.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.datasets import DatasetError
from eval.retrieval.ways import Asked, Found

COLUMNS = ("query_id", "question", "document_id", "title", "passage", "grade")
MOST = 3
"""The highest grade."""
GRADES = "0 not relevant, 1 related, 2 helps to answer, 3 answers"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTE = "'"


@dataclass(frozen=True, slots=True)
class Row:
    """A passage to be judged; ``grade`` is None where nobody has."""

    query: str
    question: str
    document: str
    title: str
    passage: str
    grade: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What came back in a sheet: grades by query and document, and how many rows have none."""

    qrels: Mapping[str, Mapping[str, int]]
    blank: int


def pool(questions: Mapping[str, str], asked: Mapping[str, Mapping[str, Asked]], depth: int) -> list[Row]:
    """The first ``depth`` documents of every pipeline, each once a question, in an order that says nothing.

    The order comes from a hash, so that the same pool gives the same sheet.

    Args:
        asked: what each pipeline found, by pipeline and query.
    """
    rows = []
    for query, question in questions.items():
        found: dict[str, Found] = {}
        for answers in asked.values():
            answer = answers[query]
            for document in answer.ranking[:depth]:
                if document in answer.passages:
                    found.setdefault(document, answer.passages[document])
        blind = sorted(found, key=lambda document: hashlib.sha256(f"{query}\0{document}".encode()).digest())
        rows += [Row(query, question, document, found[document].title, found[document].text) for document in blind]
    return rows


def write_sheet(rows: Sequence[Row], file: Path) -> None:
    """Write the sheet, as CSV or, by the file's name, as an Excel workbook.

    Raises:
        DatasetError: the name ends otherwise, or the file is there already: it may hold somebody's grades.
    """
    _check_name(file)
    if file.exists():
        raise DatasetError(f"{file} is there already and may hold grades. Choose another name, or move it away.")
    file.parent.mkdir(parents=True, exist_ok=True)
    values = [[r.query, r.question, r.document, r.title, r.passage, "" if r.grade is None else r.grade] for r in rows]
    if file.suffix.casefold() == ".xlsx":
        _write_workbook(values, file)
        return
    with file.open("w", encoding="utf-8-sig", newline="") as stream:  # the mark tells Excel that it is UTF-8
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows([[inert_cell(value) for value in row] for row in values])


def inert_cell(value: Any) -> Any:
    """A spreadsheet runs a cell that begins like a formula; an apostrophe before it makes it text."""
    return _QUOTE + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_workbook(values: Sequence[Sequence[Any]], file: Path) -> None:
    from openpyxl import Workbook  # noqa: PLC0415
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415

    book = Workbook()
    sheet = book.active
    sheet.title = "judge"
    sheet.append(COLUMNS)
    for row in values:
        sheet.append([ILLEGAL_CHARACTERS_RE.sub(" ", value) if isinstance(value, str) else value for value in row])
        for cell in sheet[sheet.max_row]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if isinstance(cell.value, str):
                cell.data_type = "s"  # text, whatever it begins with
    for cell, width in zip(sheet[1], (12, 40, 24, 30, 90, 8), strict=True):
        cell.font = Font(bold=True)
        sheet.column_dimensions[cell.column_letter].width = width
    sheet.freeze_panes = "A2"
    check = DataValidation(type="whole", operator="between", formula1="0", formula2=str(MOST), allow_blank=True)
    check.error, check.prompt = f"A whole number from 0 to {MOST}", GRADES
    check.add(f"F2:F{max(2, len(values) + 1)}")
    sheet.add_data_validation(check)
    book.save(file)


def read_sheet(file: Path) -> Judged:
    """Read the grades of a sheet. A row without one counts as unjudged.

    Raises:
        DatasetError: the sheet isn't there, lacks a column, holds a grade that isn't one, or two for one document.
    """
    qrels: dict[str, dict[str, int]] = {}
    seen: dict[tuple[str, str], int] = {}
    blank = 0
    for number, row in _rows(file):
        where = f"{file}, row {number}"
        query, document = row["query_id"], row["document_id"]
        if not query or not document:
            raise DatasetError(f"{where}: query_id or document_id is empty. They must stay as they were written.")
        grade = _grade(row["grade"], where)
        if grade is None:
            blank += 1
            continue
        first = seen.setdefault((query, document), number)
        if qrels.setdefault(query, {}).setdefault(document, grade) != grade:
            raise DatasetError(
                f"{where}: document {document!r} has grade {grade} for question {query!r}, and in row {first} it has "
                f"{qrels[query][document]}. Settle on one."
            )
    if not qrels:
        raise DatasetError(f"{file} holds no grade yet. Fill the column `grade`: {GRADES}.")
    return Judged(qrels, blank)


def write_qrels(qrels: Mapping[str, Mapping[str, int]], file: Path) -> int:
    """Write judgments in the BEIR layout; how many."""
    lines = ["query-id\tcorpus-id\tscore"]
    lines += [f"{query}\t{document}\t{grade}" for query, grades in qrels.items() for document, grade in grades.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines) - 1


def _grade(value: str, where: str) -> int | None:
    if not value:
        return None
    try:
        grade = float(value)  # a spreadsheet may make 2.0 of 2
    except ValueError:
        grade = -1.0
    if grade not in range(MOST + 1):
        raise DatasetError(f"{where}: {value!r} is not a grade. Use {GRADES}, or leave it empty.")
    return int(grade)


def _check_name(file: Path) -> None:
    if file.suffix.casefold() not in {".csv", ".xlsx"}:
        raise DatasetError(f"{file} should end with .csv or .xlsx.")


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row's number, as a spreadsheet shows it, and its cells by column."""
    _check_name(file)
    if not file.exists():
        raise DatasetError(f"{file} is not there. `footnote eval judge-pool --questions ... --out {file}` writes it.")
    cells = _workbook_cells(file) if file.suffix.casefold() == ".xlsx" else _csv_cells(file)
    header = [name.strip() for name in next(cells, [])]
    lacking = [name for name in ("query_id", "document_id", "grade") if name not in header]
    if lacking:
        raise DatasetError(f"{file} lacks the column {lacking[0]!r}: its first row should be {', '.join(COLUMNS)}.")
    for number, row in enumerate(cells, start=2):
        if any(row):
            padded = [*row, *[""] * (len(header) - len(row))]
            yield number, dict(zip(header, padded, strict=False))


def _csv_cells(file: Path) -> Iterator[list[str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} can't be read as CSV in UTF-8 ({error}). Save it as `CSV UTF-8`.") from error
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)  # what Excel writes depends on the country
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        yield [_without_apostrophe(cell.strip()) for cell in row]


def _without_apostrophe(cell: str) -> str:
    return cell[1:] if cell.startswith(_QUOTE) and cell[1:].startswith(_FORMULA) else cell


def _workbook_cells(file: Path) -> Iterator[list[str]]:
    from zipfile import BadZipFile  # noqa: PLC0415

    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        book = load_workbook(file, read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, BadZipFile, InvalidFileException) as error:
        raise DatasetError(f"{file} can't be read as an Excel workbook ({type(error).__name__}).") from error
    try:
        for row in book.worksheets[0].iter_rows(values_only=True):
            yield ["" if value is None else str(value).strip() for value in row]
    finally:
        book.close()
