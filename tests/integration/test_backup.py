"""A backup, restored into an empty place: the same rows, the same originals, and the same answers for each reader."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from api.auth.key_records import ApiKeyRow
from api.cli.main import cli
from core.errors import Conflict, IndexUnavailable, InvalidRequest
from ingestion.backup import MANIFEST
from ingestion.blobs import open_blobs, original_key
from ingestion.catalog.build import open_catalog
from ingestion.catalog.tables import Base
from ingestion.service import build_ingestion
from retrieval.index.build import build_index
from tests.integration.stacks import Stack, started, until

FED = {"document_tallies", "visibility_moves", "comparison"}
"""Tables that go on by themselves, and the index's own mark."""


@pytest.fixture
def stack(home: Path) -> Iterator[Stack]:
    with started(home) as stack:
        yield stack


def footnote(monkeypatch: pytest.MonkeyPatch, data_dir: Path, *args: str, url: str | None = None) -> Result:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(data_dir))
    monkeypatch.delenv("FOOTNOTE_CATALOG__URL", raising=False)
    if url is not None:
        monkeypatch.setenv("FOOTNOTE_CATALOG__URL", url)
    return CliRunner().invoke(cli, [*args, "--json"])


def rows(stack: Stack) -> dict[str, list[tuple[object, ...]]]:
    database = stack.ingestion.catalog.database
    with database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
            if table.name not in FED
        }


def staff_find(stack: Stack) -> int:
    try:
        return len(stack.found("rule", "group:staff"))
    except IndexUnavailable:
        return 0


def test_what_was_lost_with_its_disk_comes_back(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.write_rules(range(4))
    stack.write("_folder.meta.yaml", "acl: [group:staff]\n")
    source = stack.add_source()
    assert stack.sync(source).indexed == 4
    data, folder = stack.settings.data_dir, tmp_path / "backup"
    assert ApiKeyRow.__tablename__ in Base.metadata.tables
    made = footnote(monkeypatch, data, "backup", str(folder))
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["tables"]["documents"]["rows"], told["blobs"], told["missing"]) == (4, 8, 0)
    assert json.loads(footnote(monkeypatch, data, "backup", str(folder)).stdout)["copied"] == 0
    assert folder.stat().st_mode & 0o077 == 0

    with_it = footnote(monkeypatch, data, "restore", str(folder))
    assert isinstance(with_it.exception, Conflict)
    assert "sources and documents" in with_it.exception.message

    stack.kill_worker()
    before = rows(stack)
    stack.ingestion.close()
    stack.index.close()
    for path in data.iterdir():
        if path.name.startswith(("catalog", "index", "blobs")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert footnote(monkeypatch, data, "restore", str(folder)).exit_code == 0
    stack.ingestion, stack.index = build_ingestion(stack.settings), build_index(stack.settings)
    assert rows(stack) == before
    [first, *_] = stack.ingestion.catalog.documents.list(source.id, limit=1)
    assert first.content_hash
    assert open_blobs(stack.settings).get(original_key(first.id, first.content_hash)).startswith(b"# Rule")

    stack.start_worker()
    until(lambda: staff_find(stack) == 4, "the index")
    assert stack.found("rule") == [], "nobody else may read them"
    run = stack.sync(source)
    assert (run.seen, run.unchanged) == (4, 4)


def test_a_backup_of_one_database_goes_into_the_other_and_back(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    stack.write_rules(range(3))
    stack.sync(stack.add_source())
    stack.kill_worker()
    there, back = tmp_path / "there", tmp_path / "back"
    assert footnote(monkeypatch, stack.settings.data_dir, "backup", str(there)).exit_code == 0
    moved = footnote(monkeypatch, tmp_path / "d2", "restore", str(there), url=postgresql_url)
    assert moved.exit_code == 0, moved.output
    first = json.loads((there / MANIFEST).read_text())["tables"]
    assert footnote(monkeypatch, tmp_path / "d2", "backup", str(back), url=postgresql_url).exit_code == 0
    again = json.loads((back / MANIFEST).read_text())["tables"]
    assert again == first, "every row is the same, to the letter"
    settings = stack.settings.model_copy(update={"data_dir": tmp_path / "d3"})
    assert footnote(monkeypatch, settings.data_dir, "restore", str(back)).exit_code == 0
    catalog = open_catalog(settings)
    assert catalog.documents.totals() == {"indexed": 3}
    catalog.close()


def test_a_backup_that_is_no_whole_one_is_refused_and_changes_nothing(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.write_rules(range(2))
    stack.sync(stack.add_source())
    whole, empty = tmp_path / "whole", tmp_path / "d2"
    assert footnote(monkeypatch, stack.settings.data_dir, "backup", str(whole)).exit_code == 0

    def refused(damage: str) -> str:
        result = footnote(monkeypatch, empty, "restore", str(tmp_path / damage))
        assert isinstance(result.exception, InvalidRequest), result.output
        return result.exception.message

    assert "no complete backup" in refused("nowhere")
    for damage in ("cut", "changed", "older"):
        shutil.copytree(whole, tmp_path / damage)
    documents = tmp_path / "cut" / "catalog" / "documents.jsonl.gz"
    documents.write_bytes(documents.read_bytes()[:-20])
    assert "damaged" in refused("cut")
    shutil.copy(whole / "catalog" / "sources.jsonl.gz", tmp_path / "changed" / "catalog" / "documents.jsonl.gz")
    assert "isn't what was written" in refused("changed")
    manifest = tmp_path / "older" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"schema_revision": "', '"schema_revision": "0'))
    assert "restore it with that release" in refused("older")
    catalog = open_catalog(stack.settings.model_copy(update={"data_dir": empty}))
    assert catalog.documents.totals() == {}
    catalog.close()
