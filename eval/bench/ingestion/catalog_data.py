"""A generated catalog in PostgreSQL: a backfill half done, and a second source whose last document is open."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

from ingestion.catalog.database import Database
from ingestion.catalog.tables import DOCUMENTS, Base

AT_ONCE = 500_000
BACKFILL = "a" * 32
LAST_OPEN = "b" * 32
"""Its 20 % of the documents are all done but the last."""
RUN_OF_BACKFILL = "1" * 32
RUN_OF_LAST_OPEN = "2" * 32
DOCUMENTS_PER_RUN = 50
"""That is finished: sources are listed for years."""

_SOURCES = f"""
INSERT INTO sources (id, kind, name, config, interval_s, enabled, deleting, created_at)
VALUES ('{BACKFILL}', 'folder', 'backfill', '{{}}', 86400, true, false, now()),
       ('{LAST_OPEN}', 'folder', 'last open', '{{}}', 86400, true, false, now())"""  # noqa: S608
_RUNS = f"""
INSERT INTO runs (id, source_id, state, started_at, finished_at, listed, refused, attempts, seen, unchanged, indexed,
                  failed, deleted, retried, warned, superseded)
SELECT CASE i WHEN 0 THEN '{RUN_OF_BACKFILL}' WHEN 1 THEN '{RUN_OF_LAST_OPEN}' ELSE md5('run ' || i) END,
       CASE i % 2 WHEN 0 THEN '{BACKFILL}' ELSE '{LAST_OPEN}' END,
       CASE WHEN i < 2 THEN 'running' ELSE 'finished' END,
       now() - i * interval '1 minute', CASE WHEN i < 2 THEN NULL ELSE now() - i * interval '1 minute' END,
       true, false, 1, 0, 0, 0, 0, 0, 0, 0, 0
FROM generate_series(0, CAST(:n AS bigint) / {DOCUMENTS_PER_RUN}) AS i"""  # noqa: S608
# i: which document; n: how many there are. The pending ones come last, where a scan of the table finds them last.
_DOCUMENTS = f"""
WITH known AS (
    SELECT i, i < CAST(:n AS bigint) / 5 AS is_second,
           CASE WHEN i = CAST(:n AS bigint) / 5 - 1 THEN 'pending'
                WHEN i < CAST(:n AS bigint) / 5 THEN 'indexed'
                WHEN i < CAST(:n AS bigint) / 2 THEN
                    CASE WHEN i % 100 = 0 THEN 'failed' WHEN i % 100 = 1 THEN 'updating' ELSE 'indexed' END
                ELSE 'pending' END AS state
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS i)
INSERT INTO documents (id, source_id, external_id, uri, title, media_type, size, state, version, revision,
    content_revision, content_hash, parsed_hash, content_key, facts, source_facts, own_facts, acl, chunks,
    parsed_chunks, indexed_version, attempts, not_before, run_id, seen_by, outcome, retried, index_due, created_at,
    updated_at, indexed_at)
SELECT md5(i::text), CASE WHEN is_second THEN '{LAST_OPEN}' ELSE '{BACKFILL}' END,
    'folder/' || i || '.txt', 'file:///folder/' || i || '.txt', 'Document ' || i, 'text/plain', 4000, state, 1,
    md5('r' || i), md5('c' || i), CASE WHEN state <> 'pending' THEN md5('h' || i) END,
    CASE WHEN state <> 'pending' THEN md5('h' || i) END, CASE WHEN state <> 'pending' THEN md5('k' || i) END,
    '{{"title": "Document"}}', '{{"title": "Document"}}', '{{}}', '["group:all"]', 3, 3,
    CASE WHEN state <> 'pending' THEN 1 END, 0,
    CASE WHEN state = 'pending' AND i % 4 = 0 THEN now() + interval '1 day' END,
    CASE WHEN is_second THEN '{RUN_OF_LAST_OPEN}' ELSE '{RUN_OF_BACKFILL}' END,
    CASE WHEN is_second THEN '{RUN_OF_LAST_OPEN}' ELSE '{RUN_OF_BACKFILL}' END,
    CASE WHEN state IN ('indexed', 'failed') THEN state END,
    state = 'failed', state = 'updating', now() + i * interval '1 millisecond', now() + i * interval '1 millisecond',
    now()
FROM known"""  # noqa: S608
_FAILURES = """
INSERT INTO failures (document_id, source_id, external_id, run_id, stage, error_class, message, retryable, attempts,
                      first_seen, last_seen)
SELECT id, source_id, external_id, run_id, 'parse', 'Unreadable', 'It is damaged.', true, 1, now(), now()
FROM documents WHERE state = 'failed'"""


def generate(database: Database, documents: int, progress: Callable[[int], None]) -> None:
    """Fill an empty, migrated catalog. Indexes are made at the end, as that takes a tenth of the time."""
    with database.write() as connection:
        _patient(connection)
        for index in DOCUMENTS.indexes:
            index.drop(connection)
        connection.execute(text(_SOURCES))
        connection.execute(text(_RUNS), {"n": documents})
    for first in range(0, documents, AT_ONCE):
        last = min(first + AT_ONCE, documents) - 1
        with database.write() as connection:
            _patient(connection)
            connection.execute(text(_DOCUMENTS), {"n": documents, "first": first, "last": last})
        progress(last + 1)
    with database.write() as connection:
        _patient(connection)
        for index in DOCUMENTS.indexes:
            index.create(connection)
        connection.execute(text(_FAILURES))
    settle_tables(database)


def settle_tables(database: Database) -> None:
    """Do what the server does by itself now and again, so that no figure depends on when it did."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        for table in Base.metadata.sorted_tables:
            connection.execute(text(f"VACUUM ANALYZE {table.name}"))
        connection.execute(text("RESET statement_timeout"))


def _patient(connection: Connection) -> None:
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
