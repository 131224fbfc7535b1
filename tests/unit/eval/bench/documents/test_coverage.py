"""What became of each file is told and can be written down."""

from __future__ import annotations

import json

import pytest

from eval.bench.documents.coverage import Compared, _record, _report
from eval.bench.documents.coverage_words import compare


def compared(text: str, ours: str, **left_out: list[str]) -> Compared:
    return Compared(
        file="samples/a.pdf",
        became="read",
        detail="",
        share=compare(text, ours, left_out),
        strategy="fast",
        seconds=1.0,
        reference_seconds=4.0,
        reference_error="",
    )


def test_lost_words_are_listed_with_their_file(capsys: pytest.CaptureFixture[str]) -> None:
    _report([compared("Travel policy: two weeks ahead", "Two weeks", running=["Travel policy"]), compared("A", "a")])
    said = capsys.readouterr().out
    assert "as they stand in 1; held, or left out for a reason that is listed, in 1" in said
    assert "| samples/a.pdf | 5 | 40.0% | 0 | running: 2 | 1 (ahead) |" in said
    assert "ratio 0.25 (2 files)" in said


def test_a_record_is_json() -> None:
    record = json.loads(json.dumps(_record(compared("one two", "one"))))
    assert (record["words"], record["alike"], record["missing"]) == (2, 1, {"two": 1})
