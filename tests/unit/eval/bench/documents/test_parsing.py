"""The benchmark of the parse stage: what it counts, and what it leaves out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from eval.bench.documents.parsing import OURS, WAYS, Spent, overhead, report_overhead
from eval.bench.documents.parsing_stage import ParseStage, open_chunker, open_pool

MAIL = b"From: a@example.com\nTo: b@example.com\nSubject: Leave\n\nTwenty days a year.\n"


class ReadsMarkdown:
    """Stands for unstructured in a process of its own."""

    pid = os.getpid()

    def read(self, path: Path) -> dict[str, Any]:
        return {"text": "Leave", "seconds": 0.5, "cpu_s": 0.25} if path.suffix == ".md" else {"error": "no"}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for name, content in (("a.md", b"# Leave\n\nTwenty days a year."), ("b.eml", MAIL), ("c.pdf", b"%PDF-1.4 broken")):
        (tmp_path / name).write_bytes(content)
    return sorted(tmp_path.iterdir())


def test_files_that_all_can_read_are_timed_in_each_round(files: list[Path]) -> None:
    settings = Settings()
    pool = open_pool(settings, 1)
    stage = ParseStage(pool, open_chunker(settings))
    references: dict[str, Any] = {way: ReadsMarkdown() for way in WAYS}
    try:
        timings = overhead(files, stage, references, rounds=2)
    finally:
        pool.close()

    assert len(timings) == 1
    assert all({way: len(spent) for way, spent in one.items()} == dict.fromkeys((OURS, *WAYS), 2) for one in timings)
    assert all(spent.wall_s > 0 for one in timings for of_one in one.values() for spent in of_one)


def test_ratios_are_of_sums_of_medians(capsys: pytest.CaptureFixture[str]) -> None:
    timings = [
        {OURS: [Spent(1, 1, 0.25)] * 3, WAYS[0]: [Spent(4, 2)] * 3, WAYS[1]: [Spent(2, 1)] * 3},
        {
            OURS: [Spent(1, 1, 0.25), Spent(99, 1, 0.25), Spent(1, 1, 0.25)],
            WAYS[0]: [Spent(4, 2)] * 3,
            WAYS[1]: [Spent(2, 1)] * 3,
        },
    ]
    report_overhead(timings, 5, 3)

    told = capsys.readouterr().out
    assert "2 of 5 files" in told
    assert told.count("0.250 (95 % 0.250 to 0.250)") == 1
    assert told.count("0.500 (95 % 0.500 to 0.500)") == 2
    assert "25.0% of the parse stage's CPU" in told
