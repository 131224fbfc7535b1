"""What a comparison has measured so far: kept on disk, so that it can go on later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.datasets import DatasetError

FORMAT = 1
FILE = "peers.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Block(_Part):
    """The same documents, ingested by every arm in turn.

    Attributes:
        seconds, vectors: by arm.
        cpu_s: CPU seconds of the arm's process, by arm; OpenSearch's own are not in it.
        stages: seconds by arm and stage.
    """

    documents: int
    seconds: dict[str, float] = {}
    cpu_s: dict[str, float] = {}
    stages: dict[str, dict[str, float]] = {}
    vectors: dict[str, int] = {}


class Question(_Part):
    """One question, asked of every arm in turn.

    Attributes:
        seconds, cpu_s: by arm, as of a block.
        stages: seconds by arm and stage.
        found: documents by arm, best first.
    """

    id: str
    seconds: dict[str, float] = {}
    cpu_s: dict[str, float] = {}
    stages: dict[str, dict[str, float]] = {}
    found: dict[str, list[str]] = {}


class SetRecord(_Part):
    """A collection's share of the record.

    Attributes:
        fingerprint: of its documents and judgments.
        fit: its documents were cut to the model's window before either side got them.
        texts: how many there were to ingest.
        covered: share of the texts' tokens that is within the model's first window of each.
        blocks: indexing alone.
        files: the whole path, from files.
    """

    fingerprint: str
    fit: bool
    documents: int
    texts: int
    covered: float
    blocks: list[Block] = []
    files: list[Block] = []
    questions: list[Question] = []


class Record(_Part):
    """A comparison.

    Attributes:
        run: names its indexes.
        about: versions by side, settings by arm.
    """

    format: int = FORMAT
    run: str
    model: str
    about: dict[str, dict[str, Any]] = {}
    sets: dict[str, SetRecord] = {}

    def save(self, file: Path) -> None:
        """Write it; a reader sees the old one or this one."""
        part = file.with_suffix(".part")
        part.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.replace(file)


def read(file: Path) -> Record:
    """Read a record.

    Raises:
        DatasetError: it isn't one, or one of another release.
    """
    try:
        record = Record.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise DatasetError(f"{file} is not a comparison that can go on: use another --out. ({error})") from None
    if record.format != FORMAT:
        raise DatasetError(f"{file} was written by another release (format {record.format}): use another --out.")
    return record
