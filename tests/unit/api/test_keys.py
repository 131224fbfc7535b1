"""The store of keys, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic import command
from structlog.testing import capture_logs

from api.auth.key_records import OPERATOR, Grant, RefusedKey
from api.auth.keys import KeyStore, digest
from api.auth.scopes import Scope
from core.clock import SystemClock
from core.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound, StorageUnavailable
from core.roles import Role
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.migrate import alembic_config, migrate
from tests.unit.api.fakes import ADMIN_KEY
from tests.unit.ingestion.catalog.conftest import SteppedClock, catalog, catalog_settings, clock, open_more

__all__ = ["catalog", "catalog_settings", "clock", "open_more"]


def process(catalog: Catalog, *configured: str) -> KeyStore:
    """The keys as a process sees them whose configuration names ``configured``."""
    return KeyStore(catalog.engine, SystemClock(), configured)


@pytest.fixture
def keys(catalog: Catalog) -> KeyStore:
    return process(catalog)


def test_only_a_digest_is_kept(catalog: Catalog, keys: KeyStore) -> None:
    record, plain = keys.create("x")
    with catalog.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM api_keys").all()
    assert plain not in str(rows)
    assert digest(plain) in str(rows)
    assert keys.verify(plain).id == record.id


def test_a_configured_key_counts_where_it_is_configured(catalog: Catalog, keys: KeyStore) -> None:
    """A key that was taken out of the configuration stops at the restart, though the catalog remembers it."""
    naming_it = process(catalog, ADMIN_KEY)
    assert naming_it.verify(ADMIN_KEY).admin
    with pytest.raises(NotAuthenticated):
        keys.verify(ADMIN_KEY)
    [shown] = keys.list()
    assert (shown.name, shown.from_configuration, shown.in_configuration) == ("api.admin_key", True, False)
    assert [key.in_configuration for key in naming_it.list()] == [True]


def test_a_configured_key_that_was_revoked_is_refused_in_every_process_and_after_a_restart(catalog: Catalog) -> None:
    running, beside = process(catalog, ADMIN_KEY), process(catalog, ADMIN_KEY)
    for keys in (running, beside):
        assert keys.verify(ADMIN_KEY).admin
    [key] = running.list()
    assert key.last_used_at is not None
    running.revoke(key.id)
    restarted = process(catalog, ADMIN_KEY)
    for keys in (running, beside, restarted):
        with pytest.raises(RefusedKey) as refused:
            keys.verify(ADMIN_KEY)
        assert refused.value.key_id == key.id
    with capture_logs() as logs:
        restarted.flush()
    assert [entry["key_id"] for entry in logs if entry["event"] == "keys.configured_key_is_no_good"] == [key.id]
    assert [key.revoked_at is not None for key in restarted.list()] == [True]


def test_processes_that_start_at_once_give_a_configured_key_one_row(catalog: Catalog) -> None:
    processes = [process(catalog, ADMIN_KEY) for _ in range(8)]
    together = threading.Barrier(len(processes))

    def start(keys: KeyStore) -> str:
        together.wait(10)
        return keys.verify(ADMIN_KEY).id

    with ThreadPoolExecutor(len(processes)) as pool:
        ids = set(pool.map(start, processes))
    assert {key.id for key in processes[0].list()} == ids
    assert len(ids) == 1
    assert [event.action for event in catalog.audit.list()] == ["key.configure"]


def test_a_configured_key_is_listed_before_its_first_use(catalog: Catalog) -> None:
    [key] = process(catalog, ADMIN_KEY).list()
    assert (key.name, key.last_used_at) == ("api.admin_key", None)


def test_no_key_is_taken_at_its_word_while_the_catalog_is_down(catalog: Catalog) -> None:
    """What was revoked isn't known then: nobody administers, with the configuration's key neither."""
    keys = process(catalog, ADMIN_KEY)
    keys.verify(ADMIN_KEY)
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO gone")
    with pytest.raises(StorageUnavailable):
        keys.verify(ADMIN_KEY)


def test_the_latest_use_counts_whoever_saw_it(catalog: Catalog, clock: SteppedClock) -> None:
    first, second = (KeyStore(catalog.engine, clock) for _ in range(2))
    _, plain = first.create("x")
    first.verify(plain)
    clock.advance(60)
    second.verify(plain)
    second.flush()
    first.flush()
    assert [key.last_used_at for key in first.list()] == [clock.now()]


def test_a_use_that_cannot_be_written_now_is_written_later(catalog: Catalog, keys: KeyStore) -> None:
    _, plain = keys.create("x")
    keys.verify(plain)
    for renamed in ("ALTER TABLE api_keys RENAME TO gone", "ALTER TABLE gone RENAME TO api_keys"):
        with catalog.engine.begin() as connection:
            connection.exec_driver_sql(renamed)
        if "TO gone" in renamed:
            with pytest.raises(StorageUnavailable):
                keys.flush()
    assert [key.last_used_at is not None for key in keys.list()] == [True]


def test_a_reader_s_key_in_the_configuration_stays_a_reader_s(catalog: Catalog, keys: KeyStore) -> None:
    _, plain = keys.create("Alice's", Grant(user="alice"))
    configured = process(catalog, plain)
    with capture_logs() as logs:
        configured.flush()
    assert not configured.verify(plain).admin
    assert "may not administer" in next(entry["advice"] for entry in logs if "advice" in entry)


def test_verifying_does_not_wait_for_a_writer(catalog: Catalog, keys: KeyStore) -> None:
    _, plain = keys.create("x")
    with catalog.engine.begin():  # holds SQLite's write lock
        assert keys.verify(plain).name == "x"


def test_bad_names(keys: KeyStore) -> None:
    for name, grant in ((" ", Grant()), ("x", Grant(user="")), ("x", Grant(groups=("g" * 201,)))):
        with pytest.raises(InvalidRequest):
            keys.create(name, grant)
    for absent in ("absent", "a\0b"):
        with pytest.raises(NotFound):
            keys.revoke(absent)


def test_a_key_ends(catalog: Catalog, clock: SteppedClock) -> None:
    keys = KeyStore(catalog.engine, clock)
    record, plain = keys.create("x", Grant(expires_at=clock.now() + timedelta(days=1)))
    clock.advance(86_399)
    assert keys.verify(plain).id == record.id
    clock.advance(1)
    with pytest.raises(RefusedKey) as refused:
        keys.verify(plain)
    assert (refused.value.key_id, refused.value.reason) == (record.id, "expired")
    with pytest.raises(InvalidRequest):
        keys.create("x", Grant(expires_at=clock.now()))


def test_a_key_is_rotated_with_an_overlap(catalog: Catalog, clock: SteppedClock) -> None:
    keys = KeyStore(catalog.engine, clock)
    grant = Grant(user="ida", groups=("hr",), scope=Scope(("search",)), expires_at=clock.now() + timedelta(days=30))
    before, plain = keys.create("x", grant)
    clock.advance(86_400)
    after, renewed = keys.rotate(before.id, timedelta(hours=1))
    assert after.grant == replace(grant, expires_at=clock.now() + timedelta(days=30))
    assert after.replaces == before.id
    assert keys.verify(plain).id == before.id
    assert keys.verify(renewed).id == after.id
    clock.advance(3_600)
    with pytest.raises(RefusedKey):
        keys.verify(plain)
    assert keys.verify(renewed).id == after.id
    with pytest.raises(Conflict):
        keys.rotate(before.id, timedelta(hours=1))
    last, _ = keys.rotate(after.id, timedelta(0))
    assert [key.id for key in keys.list() if key.good(clock.now())] == [last.id]


def test_the_configuration_s_key_is_rotated_there(catalog: Catalog) -> None:
    keys = process(catalog, ADMIN_KEY)
    with pytest.raises(Conflict, match=r"api\.admin_key"):
        keys.rotate(keys.verify(ADMIN_KEY).id, timedelta(0))


def test_keys_of_before_go_on_as_they_were_and_limits_do_not_get_lost(catalog: Catalog, keys: KeyStore) -> None:
    """An administrator's could act for somebody. What is limited is gone where limits are unknown."""
    plain = {
        name: keys.create(name, grant)[1]
        for name, grant in {
            "admin": OPERATOR,
            "reader": Grant(user="ida", groups=("hr",)),
            "limited": Grant(scope=Scope(("search",))),
            "ending": Grant(roles=(Role.ADMIN,), may_act=True, expires_at=SystemClock().now() + timedelta(days=1)),
            "auditor": Grant(roles=(Role.AUDITOR,)),
        }.items()
    }
    with catalog.database.write() as connection:
        command.downgrade(alembic_config(connection), "0018")
        rows = connection.exec_driver_sql("SELECT name, admin FROM api_keys ORDER BY name").all()
        assert [(name, bool(admin)) for name, admin in rows] == [("admin", True), ("reader", False)]
    migrate(catalog.database)
    assert keys.verify(plain["admin"]).grant == OPERATOR
    assert keys.verify(plain["reader"]).grant == Grant(user="ida", groups=("hr",))
    for gone in ("limited", "ending", "auditor"):
        with pytest.raises(RefusedKey):
            keys.verify(plain[gone])
