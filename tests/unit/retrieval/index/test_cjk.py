"""Text of scripts without spaces, made searchable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.index.cjk import with_bigrams


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("情報技術", ["情報", "報技", "技術"]),
        ("東", ["東"]),
        ("AI技術とは?", ["AI", "技術", "術と", "とは", "?"]),
        ("データ、表", ["デー", "ータ", "、", "表"]),
        ("ﾃﾞｰﾀ", ["デー", "ータ"]),
        ("\uff21\uff22", ["AB"]),
        ("휴가 규정", ["휴가", "규정"]),
        ("plain words", ["plain", "words"]),
    ],
)
def test_runs_become_pairs(text: str, words: list[str]) -> None:
    assert with_bigrams(text).split() == words


@given(st.text(st.characters(max_codepoint=0x10FF)))
def test_text_of_other_scripts_is_left_alone(text: str) -> None:
    assert with_bigrams(text) == text


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x4E20), min_size=2), st.text("ab ", max_size=3))
def test_a_run_within_another_shares_its_pairs(run: str, around: str) -> None:
    assert set(with_bigrams(run).split()) <= set(with_bigrams(f"{around}東{run}京{around}").split())
