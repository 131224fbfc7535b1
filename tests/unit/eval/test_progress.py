"""How far something is, told where nobody watches."""

from __future__ import annotations

import pytest

from eval.progress import _lines


def test_lines_come_now_and_then_with_the_time_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 10.0, 40.0, 50.0, 100.0])
    report = _lines(lambda: next(times))
    for done in (100, 110, 140, 150, 400):
        report("asking", done, 400)
    told = capsys.readouterr().err.splitlines()
    assert told == ["asking: 140 of 400, about 4 min left", "asking: 400 of 400"]
