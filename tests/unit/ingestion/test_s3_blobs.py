"""Blobs in S3, as far as it goes without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigurationError, StorageUnavailable
from core.settings import Settings
from ingestion.blobs import BlobStore, open_blobs


@pytest.fixture(autouse=True)
def _login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of no account, and none of this machine's."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def store(endpoint: str, url: str = "s3://bucket/blobs") -> BlobStore:
    return open_blobs(Settings.model_validate({"blobs": {"url": url, "s3_endpoint": endpoint}}))


@pytest.mark.parametrize("key", ["../x", "a//b", "", "a/./b"])
def test_a_key_stays_below_the_prefix(key: str) -> None:
    with pytest.raises(ValueError, match="not a blob key"):
        store("http://127.0.0.1:1").put(key, b"")


def test_a_server_that_is_down_is_named() -> None:
    with pytest.raises(StorageUnavailable, match="s3://bucket doesn't answer"):
        store("http://127.0.0.1:1").get("a/b")


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix"])
def test_a_url_without_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no bucket"):
        store("http://127.0.0.1:1", url)


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="can't be opened"):
        store("nonsense")
