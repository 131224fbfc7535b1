"""Between rows and records."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog.records import (
    DocumentRecord,
    DocumentState,
    Failure,
    Pause,
    Run,
    RunKind,
    RunState,
    Source,
    Work,
)

READERS = "inner_readers"
"""The key, among a document's own facts, of who may read everything in it; see :mod:`ingestion.catalog.family`."""


def merge_metadata(source: Metadata, own: Metadata, name: str = "") -> Metadata:
    """The source's facts, the document's own where the source has none; ``name`` is the last resort for a title."""
    last_resort = Metadata(title=name).coming_from("file name")
    return source.over(own).over(last_resort)


def source_of(row: Row[Any]) -> Source:
    """A row of ``sources`` as a record."""
    return Source(
        id=row.id,
        kind=row.kind,
        name=row.name,
        config=row.config,
        interval_s=row.interval_s,
        enabled=row.enabled,
        created_at=row.created_at,
        last_run_at=row.last_run_at,
        paused_at=row.paused_at,
        weight=row.weight,
    )


def document_of(row: Row[Any]) -> DocumentRecord:
    """A row of ``documents`` as a record."""
    return DocumentRecord(
        id=row.id,
        source_id=row.source_id,
        external_id=row.external_id,
        uri=row.uri,
        title=row.title,
        media_type=row.media_type,
        size=row.size,
        state=DocumentState(row.state),
        version=row.version,
        content_hash=row.content_hash,
        metadata=Metadata.read(row.facts),
        acl=AccessList.from_terms(row.acl),
        chunks=row.chunks,
        created_at=row.created_at,
        updated_at=row.updated_at,
        indexed_at=row.indexed_at,
        parent_id=row.parent_id,
    )


def work_of(row: Row[Any]) -> Work:
    """A row of ``documents`` as what a task needs."""
    return Work(
        record=document_of(row),
        source_metadata=Metadata.read(row.source_facts),
        own_metadata=Metadata.read(row.own_facts),
        parsed_hash=row.parsed_hash,
        parsed_chunks=row.parsed_chunks,
        indexed_version=row.indexed_version,
        attempts=row.attempts,
        run_id=row.run_id,
        content_revision=row.content_revision,
    )


def run_of(row: Row[Any]) -> Run:
    """A row of ``runs`` as a record."""
    return Run(
        id=row.id,
        source_id=row.source_id,
        state=RunState.CANCELLED if row.cancelled and row.finished_at is None else RunState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        seen=row.seen,
        unchanged=row.unchanged,
        indexed=row.indexed,
        failed=row.failed,
        deleted=row.deleted,
        retried=row.retried,
        warned=row.warned,
        superseded=row.superseded,
        error=row.error,
        kind=RunKind(row.kind),
        bytes=row.bytes,
        rate=None if row.finished_at else row.rate,
        listed=row.listed,
        full=row.full,
        confirmed=row.confirmed,
        plan=row.plan,
    )


def pause_of(row: Row[Any]) -> Pause:
    """A row of ``pauses`` as a record."""
    names = ("stage", "reason", "since", "until", "tries", "source_id")
    return Pause(**{name: getattr(row, name) for name in names})


def failure_of(row: Row[Any]) -> Failure:
    """A row of ``failures`` as a record."""
    return Failure(
        id=row.document_id,
        source_id=row.source_id,
        document_id=row.document_id,
        external_id=row.external_id,
        run_id=row.run_id,
        stage=row.stage,
        error_class=row.error_class,
        message=row.message,
        retryable=row.retryable,
        attempts=row.attempts,
        parser=row.parser,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
    )
