"""Reviews in sheets: what is to be reviewed, what was filled in, and labels as files for ``footnote eval``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import InvalidRequest

CRITERIA = ("groundedness", "relevance", "coherence", "faithfulness")
CAUSES = ("retrieval", "evidence", "writing", "outdated")
LONGEST_COMMENT = 2000
UNSURE = frozenset({"?", "can't tell", "can’t tell"})
_SCORES = ("1", "2", "3", "4", "5")
_FILLED_IN = (*CRITERIA, "cause", "comment")
_COLUMNS = ("id", "question", "answer", "passages", *_FILLED_IN)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Body = dict[str, Any]


def sheet_of(pairs: Sequence[Mapping[str, Any]]) -> str:
    """The pairs as CSV, with empty columns for the scores, the cause and a comment."""
    rows = ({"id": one["id"], **{name: _inert(text) for name, text in texts_of(one).items()}} for one in pairs)
    return _csv(_COLUMNS, rows)


def texts_of(pair: Mapping[str, Any]) -> dict[str, str]:
    """A pair's question, its answer, and the passages that its claims cite, each once."""
    answer = pair["answer"]
    abstained = answer["abstained"]
    said = answer["answer"] or (f"(No answer: {abstained['reason']})" if abstained else "")
    return {"question": pair["question"], "answer": said, "passages": "\n".join(passages_of(answer, numbered=True))}


def passages_of(answer: Mapping[str, Any], *, numbered: bool = False) -> list[str]:
    """What the answer cites, each sentence once."""
    cited = [one for one in answer["citations"] if one["quote"]]
    return list(dict.fromkeys(f"[{one['number']}] {one['quote']}" if numbered else one["quote"] for one in cited))


def filled_in(file: Path) -> list[tuple[int, str, Body]]:
    """The reviews in a sheet: line, the answer's id, and the body for the API; rows with nothing filled in left out.

    Raises:
        InvalidRequest: it can't be read, lacks a column, or a line has what can't be a review; names the line.
    """
    reviews, seen = list[tuple[int, str, Body]](), dict[str, int]()
    for line, row in _rows(file):
        if not any(row.get(name) for name in _FILLED_IN):
            continue
        where, answer_id = f"{file}, line {line}", row.get("id", "")
        if not answer_id:
            raise InvalidRequest(f"{where}: there is no id. Keep the column as it was exported.")
        if answer_id in seen:
            raise InvalidRequest(
                f"{where}: {answer_id} is reviewed in line {seen[answer_id]} already. Keep one of them."
            )
        seen[answer_id] = line
        cause = row.get("cause", "").casefold() or None
        if cause not in (None, *CAUSES):
            raise InvalidRequest(
                f"{where}: the cause {cause!r} is none of {', '.join(CAUSES)}; leave it empty for none."
            )
        if len(row.get("comment", "")) > LONGEST_COMMENT:
            raise InvalidRequest(f"{where}: the comment has more than {LONGEST_COMMENT} characters: shorten it.")
        scores = {name: _score(row[name], f"{where}, {name}") for name in CRITERIA}
        reviews.append((line, answer_id, {**scores, "cause": cause, "comment": row.get("comment", "")}))
    return reviews


def labels_of(labels: Sequence[Mapping[str, Any]]) -> list[Body]:
    """One row for each score that a reviewer gave, as ``footnote eval reviews`` and ``calibrate`` read them."""
    kept = ("reviewer", "sample", "outcome", "department", "weight", "cause", "comment")
    return [
        {"item": one["id"], "criterion": name, "label": one["scores"].get(name), **{key: one[key] for key in kept}}
        for one in labels
        for name in CRITERIA
    ]


def cases_of(labels: Sequence[Mapping[str, Any]]) -> list[Body]:
    """The answers that were labelled and may be read, as ``footnote eval judge --answers`` reads them."""
    pairs = {one["id"]: one["pair"] for one in labels if one["pair"] and one["pair"]["answer"]["answer"]}
    return [
        {
            "item": answer_id,
            "question": pair["question"],
            "answer": pair["answer"]["answer"],
            "passages": passages_of(pair["answer"]),
        }
        for answer_id, pair in pairs.items()
    ]


def text_of(rows: Sequence[Body], file: Path) -> str:
    """Rows as what the file's name says: CSV or JSONL."""
    if file.suffix.casefold() == ".csv":
        shown = [
            {key: _inert(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows
        ]
        return _csv(tuple(rows[0]) if rows else (), shown)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_new(file: Path, text: str, mark: str = "") -> None:
    """Write a new file. ``mark`` tells Excel that it is UTF-8."""
    try:
        with file.open("x", encoding="utf-8", newline="") as opened:
            opened.write(mark + text)
    except FileExistsError:
        raise InvalidRequest(f"{file} is there already: name another one.") from None
    except OSError as error:
        raise InvalidRequest(f"{file} can't be written: {error.strerror}.") from None


def _csv(columns: Sequence[str], rows: Any) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def _inert(text: str) -> str:
    """What a spreadsheet takes for text: a document or question may begin like a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file} can't be read as CSV in UTF-8 ({error}).") from None
    separator = max(",;\t", key=text.split("\n", 1)[0].count)  # what Excel writes depends on the country
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    missing = [name for name in ("id", *CRITERIA) if name not in (reader.fieldnames or ())]
    if missing:
        raise InvalidRequest(
            f"{file} has no column {', '.join(missing)}: fill in the sheet that `footnote reviews export` wrote."
        )
    for row in reader:
        yield reader.line_num, {str(name): (value or "").strip() for name, value in row.items() if name is not None}


def _score(said: str, where: str) -> int | None:
    if said.casefold() in UNSURE:
        return None
    number = said.removesuffix(".0")  # a spreadsheet may make 4.0 of 4
    if number not in _SCORES:
        raise InvalidRequest(
            f"{where}: {said!r} is outside the scale: use a whole number from 1 to 5, or ? for can't tell."
        )
    return int(number)
