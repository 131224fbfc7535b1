"""What a run has built and measured; kept on disk, so that it can go on later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.metrics import Estimate, Latency
from eval.records import Part, Record


class Build(Record):
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
        planned: bytes that `footnote plan` says of such an index and its text.
        heap_mb, heap_max_mb, resident_mb: of the node, after questions to this index alone; None where not known.
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
    planned: float | None = None
    heap_mb: float | None = None
    heap_max_mb: float | None = None
    resident_mb: float | None = None

    @property
    def name(self) -> str:
        """In words, short."""
        return f"{self.size:,} {self.layout}"

    def keep(self, folder: Path) -> None:
        """Write it where it is looked for."""
        self.save(file_of(folder, self.key))


class Measured(Part):
    """What questions to one index gave, in turns with the others.

    Attributes:
        latency: by way of asking.
        recall: recall@10 against exact search, by filter.
    """

    size: int
    layout: str
    latency: dict[str, Latency]
    recall: dict[str, float]

    @property
    def name(self) -> str:
        """In words, short."""
        return f"{self.size:,} {self.layout}"


class Growth(Part):
    """How much slower the median question is than in another index, with its 95 % interval over questions."""

    way: str
    of: str
    to: str
    ratio: Estimate


class Report(Record):
    """Everything that a run gives."""

    command: str
    machine: dict[str, Any]
    questions: int
    depth: int
    distinct: int
    seed: int
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
    return Build.load(file, "delete it, and build again") if file.exists() else None
