"""What is remembered of what was made of texts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.embedding.text_cache import TextCache


class Letters:
    """A token is a letter; notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> list[NDArray[np.int32]]:
        self.asked += texts
        return [np.array([ord(letter) for letter in text], np.int32) for text in texts]


def test_a_text_is_tokenised_once() -> None:
    tokenise = Letters()
    cache = TextCache(tokenise, capacity=1000)
    assert [each.tolist() for each in cache(["ab", "c", "ab"])] == [[97, 98], [99], [97, 98]]
    assert [each.tolist() for each in cache(["c", "d"])] == [[99], [100]]
    assert tokenise.asked == ["ab", "c", "d"]


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    tokenise = Letters()
    cache = TextCache(tokenise, capacity=2 * 4)
    cache(["a", "b"])
    cache(["a"])
    cache(["c"])
    cache(["a"])
    assert tokenise.asked == ["a", "b", "c"]
    cache(["b"])
    assert tokenise.asked == ["a", "b", "c", "b"]


@settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=5), max_size=6), max_size=12), st.integers(0, 60))
def test_it_answers_as_the_tokenizer_does_whatever_it_holds(questions: list[list[str]], capacity: int) -> None:
    cache = TextCache(Letters(), capacity=capacity)
    for texts in questions:
        assert [each.tolist() for each in cache(texts)] == [[ord(letter) for letter in text] for text in texts]
