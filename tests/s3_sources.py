"""S3 sources for tests: connectors to a bucket of a test's server, and what they list and fetch."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from core.clock import Clock, SystemClock
from core.principal import AccessList
from ingestion.connectors.port import Change, ConnectorContext, Upsert
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.s3.config import S3Config
from ingestion.connectors.s3.connector import S3Connector
from tests.listings import Listed, Memory, read
from tests.s3_server import KEY, SECRET

REGION = "us-east-1"


def connect(
    endpoint: str,
    bucket: str,
    *,
    max_file_bytes: int = 1_000_000,
    clock: Clock | None = None,
    protected: ProtectedPaths | None = None,
    creating: bool = False,
    **config: Any,
) -> S3Connector:
    given = {"access_key_id": KEY, "secret_access_key": SECRET, "allow_private": True, "region": REGION, **config}
    context = ConnectorContext(
        source_id="s",
        max_file_bytes=max_file_bytes,
        default_acl=AccessList.everyone(),
        clock=clock or SystemClock(),
        protected=protected or ProtectedPaths(),
        creating=creating,
    )
    return S3Connector.open(S3Config(bucket=bucket, endpoint=endpoint, **given), context)


def listing(endpoint: str, bucket: str, known: Memory | None = None, **config: Any) -> Listed:
    connector = connect(endpoint, bucket, **config)
    try:
        return read(connector, known)
    finally:
        connector.close()


def by_id(found: Listed) -> dict[str, Change]:
    return {change.external_id: change for change in found.changes}


def readers(found: Listed) -> dict[str, tuple[str, ...] | None]:
    """Each document's terms; None for one that is hidden."""
    return {name: change.acl.terms() if isinstance(change, Upsert) else None for name, change in by_id(found).items()}


def fetched(connector: S3Connector, external_id: str) -> tuple[bytes, str | None]:
    into = BytesIO()
    told = connector.fetch(external_id, into)
    return into.getvalue(), told
