"""From which generation a rebuild may take vectors."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ingestion.tasks.rebuilding import _target
from retrieval.index.port import Generation


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        (Generation("a", "model", 8, live=True), Generation("b", "model", 8, live=False), True),
        (Generation("a", "other", 8, live=True), Generation("b", "model", 8, live=False), False),
        (Generation("a", "model", 8, live=True), Generation("b", "model", 8, live=False, lossy=True), True),
        (Generation("a", "model", 8, live=True, lossy=True), Generation("b", "model", 8, live=False), False),
        (Generation("a", "model", 8, live=True, lossy=True), Generation("b", "model", 8, live=False, lossy=True), True),
    ],
)
def test_rounded_vectors_are_no_source_of_whole_ones(before: Generation, after: Generation, taken: bool) -> None:
    index = SimpleNamespace(generations=lambda: [before, after], for_generation=lambda name: name)
    target = _target(SimpleNamespace(index=index), SimpleNamespace(generation="b", previous="a"))  # type: ignore[arg-type]
    assert (target.source == "a") is taken
