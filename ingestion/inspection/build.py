"""Wires what inspects a file, from the parts that the worker has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.clock import SystemClock
from core.settings import Settings
from ingestion.catalog.database import Database, sqlite_url
from ingestion.catalog.records import Source
from ingestion.catalog.sources import SourceStore
from ingestion.chunking.build import build_chunker
from ingestion.inspection.inspector import Inspector
from ingestion.partitioning.build import build_partitioner
from retrieval.embedding.build import build_embedder


@contextmanager
def open_inspector(settings: Settings) -> Iterator[Inspector]:
    """An inspector, for as long as the block lasts.

    Raises:
        ConfigurationError, ModelUnavailable: the embedding model can't be had.
    """
    embedder = build_embedder(settings)
    partitioner = build_partitioner(settings)
    try:
        yield Inspector(partitioner, build_chunker(settings.chunking, embedder), embedder)
    finally:
        partitioner.close()


def folder_sources(settings: Settings) -> list[Source]:
    """The folder sources that are set up; none where nothing is. Changes nothing.

    Raises:
        StorageUnavailable: the catalog can't be read.
    """
    if settings.catalog.url is not None:
        url = settings.catalog.url.get_secret_value()
    else:
        file = settings.data_dir.absolute() / "catalog.sqlite3"
        if not file.is_file():
            return []
        url = sqlite_url(file)
    database = Database(url)
    try:
        return [source for source in SourceStore(database, SystemClock()).list() if source.kind == "folder"]
    finally:
        database.close()
