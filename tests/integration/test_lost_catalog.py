"""A catalog that is lost: what only the index knows is hidden when the workers start again, and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.filters import AnyOf
from ingestion.service import build_ingestion
from tests.integration.stacks import Stack, started, until


@pytest.fixture
def on_each(home: Path, index_settings: dict[str, object]) -> Iterator[Stack]:
    with started(home, index=index_settings) as stack:
        yield stack


def test_what_only_the_index_knows_is_hidden_until_it_is_decided(on_each: Stack) -> None:
    stack, everybody = on_each, AnyOf("acl", frozenset({"public"}))
    stack.write_rules(range(5))
    assert stack.sync(stack.add_source()).indexed == 5
    assert len(stack.index.lexical("rule", everybody, 10)) == 5
    stack.kill_worker()
    stack.ingestion.close()
    for path in stack.settings.data_dir.glob("catalog.sqlite3*"):
        path.unlink()
    stack.ingestion = build_ingestion(stack.settings)
    stack.start_worker()
    comparisons = stack.ingestion.catalog.comparisons
    until(lambda: comparisons.get().finished_at is not None, "the comparison")
    assert comparisons.get().last_found == {"unknown": 5}
    assert stack.index.lexical("rule", everybody, 10) == []
    # What is taken in anew is found, once.
    assert stack.sync(stack.add_source()).indexed == 5
    assert stack.found("topic3") == ["3.md"]
    assert stack.index.counts().documents == 10, "the others are kept, for whoever decides"
