"""Counting without a tokenizer: never fewer than a real one counts, and windows that lose nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Settings
from retrieval.embedding.build import build_embedder
from retrieval.embedding.rough_tokenizer import RoughTokenizer
from retrieval.embedding.windows import _Cutter

ROUGH = RoughTokenizer()
HANDBOOKS = Path(__file__).parents[5] / "shared" / "data" / "handbooks"


@given(st.text(max_size=300))
def test_as_many_spans_as_tokens_in_order_and_without_overlap(text: str) -> None:
    spans = ROUGH.offsets(text)
    assert len(spans) == ROUGH.count(text) == ROUGH.counts([text])[0]
    reached = 0
    for begin, end in spans:
        assert reached <= begin <= end <= len(text)
        reached = end


@given(st.text(alphabet="ab cdÄ休\n😀7,", max_size=600), st.integers(16, 64))
def test_windows_fit_and_hold_every_character_that_is_no_space(text: str, limit: int) -> None:
    if not text.strip():
        return
    windows = _Cutter(text, "", ROUGH, limit).windows()
    assert all(ROUGH.count(window) <= limit for window in windows)
    reached = 0
    for window in windows:
        at = text.rfind(window, 0, reached + len(window))
        assert at >= 0
        assert not text[reached:at].strip()
        reached = max(reached, at + len(window))
    assert not text[reached:].strip()


def test_no_stretch_of_real_documents_has_more_tokens_than_are_counted() -> None:
    if not HANDBOOKS.is_dir():
        pytest.skip(f"{HANDBOOKS} isn't there")
    real = build_embedder(Settings()).tokenizer
    texts = [file.read_text(encoding="utf-8", errors="replace")[:8000] for file in sorted(HANDBOOKS.rglob("*.md"))[:60]]
    stretches = [text[at : at + 800] for text in texts for at in range(0, len(text) - 800, 800)]
    assert stretches
    assert all(ROUGH.count(stretch) >= real.count(stretch) for stretch in stretches)
