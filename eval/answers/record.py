"""The figures of a run of answers as they are kept: what gates, histories and reports are made of."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.answers.rows import Status
from eval.datasets import DatasetError

RUN_FILE = "run.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Part):
    """The mean of a metric with its 95 % bootstrap interval, over the ``n`` questions that it applies to."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        digits = 3 if abs(self.value) < 10 else 1  # noqa: PLR2004
        return f"{self.value:.{digits}f} ({self.low:.{digits}f}-{self.high:.{digits}f})"


class ConfigRow(_Part):
    """What one configuration did.

    Attributes:
        about: its settings, without secrets.
        counts: questions by how they ended.
        degraded, cached: how many answers had to do without something, or were given again.
        metrics: by name.
        failures: by metric, for how many answers whoever measures it failed.
        judges: by metric of a judge's, which judges gave it.
        values: figures by question and metric.
        statuses: by question.
        models: who wrote, and with which prompts.
        percentiles: median and 95th percentile of the times, in ms.
    """

    name: str
    about: dict[str, Any]
    counts: dict[Status, int]
    degraded: int
    cached: int
    metrics: dict[str, Figure]
    failures: dict[str, int]
    judges: dict[str, tuple[str, ...]] = {}
    values: dict[str, dict[str, float | None]]
    statuses: dict[str, Status]
    models: tuple[str, ...]
    generations: tuple[str, ...]
    percentiles: dict[str, tuple[float, float]]
    tokens: int
    cost: float | None


class AnswersRun(_Part):
    """One run of ``footnote eval answers``.

    Attributes:
        set, fingerprint, questions: name of the set, what identifies it, and how many questions it has.
        partial: why it isn't whole; empty: it is.
        faults: of what the questions refer to.
        support: what told whether citations bear out what they are cited for.
        baseline: the configuration that others are held against.
    """

    format: Literal["answers-1"] = "answers-1"
    id: str
    created: datetime
    commit: str
    note: str = ""
    machine: dict[str, Any]
    set: str
    fingerprint: str
    questions: int
    partial: str = ""
    faults: tuple[str, ...] = ()
    support: str = ""
    baseline: str
    configs: tuple[ConfigRow, ...]

    def config(self, name: str | None) -> ConfigRow:
        """The configuration of that name; None: the only one, or the baseline. Raises DatasetError."""
        wanted = name or (self.configs[0].name if len(self.configs) == 1 else self.baseline)
        for one in self.configs:
            if one.name == wanted:
                return one
        known = ", ".join(one.name for one in self.configs)
        raise DatasetError(f"The run holds no configuration {wanted!r}; it holds: {known}.")

    def save(self, file: Path) -> None:
        """Write it; a reader sees the old one or this one."""
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.replace(file)


def is_answers_run(file: Path) -> bool:
    """Whether a file, or a folder's ``run.json``, is a run of answers rather than of retrieval."""
    path = file / RUN_FILE if file.is_dir() else file
    try:
        with path.open("rb") as start:
            return b'"answers-1"' in start.read(200)
    except OSError:
        return False


def load_answers_run(file: Path) -> AnswersRun:
    """Read a run; a folder means the ``run.json`` in it. Raises DatasetError: it isn't there, or isn't one."""
    path = file / RUN_FILE if file.is_dir() else file
    try:
        return AnswersRun.model_validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        at = ".".join(map(str, fault["loc"])) or "the file"
        raise DatasetError(f"{path} is not a run of `footnote eval answers`: {at}: {fault['msg']}.") from error
    except OSError as error:
        raise DatasetError(
            f"{path} can't be read ({error.strerror}). `footnote eval answers --out DIR` writes DIR/{RUN_FILE}."
        ) from error


def kept_runs(folder: Path, fingerprint: str) -> list[AnswersRun]:
    """The runs of one set that a folder keeps, oldest first; those that can't be read are left out."""
    found = []
    for file in folder.glob("*.json"):
        try:
            run = load_answers_run(file)
        except DatasetError:
            continue  # of another release: its figures mean something else
        if run.fingerprint == fingerprint:
            found.append(run)
    return sorted(found, key=lambda run: (run.created, run.id))
