"""How much of the embedder's own speed ingestion keeps: ``python -m eval.bench ingest FOLDER``.

Needs a running Footnote and reads the same settings as it. Ingests the folder as a new source through the API and its
Celery worker, then embeds the very same chunks with the bare embedder in this process, and prints both rates and
their ratio. Loading the model counts on neither side: one small document goes through the worker first. The service
must hold no documents yet, because copies of documents that are there take their vectors instead of being embedded.
Run it on an otherwise idle machine; the sources are removed at the end.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.progress import Progress

from core.chunk import Chunk
from core.settings import Settings
from core.settings_source import load_settings
from eval.client import ApiClient
from ingestion.blobs import open_blobs, parsed_key
from ingestion.catalog.build import open_catalog
from ingestion.catalog.records import DocumentRecord, DocumentState
from ingestion.parsed import ParsedDocument
from ingestion.tasks import embedding
from retrieval.embedding.build import build_embedder
from retrieval.embedding.windows import embed_chunks


def ingest(client: ApiClient, folder: Path, deadline_s: float) -> tuple[str, dict[str, Any], float]:
    """Ingest a folder as a new source; its id, the finished run and the seconds from request to end.

    Raises:
        ApiError: the API refused, the run failed, or it took longer than ``deadline_s``.
    """
    began = time.monotonic()
    with Progress() as progress:
        task = progress.add_task("ingesting", total=None)
        source, run = client.ingest(
            f"benchmark {time.time():.0f}",
            folder,
            timeout_s=deadline_s,
            progress=lambda run: progress.update(
                task, completed=run["indexed"] + run["failed"] + run["unchanged"], total=run["seen"] or None
            ),
        )
    return source, run, time.monotonic() - began


def warm_up(client: ApiClient) -> None:
    """Have the worker load its parts, by one document of its own."""
    with tempfile.TemporaryDirectory(prefix="footnote-warm-up-") as folder:
        (Path(folder) / "warm-up.md").write_text("# Warm-up\n\nA document to load the model with.\n", encoding="utf-8")
        source, _ = client.ingest(f"warm-up {time.time():.0f}", Path(folder), timeout_s=300)
        client.remove(source)


def chunks_of(settings: Settings, source: str) -> list[Chunk]:
    """The chunks of a source's indexed documents, as ingestion made them."""
    catalog, blobs, chunks = open_catalog(settings), open_blobs(settings), []
    records: list[DocumentRecord] = []
    while page := catalog.documents.list(source, limit=500, offset=len(records)):
        records += page
    for record in records:
        if record.state is DocumentState.INDEXED and record.content_hash:
            parsed = ParsedDocument.from_bytes(blobs.get(parsed_key(record.id, record.content_hash)))
            chunks += embedding.chunks_of(record, parsed)
    catalog.close()
    return chunks


def embed_seconds(settings: Settings, chunks: list[Chunk]) -> float:
    """Seconds that the bare embedder takes for these chunks, its loading left out."""
    embedder = build_embedder(settings)
    embedder.warm_up()
    began = time.monotonic()
    with Progress() as progress:
        task = progress.add_task("bare embedder", total=None)
        embed_chunks(embedder, chunks, progress=lambda done: progress.advance(task, done))
    return time.monotonic() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--api", help="the service's URL; by default from the settings")
    parser.add_argument("--deadline", type=float, default=3600, help="seconds to wait for the run")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    settings = load_settings()
    url = arguments.api or f"http://{settings.api.host}:{settings.api.port}"
    key = (settings.data_dir / "admin.key").read_text(encoding="utf-8").strip()
    with ApiClient(url, key) as client:
        if held := client.documents():
            parser.error(f"{url} holds {held} documents already: measure on an empty data directory and index")
        warm_up(client)
        source, run, seconds = ingest(client, arguments.folder, arguments.deadline)
        chunks = chunks_of(settings, source)
        bare = embed_seconds(settings, chunks)
        client.remove(source)
    figures = {
        "run": run,
        "index": settings.index.kind,
        "chunks": len(chunks),
        "pipeline_chunks_per_s": len(chunks) / seconds,
        "embedder_chunks_per_s": len(chunks) / bare,
        "ratio": bare / seconds,
    }
    print(json.dumps(figures, indent=2, default=str))
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=2, default=str), encoding="utf-8")
