"""The blob store, the form of parsed documents, and the broker's address."""

from __future__ import annotations

import errno
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import BrokerUnavailable, Conflict, InvalidRequest, NotFound, StorageUnavailable
from core.metadata import Metadata
from core.settings import Settings
from ingestion.blobs import open_blobs
from ingestion.broker import QUEUES, TaskQueue, broker_url, create_celery, valkey_socket
from ingestion.chunking.model import Passage, PlacedElement
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import ElementKind
from ingestion.service import build_ingestion


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def test_blobs_are_stored_replaced_and_deleted(settings: Settings) -> None:
    blobs = open_blobs(settings)
    blobs.put("documents/a/h/original", b"one")
    blobs.put("documents/a/h/original", b"two")
    assert blobs.get("documents/a/h/original") == b"two"
    assert [path.name for path in (settings.data_dir / "blobs/documents/a/h").iterdir()] == ["original"]
    blobs.delete_prefix("documents/a")
    blobs.delete_prefix("documents/a")
    with pytest.raises(NotFound, match="documents/a/h/original"):
        blobs.get("documents/a/h/original")


@pytest.mark.parametrize("blobs", [{}, {"url": "memory://bucket/listed"}])
def test_versions_are_listed_document_by_document(tmp_path: Path, blobs: dict[str, str]) -> None:
    store = open_blobs(Settings.model_validate({"data_dir": tmp_path, "blobs": blobs}))
    assert store.versions("", 10) == []
    began = datetime.now(UTC)
    for name in ("c/h1/original", "a/h1/original", "a/h1/parsed.json", "a/h2/original", "b/h1/original"):
        store.put(f"documents/{name}", b"x")
    found = store.versions("", 2)
    assert sorted((one.document_id, one.content_hash) for one in found) == [("a", "h1"), ("a", "h2"), ("b", "h1")]
    assert all(abs((one.modified - began).total_seconds()) < 60 for one in found)
    assert [one.document_id for one in store.versions("b", 2)] == ["c"]
    assert store.versions("c", 2) == []


@pytest.mark.parametrize("key", ["../x", "a//b", "", "a/./b"])
def test_a_key_stays_below_the_root(settings: Settings, key: str) -> None:
    with pytest.raises(ValueError, match="not a blob key"):
        open_blobs(settings).put(key, b"")


def test_a_full_disk_is_named_and_leaves_nothing_half_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ingestion.blobs.shutil.copyfileobj", full)
    with pytest.raises(StorageUnavailable, match=r"disk of the blob store .* is full: free some space"):
        open_blobs(settings).put("documents/a", b"one")
    assert list((settings.data_dir / "blobs" / "documents").iterdir()) == []


@pytest.mark.parametrize("blobs", [{}, {"url": "memory://bucket/streamed"}])
def test_files_are_stored_and_read_in_pieces(tmp_path: Path, blobs: dict[str, str]) -> None:
    store = open_blobs(Settings.model_validate({"data_dir": tmp_path, "blobs": blobs}))
    content = b"0123456789" * 300_000
    file = io.BytesIO(content)
    file.seek(77)
    store.put_file("documents/a/h/original", file)
    assert not file.closed
    assert (store.size("documents/a/h/original"), store.get("documents/a/h/original")) == (len(content), content)
    pieces = list(store.pieces("documents/a/h/original", 0, len(content)))
    assert (b"".join(pieces), max(map(len, pieces))) == (content, 1 << 20)
    assert b"".join(store.pieces("documents/a/h/original", 1_048_570, 1_048_580)) == content[1_048_570:1_048_580]
    assert list(store.pieces("documents/a/h/original", 5, 5)) == []
    for read in (store.size, lambda key: list(store.pieces(key, 0, 1))):
        with pytest.raises(NotFound, match="documents/a/h/absent"):
            read("documents/a/h/absent")


@pytest.mark.parametrize("blobs", [{}, {"url": "memory://bucket/halves"}])
def test_a_file_that_breaks_off_is_not_stored(tmp_path: Path, blobs: dict[str, str]) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 2_000_000:
                raise OSError("the disk failed")
            return super().read(size)

    store = open_blobs(Settings.model_validate({"data_dir": tmp_path, "blobs": blobs}))
    with pytest.raises(StorageUnavailable):
        store.put_file("documents/a/h/original", Breaking(b"x" * 5_000_000))
    with pytest.raises(NotFound):
        store.get("documents/a/h/original")


def test_blobs_may_be_kept_at_a_url() -> None:
    blobs = open_blobs(Settings.model_validate({"blobs": {"url": "memory://bucket/prefix"}}))
    blobs.put("a/b", b"one")
    assert blobs.get("a/b") == b"one"
    blobs.delete_prefix("a")
    with pytest.raises(NotFound):
        blobs.get("a/b")


def test_a_parsed_document_survives_being_stored() -> None:
    parsed = ParsedDocument(
        title="T",
        metadata=Metadata(title="T", tags=("a",), created=datetime(2024, 2, 3, tzinfo=UTC)),
        media_type="text/plain",
        text="Über\n\nB",
        elements=(PlacedElement(kind=ElementKind.TITLE, start=0, end=4, level=1),),
        passages=(Passage(ordinal=0, start=0, end=4, page=1, heading_path=("Über",), tokens=2),),
        parser="p 1",
        warnings=("w",),
        chunking="c",
    )
    assert ParsedDocument.from_bytes(parsed.to_bytes()) == parsed


def test_a_long_data_directory_gets_a_short_socket(tmp_path: Path) -> None:
    short = Settings(data_dir=Path("/srv/footnote"))
    assert broker_url(short) == "redis+socket:///srv/footnote/run/valkey.sock"
    long = Settings(data_dir=tmp_path / ("x" * 100))
    assert len(bytes(valkey_socket(long))) <= 100
    assert valkey_socket(long) != valkey_socket(Settings(data_dir=tmp_path / ("y" * 100)))


def test_a_broker_that_does_not_answer_is_named(settings: Settings) -> None:
    queue = TaskQueue(create_celery(lambda: settings))
    with pytest.raises(BrokerUnavailable, match="check that the broker"):
        queue.send("footnote.embed")


def test_every_task_is_registered_under_a_queue() -> None:
    from ingestion.worker import app

    assert {name for name in app.tasks if name.startswith("footnote.")} == set(QUEUES)


def test_the_service_refuses_what_cannot_work(settings: Settings) -> None:
    ingestion = build_ingestion(settings)
    folder = settings.data_dir.parent / "documents"
    folder.mkdir()
    with pytest.raises(InvalidRequest, match="Unknown key 'paht'"):
        ingestion.create_source("folder", "a", {"path": str(folder), "paht": 1})
    with pytest.raises(InvalidRequest, match="needs a name"):
        ingestion.create_source("folder", " ", {"path": str(folder)})
    config = {"path": str(folder)}
    source = ingestion.create_source("folder", "a", config)
    assert source.interval_s == settings.sync.interval_s
    assert ingestion.find_source("folder", config) == source
    with pytest.raises(Conflict):
        ingestion.create_source("folder", "a", config)
    assert ingestion.update_source(source.id, interval_s=5, enabled=False).interval_s == 5
    assert ingestion.retry_failures() == 0
    ingestion.delete_source(source.id)  # the broker is down: the deletion stands
    with pytest.raises(NotFound):
        ingestion.sync(source.id)
    ingestion.close()
