"""A set of questions on disk: the questions, what is known of how they were made, and the sheet for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import Field

from eval.answers.questions import EvalQuestion, fingerprint, read_eval_questions
from eval.datasets import DatasetError
from eval.records import Record
from eval.retrieval.pooling import inert_cell

COLUMNS = ("id", "verdict", "kind", "turns", "question", "reference", "quotes", "documents", "comment")
_VERDICTS = "accept, mend (after you changed question or reference), or drop"


class Manifest(Record):
    """How a set came to be; in ``NAME.set.json`` beside it.

    Attributes:
        version: 1, and one more with each change; ``before``: the fingerprint of the version before it.
        made_by: ``rules``, or the model with the version of what it was told.
        reader: the terms of who may read everything that it was made from.
        dropped: made questions that didn't pass, by the reason.
        accepted, mended, refused, unread, comments: what people said of them.
    """

    version: int
    fingerprint: str
    before: str = ""
    created: datetime
    made_by: tuple[str, ...]
    seed: int
    reader: tuple[str, ...]
    documents: int
    kinds: Mapping[str, int]
    dropped: Mapping[str, int] = Field(default_factory=dict)
    failures: Mapping[str, int] = Field(default_factory=dict)
    accepted: int = 0
    mended: int = 0
    refused: int = 0
    unread: int = 0
    comments: Mapping[str, str] = Field(default_factory=dict)


def manifest_file(questions: Path) -> Path:
    """Where a set's manifest is."""
    return questions.with_suffix(".set.json")


def write_set(questions: Sequence[EvalQuestion], file: Path, manifest: Manifest) -> None:
    """Write both; a reader sees the old set or this one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    lines = (one.model_dump_json(exclude_defaults=True) + "\n" for one in questions)
    part.write_text("".join(lines), encoding="utf-8")
    part.replace(file)
    manifest.save(manifest_file(file))


def read_set(file: Path) -> tuple[list[EvalQuestion], Manifest]:
    """A set as it was written.

    Raises:
        DatasetError: it isn't one, or was changed by hand without its manifest.
    """
    questions = read_eval_questions(file)
    manifest = Manifest.load(manifest_file(file), "make the set anew with `footnote eval questions`")
    if manifest.fingerprint != fingerprint(questions):
        raise DatasetError(
            f"{file} isn't what {manifest_file(file)} describes: it was changed by hand. Change it by its sheet "
            "(`--sheet`, `--read`), or make the set anew."
        )
    return questions, manifest


def write_sheet(questions: Sequence[EvalQuestion], file: Path) -> None:
    """A CSV for people to accept, mend or drop questions.

    Raises:
        DatasetError: the file is there already: it may hold somebody's verdicts.
    """
    if file.exists():
        raise DatasetError(f"{file} is there already and may hold verdicts. Choose another name, or move it away.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8-sig", newline="") as stream:  # the mark tells Excel that it is UTF-8
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for one in questions:
            quotes = "\n".join(span.text for span in one.spans)
            row = (one.id, "", one.kind, "\n".join(one.turns), one.question, one.reference, quotes)
            writer.writerow([inert_cell(cell) for cell in (*row, " ".join(one.documents), "")])


def read_sheet(
    file: Path, questions: Sequence[EvalQuestion]
) -> tuple[list[EvalQuestion], Mapping[str, int], Mapping[str, str]]:
    """The questions as people left them, how many have each verdict, and their comments by id.

    Raises:
        DatasetError: the sheet isn't there, lacks a column, names a question that the set lacks or has twice, or holds
            a verdict that is none; names the row.
    """
    known = {one.id: one for one in questions}
    kept: list[EvalQuestion] = []
    counts = {"accepted": 0, "mended": 0, "refused": 0, "unread": 0}
    comments: dict[str, str] = {}
    for where, row in _rows(file):
        one = known.pop(row["id"], None)
        if one is None:
            raise DatasetError(f"{where}: the set has no question {row['id']!r}, or the sheet has it twice.")
        if row.get("comment"):
            comments[one.id] = row["comment"]
        verdict = row["verdict"].strip().casefold()
        if verdict in ("accept", "mend"):
            kept.append(_mended(one, row, where) if verdict == "mend" else one)
        elif verdict not in ("drop", ""):
            raise DatasetError(f"{where}: {row['verdict']!r} is no verdict: write {_VERDICTS}.")
        counts[{"accept": "accepted", "mend": "mended", "drop": "refused", "": "unread"}[verdict]] += 1
    if not kept:
        raise DatasetError(f"{file} accepts no question yet: in `verdict`, write {_VERDICTS}.")
    return kept, counts, comments


def _mended(one: EvalQuestion, row: Mapping[str, str], where: str) -> EvalQuestion:
    question, reference = row["question"].strip(), row["reference"].strip()
    if not question:
        raise DatasetError(f"{where}: the question is empty. Write one, or `drop`.")
    if one.no_answer and reference:
        raise DatasetError(f"{where}: the question is one without an answer. Leave reference empty, or `drop`.")
    return one.model_copy(update={"question": question, "reference": reference})


def _rows(file: Path) -> list[tuple[str, dict[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} can't be read as CSV in UTF-8 ({error}).") from error
    separator = max(",;\t", key=text.split("\n", 1)[0].count)  # what Excel writes depends on the country
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    lacking = [name for name in ("id", "verdict", "question", "reference") if name not in (reader.fieldnames or ())]
    if lacking:
        raise DatasetError(f"{file} lacks the column {lacking[0]!r}: its first row should be {', '.join(COLUMNS)}.")
    rows = []
    for row in reader:
        cells = {name: _said(value or "") for name, value in row.items() if name}
        rows.append((f"{file}, line {reader.line_num}", cells))
    return rows


def _said(cell: str) -> str:
    """A cell without the apostrophe that keeps a spreadsheet from running it."""
    return cell[1:] if cell[:1] == "'" and inert_cell(cell[1:]) == cell else cell
