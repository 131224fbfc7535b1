"""Blobs in a real S3 server."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from core.errors import NotFound, StorageUnavailable
from core.settings import Settings
from ingestion.blobs import BlobStore, open_blobs
from tests.s3_server import KEY, SECRET, serve

BUCKET = "footnote"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("s3") / "data") as url:
        client = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
        )
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield url


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server's credentials, and none of this machine's."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def store(endpoint: str, url: str = f"s3://{BUCKET}/blobs") -> BlobStore:
    return open_blobs(Settings.model_validate({"blobs": {"url": url, "s3_endpoint": endpoint}}))


@pytest.mark.usefixtures("login")
def test_blobs_are_stored_replaced_and_deleted(server: str) -> None:
    blobs = store(server)
    blobs.put("documents/a/h/original", b"one")
    blobs.put("documents/a/h/original", b"two\x00\xff" * 100_000)
    blobs.put("documents/a/i/parsed.json", b"")
    blobs.put("documents/ab/h/original", b"another document, whose name begins alike")
    assert blobs.get("documents/a/h/original") == b"two\x00\xff" * 100_000
    assert blobs.get("documents/a/i/parsed.json") == b""
    for _ in range(2):
        blobs.delete_prefix("documents/a")
    for key in ("documents/a/h/original", "documents/a/i/parsed.json", "documents/a"):
        with pytest.raises(NotFound, match=key):
            blobs.get(key)
    assert blobs.get("documents/ab/h/original").startswith(b"another")
    blobs.delete_prefix("documents")
    with pytest.raises(NotFound):
        blobs.get("documents/ab/h/original")


@pytest.mark.usefixtures("login")
def test_a_reader_sees_the_old_bytes_or_the_new_ones(server: str) -> None:
    writer, reader = store(server), store(server)
    versions = [bytes([65 + number]) * 300_000 for number in range(4)]
    writer.put("documents/x/original", versions[0])
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(12):
                writer.put("documents/x/original", versions[number % 4])
        finally:
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        assert reader.get("documents/x/original") in versions
    thread.join(30)


@pytest.mark.usefixtures("login")
def test_a_missing_bucket_is_named(server: str) -> None:
    with pytest.raises(StorageUnavailable, match="no bucket s3://nowhere"):
        store(server, "s3://nowhere/blobs").put("a/b", b"")


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize(("name", "value"), [("SECRET_ACCESS_KEY", "wrong"), ("ACCESS_KEY_ID", "unknown")])
def test_a_wrong_login_is_named_and_not_shown(
    server: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"AWS_{name}", value)
    with pytest.raises(StorageUnavailable, match=r"refuses .*credentials") as raised:
        store(server).put("a/b", b"")
    assert value not in raised.value.message.replace("credentials", "")


@pytest.mark.usefixtures("login")
def test_versions_are_listed_document_by_document(server: str) -> None:
    blobs = store(server, f"s3://{BUCKET}/listed")
    assert blobs.versions("", 10) == []
    for name in ("c/h1/original", "a/h1/original", "a/h1/parsed.json", "a/h2/original", "ab/h1/original"):
        blobs.put(f"documents/{name}", b"x")
    found = blobs.versions("", 2)
    assert [(one.document_id, one.content_hash) for one in found] == [("a", "h1"), ("a", "h2"), ("ab", "h1")]
    assert all(one.modified.tzinfo is not None for one in found)
    assert [one.document_id for one in blobs.versions("ab", 2)] == ["c"]
    assert blobs.versions("c", 2) == []


@pytest.mark.usefixtures("login")
def test_files_are_stored_in_parts_and_read_in_pieces(server: str, tmp_path: Path) -> None:
    blobs = store(server)
    big = tmp_path / "big"
    with big.open("wb") as made:
        made.truncate(40_000_000)
        made.write(b"begins")
        made.seek(39_999_990)
        made.write(b"ends here.")
    for key, file in (("documents/a/h/original", big), ("documents/a/i/original", Path(__file__))):
        with file.open("rb") as content:
            content.read(3)
            blobs.put_file(key, content)
            assert not content.closed
        assert blobs.size(key) == file.stat().st_size
        digest = hashlib.sha256()
        for piece in blobs.pieces(key, 0, blobs.size(key)):
            assert len(piece) <= 1 << 20
            digest.update(piece)
        assert digest.hexdigest() == hashlib.sha256(file.read_bytes()).hexdigest()
    assert b"".join(blobs.pieces("documents/a/h/original", 39_999_995, 40_000_000)) == b"here."
    assert list(blobs.pieces("documents/a/h/original", 5, 5)) == []
    for read in (blobs.size, lambda key: list(blobs.pieces(key, 0, 1))):
        with pytest.raises(NotFound, match="absent"):
            read("documents/a/absent")
