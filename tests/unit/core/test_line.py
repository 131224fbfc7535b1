"""Lines across a page and up or down it: the boxes of their words."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from core.place import Line

WORDS = (0, 10.0, 20.0, 4, 22.0, 40.0)


def test_a_line_that_runs_down_the_page_is_cut_to_its_words_from_top_to_bottom() -> None:
    line = Line(0, 9, 1, 100.0, 10.0, 112.0, 40.0, WORDS, across=False)
    box = line.box(4, 9)
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == (100.0, 22.0, 112.0, 40.0)


@given(st.booleans(), st.sampled_from([(), WORDS]))
def test_a_line_survives_json(across: bool, words: tuple[float, ...]) -> None:
    line = Line(3, 12, 2, 1.0, 2.0, 3.0, 4.0, words, across)
    assert Line.unpacked(json.loads(json.dumps(line.packed()))) == line
