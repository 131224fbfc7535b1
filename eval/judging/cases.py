"""Answers to be judged, from a file of any system's answers."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval.datasets import DatasetError, read_rows
from eval.judging.judge import Case

_SHAPE = '{"item": "q1", "configuration": "default", "question": "...", "answer": "...", "passages": ["..."]}'


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    item: str = Field(min_length=1)
    configuration: str = "default"
    question: str = Field(min_length=1)
    answer: str
    passages: tuple[str, ...] = ()
    reference: str = ""


def read_cases(file: Path) -> dict[str, list[Case]]:
    """The answers of a JSONL file by configuration.

    Raises:
        DatasetError: it isn't there, a line isn't an answer, or one configuration answers an item twice; names the
            line.
    """
    found: dict[str, dict[str, Case]] = {}
    for where, row in read_rows(file):
        try:
            line = _Line.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise DatasetError(f"{where}: {place}: {first['msg']}. A line reads: {_SHAPE}") from error
        answers = found.setdefault(line.configuration, {})
        if line.item in answers:
            raise DatasetError(
                f"{where}: {line.configuration!r} answers {line.item!r} twice. Two configurations need two names."
            )
        answers[line.item] = Case(line.item, line.question, line.answer, line.passages, line.reference)
    if not found:
        raise DatasetError(f"{file} holds no answer. A line reads: {_SHAPE}")
    return {name: list(answers.values()) for name, answers in found.items()}
