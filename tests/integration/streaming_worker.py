"""A worker's parse task over one large file, in a process of its own that says how much memory it took.

``python tests/integration/streaming_worker.py HOME MEGABYTES [LIMIT]``: the file is sparse, so long, and of a kind
that isn't read; with LIMIT the process may take so many more megabytes than it has when the task begins.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from core.settings import Settings
from ingestion.broker import TaskQueue
from ingestion.tasks import hand_off, listing, parsing
from ingestion.tasks.parts import Makers, Parts
from tests.unit.ingestion.tasks.fakes import FakeEmbedder, FakeIndex

SMALL = "# A small one\n\nIt has words."


class _Tasks(TaskQueue):
    """Runs what has to do with reading; leaves the rest."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, dict[str, Any]]] = []

    def send(self, task: str, arguments: Mapping[str, Any] | None = None, *, delay_s: float = 0) -> None:
        self.waiting.append((task, dict(arguments or {})))

    def has_lost_everything(self) -> bool:
        return False

    def run(self, parts: Parts) -> None:
        runs = {"footnote.sync": listing.sync, "footnote.dispatch": hand_off.dispatch, "footnote.parse": parsing.parse}
        while self.waiting:
            task, arguments = self.waiting.pop(0)
            if task in runs:
                runs[task](parts, **arguments)


def main(home: Path, megabytes: int, limit: int | None) -> None:
    folder = home / "docs"
    folder.mkdir(parents=True)
    parsing_settings = {"max_file_mb": megabytes + 1, "timeout_s": 300}
    settings = Settings.model_validate({"data_dir": home / "d", "parsing": parsing_settings})
    tasks = _Tasks()
    makers = Makers(index=lambda _: FakeIndex(), embedder=lambda _: FakeEmbedder())  # type: ignore[arg-type,return-value]
    parts = Parts(settings, tasks, makers)
    source = parts.catalog.sources.create(kind="folder", name="big", config={"path": str(folder)}, interval_s=60)

    def sync() -> None:
        run, _ = parts.catalog.runs.begin(source.id, 900)
        tasks.send("footnote.sync", {"run_id": run.id})
        tasks.run(parts)

    (folder / "small.md").write_text(SMALL)
    sync()  # everything is loaded now
    with (folder / "big.bin").open("wb") as file:
        file.write(b"\x7fELF\x02\x01\x01" + bytes(range(256)))
        file.truncate(megabytes * 1_000_000)
    before = psutil.Process().memory_info()
    if limit is not None:
        most = before.data + limit * 1_000_000
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sync()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    said = [failure.message for failure in parts.catalog.failures.list()]
    originals = sorted(path.stat().st_size for path in (home / "d" / "blobs").rglob("original"))
    parts.close()
    print(json.dumps({"rss_mb": before.rss / 1e6, "grown_mb": grown / 1e3, "said": said, "originals": originals}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
