"""The whole path with the catalog on PostgreSQL, where transactions run side by side, unlike on SQLite."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from ingestion.catalog.records import RunState
from tests.integration.stacks import Stack, started, until


@pytest.fixture
def on_postgresql(home: Path, postgresql_url: str) -> Iterator[Stack]:
    name = f"pipeline_{uuid.uuid4().hex}"
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    catalog = {"url": postgresql_url.replace("/postgres?", f"/{name}?")}
    with started(home, catalog=catalog, sync={"embed_chunks": 8}) as stack:
        yield stack


def test_a_folder_is_kept_in_sync_and_a_killed_worker_loses_nothing(on_postgresql: Stack) -> None:
    stack = on_postgresql
    stack.write_rules(range(40))
    stack.write("broken.pdf", "%PDF-1.7\nthe rest of it is lost")
    source = stack.add_source()
    run = stack.ingestion.sync(source.id)
    totals = stack.ingestion.catalog.documents.totals
    until(lambda: totals().get("parsed", 0) + totals().get("indexed", 0) > 3, "some progress")
    stack.kill_worker()
    stack.start_worker()
    done = stack.finish(run)
    assert (done.state, done.seen, done.indexed, done.failed) == (RunState.FINISHED, 41, 40, 1)
    assert stack.found("topic17") == ["17.md"]
    assert stack.ingestion.retry_failures() == 1
    [retry, _] = stack.ingestion.catalog.runs.list(source.id)
    assert stack.finish(retry).failed == 1

    (stack.folder / "broken.pdf").unlink()
    stack.write("17.md", "# Rule 17\n\nIt is about something else: penguins.")
    stack.write("18.md.meta.yaml", "acl: ['group:hr']\n")
    done = stack.sync(source)
    assert (done.seen, done.unchanged, done.indexed, done.deleted, done.failed) == (41, 38, 2, 1, 0)
    assert (stack.found("penguins"), stack.found("topic17"), stack.found("topic18")) == (["17.md"], [], [])
    assert stack.found("topic18", "group:hr") == ["18.md"]
    stack.assert_indexed_once(40)
    stack.ingestion.delete_source(source.id)
    until(lambda: totals() == {}, "the purge")


def test_a_sidecar_that_breaks_hides_its_document_until_it_is_mended(on_postgresql: Stack) -> None:
    stack = on_postgresql
    stack.write("a.md", "# Salaries\n\nThe midpoint is 92000.")
    stack.write("b.md", "# Lunch\n\nLunch is at noon.")
    source = stack.add_source()
    assert stack.sync(source).indexed == 2
    stack.write("a.md.meta.yaml", "acl: ['grp:hr']\n")
    done = stack.sync(source)
    assert (done.unchanged, done.failed) == (1, 1)
    [failure] = stack.ingestion.catalog.failures.list()
    assert "grp:hr" in failure.message
    assert (stack.found("midpoint"), stack.found("midpoint", "group:hr"), stack.found("lunch")) == ([], [], ["b.md"])
    stack.write("a.md.meta.yaml", "acl: ['group:hr']\n")
    assert stack.sync(source).indexed == 1
    assert (stack.found("midpoint"), stack.found("midpoint", "group:hr")) == ([], ["a.md"])
    assert stack.ingestion.catalog.failures.list() == []
