"""How rare a token is among passages, against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.reranking.late_interaction import _rarity

IDS = st.integers(0, 12)


@given(st.lists(IDS, min_size=1, unique=True), st.lists(st.lists(IDS), min_size=1).filter(any))
def test_a_token_counts_by_how_many_passages_have_it(asked: list[int], passages: list[list[int]]) -> None:
    text = np.array([token for passage in passages for token in passage], np.int64)
    seen, places = np.unique(text, return_inverse=True)
    lengths = np.array([len(passage) for passage in passages])
    having = [sum(token in passage for passage in passages) for token in asked]
    expected = [np.log1p((len(passages) - has + 0.5) / (has + 0.5)) for has in having]
    assert _rarity(np.array(asked, np.int64), seen, places, lengths).tolist() == pytest.approx(expected, rel=1e-5)
