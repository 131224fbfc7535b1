from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from api.auth.key_records import ADMINISTRATOR
from api.auth.keys import KeyStore
from api.cli.main import cli
from api.doctor import _admin_key
from core.chunk import Chunk, EmbeddedChunk
from core.clock import SystemClock
from core.metadata import Metadata
from core.principal import AccessList
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.connectors.port import Upsert
from ingestion.partitioning.sandbox.programs import PROGRAMS
from retrieval.index.build import build_index
from retrieval.index.port import SearchIndex


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))


def doctor(*options: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *options])


def findings(result: Result) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}


def test_what_is_there_and_what_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = doctor("--json")
    found = findings(result)

    assert result.exit_code == 0, "without these programs Footnote runs"
    for program in PROGRAMS:
        assert not found[program.name]["ok"]
        assert set(found[program.name]["install"]) == {"apt", "dnf", "brew"}
    for name in ("Python", "Valkey", "embedding model", "index", "parser sandbox"):
        assert found[name]["ok"], found[name]
    assert not (tmp_path / "data" / "run").exists(), "looking changes nothing"


def test_what_is_required_and_missing_ends_with_status_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__MODEL", str(tmp_path / "no-model"))
    result = doctor()

    assert result.exit_code == 1
    assert "MISSING  embedding model" in result.stdout
    assert "no-model" in result.stdout


def test_a_missing_program_comes_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = doctor().stdout.splitlines()

    place = next(number for number, line in enumerate(lines) if line.startswith("missing  Pandoc"))
    assert "needed for RTF" in lines[place + 1]
    assert "Debian, Ubuntu: apt-get install pandoc" in "\n".join(lines[place : place + 5])


@pytest.mark.parametrize("place", ["api.admin_key", "admin.key"])
def test_a_revoked_administrator_s_key_is_named_with_the_way_out(tmp_path: Path, place: str) -> None:
    plain = "k" * 30
    values = {"data_dir": tmp_path, "api": {"admin_key": plain if place == "api.admin_key" else None}}
    settings = Settings.model_validate(values)
    assert list(_admin_key(settings)) == [], "without a catalog there is nothing to say"
    catalog = open_catalog(settings)
    keys = KeyStore(catalog.engine, SystemClock(), settings.api.standing_keys)
    if place == "admin.key":
        _, plain = keys.create("footnote up", ADMINISTRATOR)
        (tmp_path / "admin.key").write_text(plain)
    [unused] = _admin_key(settings)
    assert unused.ok
    assert len(catalog.audit.list()) == 0, "looking changes nothing"
    keys.revoke(keys.verify(plain).id)
    [revoked] = _admin_key(settings)
    assert not revoked.ok
    assert place in revoked.detail
    assert ("put another" if place == "api.admin_key" else "`footnote up` makes a new one") in revoked.detail
    catalog.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[Catalog, SearchIndex]]:
    """A catalog and an index that hold the same two documents, in the data directory that the command uses."""
    settings = Settings(data_dir=tmp_path / "data")
    catalog, index = open_catalog(settings), build_index(settings)
    index.ensure("test", 2)
    source = catalog.sources.create(kind="folder", name="s", config={}, interval_s=60)
    run, _ = catalog.runs.begin(source.id, 60)
    changes = [
        Upsert(external_id=name, uri=name, revision="1", content_revision="1", size=1, acl=AccessList.everyone())
        for name in ("a", "b")
    ]
    catalog.intake.apply(run.id, source.id, changes, parser=1)
    for ticket in catalog.queue.take_pending(source.id, 9, 60):
        work = catalog.queue.claim_for_parsing(ticket, "w", 60)
        assert work is not None
        catalog.outcomes.parsed(
            work, "w", content_hash="h", chunks=1, media_type="text/plain", own=Metadata(), name="n"
        )
        index.upsert([chunk_of(work.record.id, source.id)])
    catalog.outcomes.indexed("w", [work.record.id for work in catalog.queue.claim_for_embedding("w", 9, 60)])
    yield catalog, index
    index.close()
    catalog.close()


def chunk_of(document_id: str, source_id: str, acl: tuple[str, ...] = ("public",)) -> EmbeddedChunk:
    place = {"source_id": source_id, "uri": "u", "ordinal": 0, "text": "words", "start": 0, "end": 5}
    chunk = Chunk(id=f"{document_id}-0", document_id=document_id, acl=acl, version=1, metadata=Metadata(), **place)
    return EmbeddedChunk(chunk, np.ones((1, 2), np.float32))


def test_an_index_that_agrees_with_the_catalog(kept: tuple[Catalog, SearchIndex]) -> None:
    result = doctor("--index", "--json")
    assert (result.exit_code, json.loads(result.stdout)["checked"]) == (0, 2)


def test_what_differs_is_told_and_put_right_when_asked(kept: tuple[Catalog, SearchIndex]) -> None:
    catalog, index = kept
    known, lost = catalog.comparisons.known("", None, 9)
    index.upsert([chunk_of("stranger", "gone"), chunk_of(known.id, known.source_id, ("user:bob",))])
    index.delete_documents({lost.id: lost.version})
    told = doctor("--index")
    assert told.exit_code == 1
    assert "1 in the index, and not in the catalog, as stranger" in told.stdout
    assert "doctor --index --repair" in told.stdout
    counts = {"unknown": 1, "newer": 0, "permissions": 1, "missing": 1, "stale": 0}
    assert json.loads(doctor("--index", "--json").stdout)["counts"] == counts, "looking changes nothing"

    assert doctor("--index", "--repair").exit_code == 0
    assert [one.document_id for one in index.documents("", 9)] == [known.id]
    assert [work.record.id for work in catalog.index_due.next(9, 9)] == [known.id]
    assert catalog.documents.get(lost.id).state == "pending"
    assert doctor("--index").exit_code == 0, "the rest is on its way"


def test_repair_goes_with_index() -> None:
    assert doctor("--repair").exit_code == 2
