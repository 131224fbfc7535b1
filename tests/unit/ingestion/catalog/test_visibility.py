"""The epoch of what a reader may find: it moves with whatever concerns the reader, and with nothing else."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import delete, func, select, update

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog import tallies
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.migrate import alembic_config, migrate
from ingestion.catalog.tables import DOCUMENTS, DocumentRow
from ingestion.catalog.visibility import MOVES
from ingestion.connectors.port import Upsert

ADA, BOB = ("public", "user:ada"), ("public", "user:bob")


@pytest.fixture
def document(catalog: Catalog) -> str:
    """A document that Ada may read, which is in the index."""
    source = catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)
    run, _ = catalog.runs.begin(source.id, 60)
    acl = AccessList(users=frozenset({"ada"}))
    facts = {"uri": "a", "revision": "1", "content_revision": "1", "size": 1, "acl": acl, "metadata": Metadata()}
    catalog.intake.apply(run.id, source.id, [Upsert(external_id="a", **facts)], parser=1)  # type: ignore[arg-type]
    change(catalog, state="indexed", indexed_version=1)
    return catalog.documents.list(source.id)[0].id


def change(catalog: Catalog, **values: object) -> None:
    with catalog.database.write() as connection:
        connection.execute(update(DOCUMENTS).values(**values))


def numbers(catalog: Catalog) -> tuple[int, int]:
    return catalog.visibility.epoch(ADA).number, catalog.visibility.epoch(BOB).number


def moved(catalog: Catalog, before: tuple[int, int]) -> tuple[bool, bool]:
    now = numbers(catalog)
    return now[0] > before[0], now[1] > before[1]


@pytest.mark.usefixtures("document")
@pytest.mark.parametrize(
    "values", [{"index_due": True}, {"indexed_version": 2}, {"indexed_version": None}, {"state": "deleting"}]
)
def test_what_a_reader_may_find_moves_their_epoch_alone(catalog: Catalog, values: dict[str, object]) -> None:
    before = numbers(catalog)
    change(catalog, **values)
    assert moved(catalog, before) == (True, False)
    assert 0 <= catalog.visibility.epoch(ADA).age_s < 60
    assert catalog.visibility.epoch(BOB).age_s == float("inf")


@pytest.mark.usefixtures("document")
def test_who_loses_and_who_gains_a_document_both_move(catalog: Catalog) -> None:
    before = numbers(catalog)
    change(catalog, acl=["user:bob"])
    assert moved(catalog, before) == (True, True)


@pytest.mark.usefixtures("document")
def test_what_readers_cannot_see_moves_nothing(catalog: Catalog) -> None:
    before = numbers(catalog)
    change(catalog, attempts=3, claimed_by="worker", state="queued", revision="2")
    assert moved(catalog, before) == (False, False)


@pytest.mark.usefixtures("document")
def test_a_row_that_goes_moves_its_readers(catalog: Catalog) -> None:
    before = numbers(catalog)
    with catalog.database.write() as connection:
        connection.execute(delete(DOCUMENTS))
    assert moved(catalog, before) == (True, False)


@pytest.mark.usefixtures("document")
def test_summing_up_keeps_epochs_and_few_rows(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST_ROWS", 3)
    monkeypatch.setattr(tallies, "AT_ONCE", 10)
    for number in range(25):
        change(catalog, indexed_version=number + 2)
    catalog.visibility.move_all()
    before = numbers(catalog)
    catalog.visibility.sum_up()
    assert numbers(catalog) == before
    with catalog.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(MOVES)).scalar_one() <= 5
    catalog.visibility.move_all()
    assert moved(catalog, before) == (True, True)


def test_documents_are_readable_together_or_not_at_all(catalog: Catalog, document: str) -> None:
    readable = catalog.visibility.readable
    assert readable([document], ADA)
    assert readable([], ADA)
    assert not readable([document], BOB)
    assert not readable([document, "unknown"], ADA)
    change(catalog, state="deleting")
    assert not readable([document], ADA)


@pytest.mark.usefixtures("document")
def test_a_change_is_seen_with_its_transaction_and_not_before(catalog: Catalog) -> None:
    """An earlier change that is committed later moves the epoch again: a highest id would miss it."""
    before = numbers(catalog)
    with catalog.database.write() as connection:
        connection.execute(update(DOCUMENTS).where(DocumentRow.acl.is_not(None)).values(indexed_version=9))
        assert moved(catalog, before) == (False, False)
    assert moved(catalog, before) == (True, False)


def test_the_migration_goes_back_and_forth(catalog: Catalog) -> None:
    with catalog.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0017")
    migrate(catalog.database)
    assert catalog.visibility.epoch(ADA).number == 0
