"""What a run has built and measured; kept on disk, so that it can go on later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.datasets import DatasetError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Build(_Part):
    """An index of one size and layout, as far as it is filled.

    Attributes:
        key: hash of everything that its contents depend on.
        generation: of the index; empty before it is begun.
        done: chunks that are written.
        seconds: spent writing them.
        finished: it is complete, merged to rest, and live.
        settled_s: seconds that merging went on after the last chunk.
        segments: of the finished index.
        bytes: of the finished index, by component.
        heap_mb, heap_max_mb, resident_mb: of the node, after questions to this index alone; None where not known.
        structure: how its vectors stand to each other.
    """

    size: int
    layout: str
    key: str
    generation: str = ""
    done: int = 0
    seconds: float = 0.0
    finished: bool = False
    settled_s: float = 0.0
    segments: int = 0
    bytes: dict[str, int] = {}
    heap_mb: float | None = None
    heap_max_mb: float | None = None
    resident_mb: float | None = None
    structure: dict[str, float] = {}

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        file = file_of(folder, self.key)
        part = file.with_suffix(".part")
        part.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.replace(file)


class Latency(_Part):
    """Milliseconds of one way to ask, over all questions."""

    p50_ms: float
    p95_ms: float


class Measured(_Part):
    """What questions to one index gave, in turns with the others.

    Attributes:
        latency: by way of asking.
        recall: recall@10 against exact search, by filter.
    """

    size: int
    layout: str
    latency: dict[str, Latency]
    recall: dict[str, float]


class Growth(_Part):
    """How much slower the median question is than in another index, with its 95 % interval over questions."""

    way: str
    of: str
    to: str
    ratio: float
    low: float
    high: float


class Report(_Part):
    """Everything that a run gives."""

    command: str
    machine: dict[str, Any]
    questions: int
    depth: int
    distinct: int
    seed: int
    real: dict[str, float]
    builds: list[Build]
    measured: list[Measured]
    growth: list[Growth]


def file_of(folder: Path, key: str) -> Path:
    """Where a build is kept."""
    return folder / f"{key}.json"


def read_build(folder: Path, key: str) -> Build | None:
    """The build of that key; None if there is none.

    Raises:
        DatasetError: its file is no such record.
    """
    file = file_of(folder, key)
    try:
        return Build.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise DatasetError(f"{file} isn't a record of footnote bench scale: delete it, and build again.") from error
