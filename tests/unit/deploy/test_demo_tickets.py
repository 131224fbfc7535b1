"""The demo's database: every ticket is a document, for those whom it names."""

from __future__ import annotations

import tomllib
from pathlib import Path

from core.principal import AccessList
from core.settings import Settings
from deploy.demo.tickets import ROWS, build
from ingestion.connectors.port import Unreadable, Upsert
from ingestion.connectors.registry import context_of, read_config
from ingestion.connectors.sql.config import SqlConfig
from ingestion.connectors.sql.connector import SqlConnector


def test_every_ticket_is_a_document(tmp_path: Path) -> None:
    target = tmp_path / "demo" / "tickets.sqlite3"
    count = build(target)
    assert build(target) == count >= 20
    told = tomllib.loads(ROWS.with_name("tickets.toml").read_text(encoding="utf-8"))
    config = read_config("sql", {**told, "url": f"sqlite:///{target}"})
    assert isinstance(config, SqlConfig)
    connector = SqlConnector.open(config, context_of(Settings(data_dir=tmp_path / "data"), "s1"))
    try:
        found = [change for page in connector.changes({}, None) for change in page.changes]  # type: ignore[arg-type]
    finally:
        connector.close()
    assert len(found) == count
    assert not any(isinstance(change, Unreadable) for change in found)
    readers = {change.acl for change in found if isinstance(change, Upsert)}
    groups = [AccessList(groups=frozenset({name})) for name in ("support", "security")]
    assert readers == {AccessList.everyone(), *groups}
