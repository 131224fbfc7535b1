"""Blobs in S3, or in anything that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import IO, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core.errors import ConfigurationError, NotFound, StorageUnavailable
from ingestion.blobs import BlobVersion

CONNECT_S = 5
READ_S = 60
ATTEMPTS = 4
CONNECTIONS = 16
_PIECE = 1 << 20
_IN_PARTS = TransferConfig(multipart_threshold=1 << 25, multipart_chunksize=1 << 24, use_threads=False)
"""Above 32 MiB in parts of 16 MiB, of which one is in memory at a time; 10,000 of them are allowed, 160 GiB."""
_BATCH = 1000
"""S3's limit on the keys of one deletion."""
_MISSING = frozenset({"NoSuchKey", "404"})
_REFUSED = frozenset(
    {
        *("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403"),
        "XAdminUserNotFound",  # what Versity's gateway says of a key that it doesn't know
    }
)


class S3BlobStore:
    """Blobs below a prefix of a bucket. S3 shows an object once it is complete, so that ``put`` is atomic.

    Every failure is :class:`core.errors.StorageUnavailable`, a refused login among them: documents wait until it is
    put right.
    """

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def put(self, key: str, content: bytes) -> None:
        """Store bytes, whole or not at all."""
        with self._translated(f"{key} can't be stored"):
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=content)

    def put_file(self, key: str, content: IO[bytes]) -> None:
        """Store a file's bytes, whole or not at all: in parts, one after another, where they are many."""
        content.seek(0)
        with self._translated(f"{key} can't be stored"):
            self._client.upload_fileobj(_Open(content), self._bucket, self._key(key), Config=_IN_PARTS)

    def get(self, key: str) -> bytes:
        """The bytes of a key; NotFound when there are none."""
        with self._translated(f"{key} can't be read"), _found(key):
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=self._key(key))["Body"].read()
        return content

    def size(self, key: str) -> int:
        """How many bytes a key has; NotFound when there is none."""
        with self._translated(f"{key} can't be read"), _found(key):
            return int(self._client.head_object(Bucket=self._bucket, Key=self._key(key))["ContentLength"])

    def pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of a key, piece by piece; NotFound when there are none."""
        if start >= stop:
            return
        with self._translated(f"{key} can't be read"), _found(key):
            asked = {"Bucket": self._bucket, "Key": self._key(key), "Range": f"bytes={start}-{stop - 1}"}
            with closing(self._client.get_object(**asked)["Body"]) as body:
                yield from body.iter_chunks(_PIECE)

    def delete_prefix(self, prefix: str) -> None:
        """Delete everything below a prefix."""
        failed = f"{prefix} can't be deleted"
        with self._translated(failed):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._key(prefix)}/", PaginationConfig={"PageSize": _BATCH}
            )
            for page in pages:
                objects = [{"Key": found["Key"]} for found in page.get("Contents", [])]
                if not objects:
                    continue
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
                for fault in answer.get("Errors", []):
                    raise StorageUnavailable(f"{failed} in s3://{self._bucket}: {fault.get('Code')}.")

    def versions(self, after: str, limit: int) -> list[BlobVersion]:
        """The versions of the next documents by id: S3 lists keys in their order."""
        root = self._key("documents") + "/"
        # Behind everything that lies below that document.
        behind = f"{root}{after}0" if after else root
        newest: dict[tuple[str, str], datetime] = {}
        documents: set[str] = set()
        with self._translated("the blobs can't be listed"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=root, StartAfter=behind, PaginationConfig={"PageSize": _BATCH}
            )
            for found in (found for page in pages for found in page.get("Contents", [])):
                document_id, content_hash, *_ = found["Key"][len(root) :].split("/")
                if document_id not in documents and len(documents) == limit:
                    break
                documents.add(document_id)
                key, modified = (document_id, content_hash), found["LastModified"]
                newest[key] = max(modified, newest.get(key, modified))
        return [BlobVersion(*key, modified) for key, modified in newest.items()]

    def _key(self, key: str) -> str:
        parts = key.split("/")
        if not all(parts) or any(part in (".", "..") for part in parts):
            raise ValueError(f"{key!r} is not a blob key")
        return self._prefix + key

    @contextmanager
    def _translated(self, failed: str) -> Iterator[None]:
        where = f"s3://{self._bucket}"
        try:
            yield
        except ClientError as error:
            code = _code(error)
            if code in _REFUSED:
                raise StorageUnavailable(
                    f"{where} refuses this machine's AWS credentials ({code}), so {failed}: give its role or key the "
                    "rights to get, put, list and delete objects below blobs.url."
                ) from error
            if code == "NoSuchBucket":
                raise StorageUnavailable(f"There is no bucket {where}: make it, or correct blobs.url.") from error
            raise StorageUnavailable(f"{failed} in {where}: {code}.") from error
        except BotoCoreError as error:
            raise StorageUnavailable(
                f"{where} doesn't answer ({type(error).__name__}), so {failed}: check the network, blobs.s3_endpoint, "
                "and that this machine has AWS credentials."
            ) from error


class _Open:
    """A file that stays open for who comes after: the transfer closes what it is given."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell

    def close(self) -> None:
        """Leave it open."""


@contextmanager
def _found(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if _code(error) in _MISSING:
            raise NotFound(f"There is no blob {key!r}: sync the document's source again to restore it.") from None
        raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def open_s3(url: str, endpoint: str | None) -> S3BlobStore:
    """Open the store at ``s3://bucket/prefix``, with the machine's own AWS credentials. Nothing is asked of it yet.

    Args:
        endpoint: an S3-compatible server; None: AWS.

    Raises:
        ConfigurationError: the URL names no bucket, or the endpoint is no URL.
    """
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise ConfigurationError(f"blobs.url: {url} names no bucket; write s3://bucket/prefix.")
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        # A bucket as a part of the host name is for AWS; other servers rarely have the DNS for it.
        s3={"addressing_style": "path" if endpoint else "auto"},
        # Older S3-compatible servers don't know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session()
    region = session.region_name or ("us-east-1" if endpoint else None)
    try:
        client = session.client("s3", endpoint_url=endpoint, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"blobs.url: {url} can't be opened ({error}).") from error
    return S3BlobStore(client, bucket, prefix)
