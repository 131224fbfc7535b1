"""Backups: every row of the catalog and every blob that its documents stand on, in a folder; and the way back.

The catalog is read in one transaction, so a backup is of one moment, whatever goes on beside it. Blobs come after it:
one that a sync has replaced meanwhile is counted as missing, and its document is read again once it is restored. Rows
are written as JSON, so a backup of SQLite goes into PostgreSQL and back.

Not in it: the index, which is built from the blobs, and the key of the sources' secrets, which must lie elsewhere.
"""

from __future__ import annotations

import gzip
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import fsspec
import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, Integer, Table, func, insert, inspect, select, text

from core.errors import ConfigurationError, Conflict, InvalidRequest, NotFound, StorageUnavailable
from ingestion.blobs import BlobStore, FsspecBlobStore, original_key, parsed_key
from ingestion.catalog.database import Database
from ingestion.catalog.migrate import schema_state
from ingestion.catalog.tables import Base, DocumentRow, schema_compatibility

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""

MANIFEST = "manifest.json"
_ROWS = 1000
_PIECE = 1 << 20
_FED = ("document_tallies", "visibility_moves")
"""Tables that triggers write as documents come in: what they held is put in afterwards, in place of that."""
_BEFORE_USE = ("sources", "documents", "conversations")
_SCHEMA = "alembic_version"
_LEFT_OUT = {_SCHEMA, schema_compatibility.name, "sessions"}
"""Tables that aren't in a backup: of the schema itself; and whoever is signed in signs in again after a restore."""


class Part(BaseModel):
    """A table in a backup."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    sha256: str


class Manifest(BaseModel):
    """What a backup holds.

    Attributes:
        schema_revision: of the catalog's tables.
        blobs, missing: keys that are in it, and that were gone when they were to be copied.
        copied: of the blobs, those that this backup had to copy.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    footnote: str
    schema_revision: str
    made_at: datetime
    tables: dict[str, Part]
    blobs: int
    missing: int
    copied: int


def back_up(database: Database, blobs: BlobStore, folder: Path, now: datetime, progress: Progress) -> Manifest:
    """Write a backup into a folder; blobs that an earlier one has put there aren't copied again.

    Raises:
        StorageUnavailable: the catalog, the blob store or the folder can't be used; there is no new manifest then.
        ConfigurationError: the catalog has what only a newer Footnote knows.
    """
    _refuse_newer(database)
    target = FsspecBlobStore(fsspec.filesystem("file"), str(folder / "blobs"))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / MANIFEST).unlink(missing_ok=True)
        with database.read() as connection:
            _hold_still(connection, database)
            revision = _revision(connection)
            tables = {
                table.name: _dump(connection, table, _file(folder, table.name), progress)
                for table in _tables(connection)
            }
            keys = list(_keys(connection))
        found = [_copy(blobs, target, key) for key in _told(keys, "Blobs", progress)]
        manifest = Manifest(
            footnote=version("footnote"),
            schema_revision=revision,
            made_at=now,
            tables=tables,
            blobs=sum(size is not None for size in found),
            missing=sum(size is None for size in found),
            copied=sum(bool(size) for size in found),
        )
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageUnavailable(f"The backup can't be written to {folder}: {error.strerror}.") from error
    return manifest


def restore(database: Database, blobs: BlobStore, folder: Path, progress: Progress) -> Manifest:
    """Put a backup into a catalog and a blob store that are empty.

    Blobs go first: should it end in between, the catalog is still empty, and the same command begins anew.

    Raises:
        InvalidRequest: the folder holds no complete backup, or one of another release.
        Conflict: the catalog isn't empty.
        StorageUnavailable: the catalog or the blob store can't be used; the catalog holds nothing then.
        ConfigurationError: the catalog has what only a newer Footnote knows.
    """
    _refuse_newer(database)
    manifest = _read_manifest(folder)
    with database.read() as connection:
        tables, revision = _tables(connection), _revision(connection)
        used = [name for name in _BEFORE_USE if connection.execute(select(_table(name)).limit(1)).first()]
    if used:
        raise Conflict(
            f"The catalog has {' and '.join(used)} already: a backup goes into an empty one. Name another data_dir "
            "or catalog.url."
        )
    if revision != manifest.schema_revision or {table.name for table in tables} != set(manifest.tables):
        raise InvalidRequest(
            f"The backup was made by Footnote {manifest.footnote}, whose tables (revision {manifest.schema_revision}) "
            f"aren't this release's ({revision}): restore it with that release, then upgrade."
        )
    for table in tables:
        _check(_file(folder, table.name), manifest.tables[table.name])
    stored = FsspecBlobStore(fsspec.filesystem("file"), str(folder / "blobs"))
    keys = sorted(
        path.relative_to(folder / "blobs").as_posix() for path in (folder / "blobs").rglob("*") if path.is_file()
    )
    for key in _told(keys, "Blobs", progress):
        _copy(stored, blobs, key)
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        for table in [*(one for one in tables if one.name not in _FED), *(one for one in tables if one.name in _FED)]:
            _load(connection, table, _file(folder, table.name), manifest.tables[table.name].rows, progress)
    return manifest


def _refuse_newer(database: Database) -> None:
    state = schema_state(database)
    if state.newer:
        raise ConfigurationError(
            f"A newer Footnote has brought the catalog's schema to {state.present}, and this one doesn't know all that "
            "is in it: use the newer one for backups and restores."
        )


def _hold_still(connection: Connection, database: Database) -> None:
    if not database.is_sqlite:  # an SQLite transaction sees one moment by itself
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def _tables(connection: Connection) -> list[Table]:
    """The catalog's tables, each behind those that it refers to."""
    there = set(inspect(connection).get_table_names()) - _LEFT_OUT
    known = [table for table in Base.metadata.sorted_tables if table.name in there]
    unknown = there - {table.name for table in known}
    assert not unknown, f"tables that nobody has declared: {sorted(unknown)}"
    return known


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def _revision(connection: Connection) -> str:
    return str(connection.execute(text(f"SELECT version_num FROM {_SCHEMA}")).scalar_one())  # noqa: S608 - our own name


def _file(folder: Path, table: str) -> Path:
    return folder / "catalog" / f"{table}.jsonl.gz"


def _dump(connection: Connection, table: Table, file: Path, progress: Progress) -> Part:
    file.parent.mkdir(parents=True, exist_ok=True)
    total = connection.execute(select(func.count()).select_from(table)).scalar_one()
    rows, digest = 0, hashlib.sha256()
    with gzip.open(file, "wb", compresslevel=5) as out:
        found = connection.execution_options(yield_per=_ROWS).execute(select(table))
        for rows, row in enumerate(found.mappings(), 1):
            line = orjson.dumps({key: _plain(value) for key, value in row.items()}, default=_tagged) + b"\n"
            digest.update(line)
            out.write(line)
            if rows % _ROWS == 0:
                progress(table.name, rows, total)
    progress(table.name, rows, rows)
    return Part(rows=rows, sha256=digest.hexdigest())


def _plain(value: Any) -> Any:
    return _tagged(value) if isinstance(value, datetime | bytes) else value


def _tagged(value: Any) -> Any:
    """What JSON has no word for; columns of JSON hold neither."""
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    if isinstance(value, bytes):
        return {"$bytes": b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} has no place in a backup")


def _untagged(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        if "$at" in value:
            return datetime.fromisoformat(value["$at"])
        if "$bytes" in value:
            return b64decode(value["$bytes"])
    return value


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file, "rb") as lines:
            yield from lines
    except (OSError, EOFError) as error:
        raise InvalidRequest(f"The backup is damaged: {file} can't be read ({error}). Take an earlier one.") from None


def _check(file: Path, part: Part) -> None:
    digest = hashlib.sha256()
    for line in _lines(file):
        digest.update(line)
    if digest.hexdigest() != part.sha256:
        raise InvalidRequest(f"The backup is damaged: {file} isn't what was written. Take an earlier one.")


def _load(connection: Connection, table: Table, file: Path, total: int, progress: Progress) -> None:
    connection.execute(table.delete())
    batch: list[dict[str, Any]] = []
    done = 0
    for line in _lines(file):
        batch.append({key: _untagged(value) for key, value in orjson.loads(line).items()})
        if len(batch) == _ROWS:
            connection.execute(insert(table), batch)
            done += len(batch)
            batch = []
            progress(table.name, done, total)
    if batch:
        connection.execute(insert(table), batch)
    progress(table.name, total, total)
    key = table.primary_key.columns.values()
    if connection.dialect.name == "postgresql" and len(key) == 1 and isinstance(key[0].type, Integer):
        sequence = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :key)"), {"table": table.name, "key": key[0].name}
        ).scalar_one()
        if sequence is not None:
            highest = select(func.coalesce(func.max(key[0]), 0) + 1).scalar_subquery()
            connection.execute(select(func.setval(sequence, highest, False)))


def _keys(connection: Connection) -> Iterator[str]:
    documents = select(DocumentRow.id, DocumentRow.content_hash, DocumentRow.parsed_hash).order_by(DocumentRow.id)
    for document_id, *hashes in connection.execute(documents):
        for content_hash in {one for one in hashes if one}:
            yield original_key(document_id, content_hash)
            yield parsed_key(document_id, content_hash)
    inbox = _table("inbox").c.blob
    yield from connection.execute(select(inbox).where(inbox.is_not(None))).scalars()


def _copy(source: BlobStore, target: BlobStore, key: str) -> int | None:
    """How many bytes were copied, 0 where they were there already; None where there are none."""
    try:
        size = source.size(key)
    except NotFound:
        return None
    try:
        if target.size(key) == size:
            return 0
    except NotFound:
        pass
    with SpooledTemporaryFile(max_size=16 * _PIECE) as file:
        try:
            for piece in source.pieces(key, 0, size):
                file.write(piece)
        except NotFound:
            return None
        target.put_file(key, file)
    return size


def _told(keys: Sequence[str], what: str, progress: Progress) -> Iterator[str]:
    for done, key in enumerate(keys):
        if done % 50 == 0:
            progress(what, done, len(keys))
        yield key
    progress(what, len(keys), len(keys))


def _read_manifest(folder: Path) -> Manifest:
    file = folder / MANIFEST
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise InvalidRequest(f"{folder} holds no complete backup: there is no {MANIFEST} in it.") from None
    except (OSError, ValidationError):
        raise InvalidRequest(f"{file} isn't the manifest of a backup: take an earlier backup.") from None
