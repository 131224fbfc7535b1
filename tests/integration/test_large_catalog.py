"""What is asked again and again reads as many rows in a large catalog as in a small one: PostgreSQL itself counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, make_url, text

from core.clock import SystemClock
from eval.bench.ingestion.catalog import measure, periodic, shown
from eval.bench.ingestion.catalog_data import BACKFILL, generate
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.database import Database
from ingestion.catalog.migrate import migrate

DOCUMENTS = 20_000
MOST_ROWS = 1_500
"""A page of the comparison is 500, which are read, filtered and given on; all the pending documents are 10,000."""


@pytest.fixture(scope="module")
def large(postgresql_url: str) -> Iterator[Catalog]:
    """A generated catalog, in a database of its own."""
    server = Database(postgresql_url)
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE large"))
    database = Database(make_url(postgresql_url).set(database="large").render_as_string(hide_password=False))
    migrate(database)
    generate(database, DOCUMENTS, lambda _: None)
    yield Catalog(database, SystemClock())
    database.close()
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE large WITH (FORCE)"))
    server.close()


@contextmanager
def _statements(catalog: Catalog) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        if re.match("SELECT|UPDATE|DELETE", statement):
            seen.append((statement, parameters))

    event.listen(catalog.engine, "before_cursor_execute", note)
    yield seen
    event.remove(catalog.engine, "before_cursor_execute", note)


def _rows(plan: dict[str, Any]) -> float:
    """The most rows that one step of a plan read, those included that it dropped."""
    loops = plan.get("Actual Loops", 1)
    removed = sum(value for key, value in plan.items() if key.startswith("Rows Removed"))
    here = (plan.get("Actual Rows", 0) + removed) * loops
    return float(max([here, *(_rows(step) for step in plan.get("Plans", []))]))


def _most_rows(catalog: Catalog, statements: list[tuple[str, Any]]) -> dict[str, float]:
    most = {}
    for statement, parameters in statements:
        with catalog.engine.connect() as connection:  # rolled back
            explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            most[statement] = _rows(explained.scalar_one()[0]["Plan"])
    return most


def test_no_periodic_statement_reads_more_rows_than_it_is_about(large: Catalog) -> None:
    with _statements(large) as statements:
        for ask in [*periodic(large).values(), *shown(large).values()]:
            ask()
        tickets = large.queue.take_pending(BACKFILL, 5, 60)
        large.queue.put_back(tickets)
    assert len(tickets) == 5
    assert len(statements) > 20
    too_many = {statement: rows for statement, rows in _most_rows(large, statements).items() if rows > MOST_ROWS}
    assert too_many == {}


def test_rows_of_a_plan_are_counted_where_they_are_dropped(large: Catalog) -> None:
    reading_all = [("SELECT id FROM documents WHERE title = 'nothing'", ())]
    assert list(_most_rows(large, reading_all).values()) == [DOCUMENTS]


def test_the_benchmark_times_what_tasks_ask(large: Catalog) -> None:
    names = [figure.name for figure in measure(large)]
    assert "runs.done, backfill" in names
    assert "queue.claim_for_embedding" in names
    assert large.documents.totals()["indexed"] > 0
