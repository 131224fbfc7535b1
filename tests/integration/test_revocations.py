"""What a source revokes or deletes doesn't wait for content, however much of it is on its way, and however it hangs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.filters import AnyOf
from ingestion.catalog.records import DocumentState, RunState
from tests.integration.stacks import Stack, until

PENDING = 1000
WITHIN_S = 60


@pytest.fixture
def apart(home: Path, index_settings: dict[str, object]) -> Iterator[Stack]:
    """A stack whose workers are those of ``footnote up``."""
    stack = Stack(home, index=index_settings, parsing={"timeout_s": 3600})
    try:
        stack.start_broker()
        stack.start_workers_apart()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def hanging(apart: Stack) -> Iterator[Stack]:
    """With two documents in the index, and a parser that from now on answers nothing."""
    apart.write("salaries.md", "# Salaries\n\nThe midpoint is 92000.")
    apart.write("merger.md", "# Merger\n\nThe codename is albatross.")
    apart.add_source()
    [source] = apart.ingestion.catalog.sources.list()
    assert apart.sync(source).indexed == 2
    assert (apart.found("midpoint"), apart.found("albatross")) == (["salaries.md"], ["merger.md"])
    assert apart.worker is not None
    parsers = psutil.Process(apart.worker.pid).children(recursive=True)
    assert parsers
    for parser in parsers:
        parser.send_signal(signal.SIGSTOP)
    try:
        yield apart
    finally:
        apart.kill_worker()
        for parser in parsers:
            parser.kill()


def test_a_revocation_and_a_deletion_do_not_wait_for_a_parse_that_hangs(hanging: Stack) -> None:
    catalog, ingestion = hanging.ingestion.catalog, hanging.ingestion
    [source] = catalog.sources.list()
    hanging.write_rules(range(PENDING))
    backfill = ingestion.sync(source.id)
    hanging.wait(backfill, lambda now: now.seen == PENDING + 2, "the listing")
    until(lambda: catalog.documents.totals().get("queued", 0) > 0, "a document at the parser")

    hanging.write("salaries.md.meta.yaml", "acl: ['group:hr']\n")
    (hanging.folder / "merger.md").unlink()
    asked = ingestion.sync(source.id)
    assert asked.id != backfill.id
    until(lambda: hanging.found("midpoint") == [], "the revocation", WITHIN_S)
    everybody = AnyOf("acl", frozenset({"public"}))
    until(lambda: hanging.index.lexical("albatross", everybody, 10) == [], "the deletion", WITHIN_S)
    assert hanging.found("midpoint", "group:hr") == ["salaries.md"]

    # None of the others is through: nothing waited for them, and the runs wait for them still.
    totals = catalog.documents.totals(source.id)
    assert totals[DocumentState.INDEXED] == 1
    assert totals[DocumentState.PENDING] + totals[DocumentState.QUEUED] == PENDING
    assert [catalog.runs.get(run.id).state for run in (backfill, asked)] == [RunState.RUNNING] * 2
