"""Grouping texts of similar length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_MOST_TEXTS_FACTOR = 8


def by_length(lengths: Sequence[int], *, window: int, batch_size: int) -> Iterator[list[int]]:
    """Yield positions in batches, longest texts first (too large a batch then fails at once, not at the end).

    A batch's padded size, its count times its longest, stays within ``batch_size * window`` tokens, so that short
    texts travel in larger batches; at most eight times ``batch_size`` of them.
    """
    budget = batch_size * window
    batch: list[int] = []
    longest = 0
    for position in sorted(range(len(lengths)), key=lambda at: (-lengths[at], at)):
        longest = longest or max(1, lengths[position])
        if batch and ((len(batch) + 1) * longest > budget or len(batch) >= _MOST_TEXTS_FACTOR * batch_size):
            yield batch
            batch, longest = [], max(1, lengths[position])
        batch.append(position)
    if batch:
        yield batch
