"""Batches hold every text once, and little padding."""

from hypothesis import given
from hypothesis import strategies as st

from retrieval.embedding.batches import by_length


@given(st.lists(st.integers(0, 256), max_size=300), st.integers(1, 40))
def test_each_text_once_and_no_batch_over_the_budget(lengths: list[int], batch_size: int) -> None:
    batches = list(by_length(lengths, window=256, batch_size=batch_size))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) * max(lengths[position] for position in batch) <= batch_size * 256
        assert len(batch) <= 8 * batch_size
    longest = [max(lengths[position] for position in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)
