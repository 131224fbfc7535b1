"""The key by which the command line administers its own machine's stack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.auth.key_records import ADMINISTRATOR, READER
from api.auth.keys import KeyStore
from api.supervisor.admin_key import ensure_admin_key, read_admin_key
from api.supervisor.layout import Layout
from core.clock import SystemClock
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def layout(settings: Settings) -> Layout:
    return Layout.of(settings)


@pytest.fixture
def catalog(settings: Settings) -> Iterator[Catalog]:
    opened = open_catalog(settings)
    yield opened
    opened.close()


def test_it_is_made_once_for_this_user_alone_and_leaves_a_trail(
    settings: Settings, layout: Layout, catalog: Catalog
) -> None:
    ensure_admin_key(settings, layout)
    made = read_admin_key(layout)
    ensure_admin_key(settings, layout)
    assert made is not None
    assert read_admin_key(layout) == made
    assert layout.admin_key_file.stat().st_mode & 0o777 == 0o600
    [key] = KeyStore(catalog.engine, SystemClock()).list()
    [event] = catalog.audit.list()
    assert (event.action, event.name, event.key_id, event.object_id) == ("key.create", "footnote up", None, key.id)
    assert (event.outcome, event.client) == ("done", None)
    assert made not in str(event)


@pytest.mark.parametrize("fault", ["revoked", "unknown", "a reader's"])
def test_one_that_is_no_good_is_replaced(settings: Settings, layout: Layout, catalog: Catalog, fault: str) -> None:
    keys = KeyStore(catalog.engine, SystemClock())
    record, plain = keys.create("x", READER if fault == "a reader's" else ADMINISTRATOR)
    if fault == "revoked":
        keys.revoke(record.id)
    layout.admin_key_file.write_text("fn_unknown" if fault == "unknown" else plain)
    ensure_admin_key(settings, layout)
    made = read_admin_key(layout)
    assert made is not None
    assert made != plain
    assert keys.verify(made).admin


def test_the_configuration_s_own_key_may_lie_there(settings: Settings, layout: Layout) -> None:
    configured = Settings.model_validate({"data_dir": settings.data_dir, "api": {"admin_key": "k" * 30}})
    layout.admin_key_file.write_text("k" * 30)
    ensure_admin_key(configured, layout)
    assert read_admin_key(layout) == "k" * 30
