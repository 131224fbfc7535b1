"""The tokenizer that counts as the model does: where its tokens are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers

from retrieval.embedding.tokenizer import FileTokenizer


@pytest.fixture(scope="module")
def by_byte(tmp_path_factory: pytest.TempPathFactory) -> FileTokenizer:
    """A token for each byte, as rare characters have in every byte-level model."""
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = tokenizers.Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    file: Path = tmp_path_factory.mktemp("model") / "tokenizer.json"
    made.save(str(file))
    return FileTokenizer(file)


def test_the_first_of_a_characters_tokens_has_its_place_and_the_others_its_end(by_byte: FileTokenizer) -> None:
    assert by_byte.offsets("a€b") == [(0, 1), (1, 2), (2, 2), (2, 2), (2, 3)]


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_tokens_are_in_order_do_not_overlap_and_leave_nothing_out(by_byte: FileTokenizer, text: str) -> None:
    spans = by_byte.offsets(text)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert "".join(text[start:end] for start, end in spans) == text
    assert len(spans) == by_byte.count(text) == len(text.encode())
