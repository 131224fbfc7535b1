"""What counts are summed up from: right whoever writes, and few rows."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from alembic import command
from sqlalchemy import delete, func, insert, select, update

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog import tallies
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.migrate import alembic_config, migrate
from ingestion.catalog.records import Source
from ingestion.catalog.tables import DOCUMENTS, TALLIES, DocumentRow
from ingestion.connectors.port import Upsert

LEASE = 60.0


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST_ROWS", 3)
    monkeypatch.setattr(tallies, "AT_ONCE", 10)


@pytest.fixture
def source(catalog: Catalog) -> Source:
    return catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)


def enter(catalog: Catalog, source: Source, *names: str) -> None:
    """List documents, each in a transaction of its own."""
    run, _ = catalog.runs.begin(source.id, LEASE)
    for name in names:
        upsert = Upsert(
            external_id=name,
            uri=name,
            revision="1",
            content_revision="1",
            size=1,
            acl=AccessList(users=frozenset({"ada"})),
            metadata=Metadata(),
        )
        catalog.intake.apply(run.id, source.id, [upsert], parser=1)


def rows(catalog: Catalog) -> int:
    with catalog.database.read() as connection:
        return connection.execute(select(func.count()).select_from(TALLIES)).scalar_one()


def test_one_row_stays_for_what_is_alike(catalog: Catalog, source: Source) -> None:
    enter(catalog, source, *map(str, range(25)))
    assert rows(catalog) == 25
    catalog.tallies.sum_up()
    assert rows(catalog) <= 5  # fewer than are worth it
    assert catalog.documents.totals(source.id) == {"pending": 25}


def test_what_is_no_more_leaves_no_row(catalog: Catalog, source: Source) -> None:
    enter(catalog, source, *"abcde")
    with catalog.database.write() as connection:
        connection.execute(delete(DOCUMENTS))
    assert catalog.documents.totals() == {}
    catalog.tallies.sum_up()
    assert rows(catalog) == 0


def test_a_statement_of_anybody_counts(catalog: Catalog, source: Source) -> None:
    """Also one that changes many documents at once, adds many, or is rolled back."""
    enter(catalog, source, *"abc")
    with catalog.database.write() as connection:
        connection.execute(update(DOCUMENTS).values(state="failed"))
        like_a = select(DOCUMENTS).where(DocumentRow.external_id == "a")
        row = connection.execute(like_a).one()._asdict()
        connection.execute(insert(DOCUMENTS), [{**row, "id": f"n{n}", "external_id": f"n{n}"} for n in range(4)])
    assert catalog.documents.totals() == {"failed": 7}
    with catalog.engine.connect() as connection:
        connection.execute(delete(DOCUMENTS))
        connection.rollback()
    assert catalog.documents.totals() == {"failed": 7}


def test_documents_from_before_there_were_tallies_are_counted(catalog: Catalog, source: Source) -> None:
    enter(catalog, source, *"abc")
    with catalog.database.write() as connection:
        command.downgrade(alembic_config(connection), "0010")
        connection.execute(update(DOCUMENTS).where(DocumentRow.external_id == "a").values(state="failed"))
    migrate(catalog.database)
    assert catalog.documents.totals() == {"failed": 1, "pending": 2}
    enter(catalog, source, "d")
    assert catalog.documents.totals(source.id) == {"failed": 1, "pending": 3}


def test_nothing_is_lost_while_others_add_and_sum_up(
    catalog: Catalog, source: Source, open_more: Callable[[], Catalog]
) -> None:
    others = [open_more() for _ in range(3)]
    failed: list[BaseException] = []
    over = threading.Event()

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - shown by the test
                failed.append(error)

        return run

    def sum_up(other: Catalog) -> None:
        while not over.is_set():
            other.tallies.sum_up()

    summing = [threading.Thread(target=guarded(lambda other=other: sum_up(other))) for other in others]  # type: ignore[misc]
    for thread in summing:
        thread.start()
    try:
        enter(catalog, source, *map(str, range(40)))
    finally:
        over.set()
        for thread in summing:
            thread.join(60)
    assert failed == []
    catalog.tallies.sum_up()
    assert catalog.documents.totals() == {"pending": 40}
