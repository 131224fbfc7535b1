from __future__ import annotations

import pytest

from generation.text.word_stems import stem, terms, words


@pytest.mark.parametrize(
    "same",
    [
        ("policy", "policies"),
        ("expense", "expenses", "expensed"),
        ("travel", "travelling", "traveling"),
        ("approve", "approval", "approved"),
        ("manager", "managers", "management"),
        ("day", "days"),
    ],
)
def test_inflections_share_a_stem(same: tuple[str, ...]) -> None:
    assert len({stem(word) for word in same}) == 1


def test_different_words_keep_different_stems() -> None:
    assert len({stem(word) for word in ("pay", "paper", "policy", "police", "leave", "level")}) == 6


def test_words_fold_case_and_accents() -> None:
    assert words("Café, don’t ÜBER-2024") == ["cafe", "don't", "uber", "2024"]


def test_terms_leave_out_what_says_nothing() -> None:
    assert terms("What is the policy on leave?") == {stem("policy"), stem("leave")}
