"""The audit log in the catalog: a chain that nobody changes unseen."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError

from ingestion.catalog.audit import AUDIT, AuditQuery, AuditRow
from ingestion.catalog.audit_entries import GENESIS, Actor, AuditEntry, Deed, Outcome
from ingestion.catalog.catalog import Catalog
from tests.unit.ingestion.catalog.conftest import SteppedClock

ANN = Actor(name="CI", key_id="k1", user="ann", client="10.0.0.7", request_id="r1")


def write(catalog: Catalog, *deeds: Deed, actor: Actor = ANN, outcome: Outcome = "done") -> None:
    catalog.audit.append([AuditEntry.of(actor, deed, catalog.clock.now(), outcome) for deed in deeds])


def unguarded(catalog: Catalog, statement: object) -> None:
    """Do what only somebody can do who has the database to themselves."""
    with catalog.database.write() as connection:
        if catalog.database.is_sqlite:
            for what in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS keep_audit_events_{what}"))
        else:
            connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        connection.execute(statement)  # type: ignore[call-overload]


def test_a_deed_is_begun_and_ended_and_shown_once(catalog: Catalog) -> None:
    deed = Deed(action="key.create", detail={"admin": True})
    write(catalog, deed, outcome="begun")
    assert [event.outcome for event in catalog.audit.list()] == ["begun"]
    deed.object_id, deed.object_name = "k2", "New\n"
    catalog.audit.append([AuditEntry.of(ANN, deed, catalog.clock.now(), "failed", "conflict")])
    [event] = catalog.audit.list()
    assert (event.outcome, event.reason, event.object_id, event.object_name) == ("failed", "conflict", "k2", "New�")
    assert (event.detail, event.user, event.client) == ({"admin": True}, "ann", "10.0.0.7")
    assert [entry["outcome"] for entry in catalog.audit.entries(0, 10)] == ["begun", "failed"]


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_refuses_changes(catalog: Catalog, change: str) -> None:
    write(catalog, Deed(action="a"))
    statement = update(AUDIT).values(user="bob") if change == "update" else delete(AUDIT)
    with pytest.raises(DatabaseError, match="append-only"), catalog.database.write() as connection:
        connection.execute(statement)
    assert len(catalog.audit.entries(0, 10)) == 1


def test_the_first_broken_entry_is_named(catalog: Catalog) -> None:
    assert catalog.audit_keeping.verify().hash == GENESIS
    for number in range(5):
        write(catalog, Deed(action="a", detail={"umlaut": "ä", "number": number, "list": ["x"], "none": None}))
    whole = catalog.audit_keeping.verify()
    assert (whole.checked, whole.last, whole.broken, whole.left) == (5, 5, None, 0)
    assert catalog.audit.entries(4, 10)[0]["hash"] == whole.hash
    pieces = [catalog.audit_keeping.verify(after, 2) for after in (0, 2, 4)]
    assert [(one.last, one.left) for one in pieces] == [(2, 3), (4, 1), (5, 0)]
    assert pieces[-1].hash == whole.hash
    unguarded(catalog, update(AUDIT).where(AuditRow.id == 3).values(user="bob"))
    assert (catalog.audit_keeping.verify().broken, catalog.audit_keeping.verify().last) == (3, 2)
    assert catalog.audit_keeping.verify(9).broken == 9


def test_an_entry_that_was_removed_shows(catalog: Catalog) -> None:
    write(catalog, *(Deed(action="a") for _ in range(4)))
    unguarded(catalog, delete(AUDIT).where(AuditRow.id == 2))
    assert catalog.audit_keeping.verify().broken == 3


def test_writers_at_the_same_time_make_one_chain(catalog: Catalog, open_more: Callable[[], Catalog]) -> None:
    catalogs = [catalog, open_more()]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write(catalogs[number % 2], Deed(action="a"), Deed(action="b")), range(40)))
    found = catalog.audit_keeping.verify()
    assert (found.checked, found.last, found.broken) == (80, 80, None)


def test_what_is_old_leaves_and_the_rest_stays_verifiable(catalog: Catalog, clock: SteppedClock) -> None:
    for _ in range(2):
        write(catalog, *(Deed(action="old") for _ in range(3)))
        clock.advance(86_400)
    write(catalog, Deed(action="new"))
    assert catalog.audit_keeping.prune(clock.now() - timedelta(days=3)) == 0
    assert catalog.audit_keeping.prune(clock.now() - timedelta(hours=36)) == 3
    assert catalog.audit_keeping.prune(clock.now() - timedelta(hours=12)) == 3
    found = catalog.audit_keeping.verify()
    assert (found.broken, found.removed, found.last) == (None, 6, 9)
    assert [event.action for event in catalog.audit.list()] == ["audit.prune", "audit.prune", "new"]
    clock.advance(10 * 86_400)
    assert catalog.audit_keeping.prune(clock.now()) == 3
    assert [event.action for event in catalog.audit.list()] == ["audit.prune"]
    assert catalog.audit_keeping.verify().broken is None
    with catalog.database.write() as connection:
        if catalog.database.is_sqlite:
            connection.execute(text("DROP TRIGGER keep_audit_checkpoints_update"))
        else:
            connection.execute(text("ALTER TABLE audit_checkpoints DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE audit_checkpoints SET removed = 1 WHERE id = 2"))
    assert catalog.audit_keeping.verify().broken == 6


def test_searching(catalog: Catalog, clock: SteppedClock) -> None:
    write(catalog, Deed(action="key.create", object_id="k2"), Deed(action="keys", object_id="x"))
    clock.advance(60)
    later = clock.now()
    bob = Actor(name="Web", key_id="k9", user="bob", client="10.0.0.8")
    write(catalog, Deed(action="answer.ask", object_id="a1", detail={"documents": ["d_1", "d2"]}), actor=bob)
    write(catalog, Deed(action="document.open", object_id="d2"), actor=bob, outcome="failed")

    def found(**wanted: object) -> list[str]:
        return [event.action for event in catalog.audit.list(10, AuditQuery(**wanted))]  # type: ignore[arg-type]

    assert found(action="key") == ["key.create"]
    assert found(action="document.open") == ["document.open"]
    assert found(user="bob") == found(key_id="k9") == found(client="10.0.0.8") == found(since=later)
    assert found(until=later) == ["keys", "key.create"]
    assert found(document_id="d2") == ["document.open", "answer.ask"]
    assert found(document_id="d_1") == ["answer.ask"]
    assert found(document_id="d%1") == found(document_id="dx1") == found(user="b\0b") == []
    assert found(outcome="failed") == ["document.open"]
    assert found(object_id="k2") == ["key.create"]
    assert found(before=2) == ["key.create"]
