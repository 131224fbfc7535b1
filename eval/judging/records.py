"""Judgments as they are kept: a JSON object a line, appended as they come, so that a further call goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from eval.datasets import DatasetError, read_rows
from eval.judging.asking import FailureKind
from eval.judging.judge import Identity
from eval.records import Part

Order = Literal["a first", "b first"]


class ScoreRow(Part):
    """What one judge said of one answer.

    Attributes:
        configuration: what gave the answer.
        scores: by criterion; empty with a failure. So are the reasons.
        length: characters of the answer.
    """

    kind: Literal["score"] = "score"
    item: str
    configuration: str
    judge: Identity
    scores: Mapping[str, int] = Field(default_factory=dict)
    reasons: Mapping[str, str] = Field(default_factory=dict)
    failure: FailureKind | None = None
    detail: str = ""
    length: int
    input_tokens: int
    output_tokens: int
    cost: float
    attempts: int
    ms: float


class PairRow(Part):
    """What one judge said of two answers to one question.

    Attributes:
        winner: ``a``, ``b`` or ``tie``; None where one of the orders failed.
        orders: what was preferred in each order, and why.
    """

    kind: Literal["pair"] = "pair"
    item: str
    a: str
    b: str
    judge: Identity
    winner: Literal["a", "b", "tie"] | None
    orders: dict[Order, Literal["a", "b", "tie"] | None]
    reasons: Mapping[Order, str] = Field(default_factory=dict)
    failure: FailureKind | None = None
    detail: str = ""
    lengths: tuple[int, int]
    input_tokens: int
    output_tokens: int
    cost: float
    attempts: int
    ms: float


class RagasRow(Part):
    """What one metric of ragas gave for one answer; ``value`` is None with a failure.

    Attributes:
        failed_calls: calls of the judge that failed within it, also where ragas went on without them.
    """

    kind: Literal["ragas"] = "ragas"
    item: str
    configuration: str
    judge: Identity
    metric: str
    value: float | None
    failure: FailureKind | Literal["undefined", "error"] | None = None
    detail: str = ""
    failed_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    ms: float = 0.0


Row = ScoreRow | PairRow | RagasRow
_KINDS: dict[str, type[Row]] = {"score": ScoreRow, "pair": PairRow, "ragas": RagasRow}


def read_judgments(file: Path) -> list[Row]:
    """All that a file holds; a last line that a kill cut off is left out.

    Raises:
        DatasetError: a line is no judgment.
    """
    if not file.exists():
        return []
    _drop_torn_line(file)
    return list(_rows(file))


def _rows(file: Path) -> Iterator[Row]:
    for where, row in read_rows(file):
        shape = _KINDS.get(str(row.get("kind")))
        if shape is None:
            raise DatasetError(f"{where}: not a judgment: its kind is none of {', '.join(_KINDS)}.")
        try:
            yield shape.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise DatasetError(
                f"{where}: not a judgment ({'.'.join(map(str, first['loc']))}: {first['msg']}). Footnote writes these "
                "files itself: drop the line, and what it judged is judged again."
            ) from error


def _drop_torn_line(file: Path) -> None:
    with file.open("rb+") as stream:
        content = stream.read()
        if content and not content.endswith(b"\n"):
            stream.truncate(content.rfind(b"\n") + 1)


def append(file: Path, rows: Iterable[Row]) -> None:
    """Add judgments; they are on the disk when it returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.writelines(row.model_dump_json() + "\n" for row in rows)
