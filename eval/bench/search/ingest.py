"""How much of the embedder's own speed ingestion keeps: ``footnote bench ingest FOLDER``.

Needs a running Footnote and reads the same settings as it. Ingests the folder as a new source through the API and its
Celery worker, then embeds the very same chunks with the bare embedder in this process, and prints both rates and
their ratio. Loading the model counts on neither side: one small document goes through the worker first. The service
must hold no documents yet, because copies of documents that are there take their vectors instead of being embedded.
Run it on an otherwise idle machine; the sources are removed at the end.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from core.chunk import Chunk
from core.errors import InvalidRequest
from core.settings import Settings
from eval.bench.report import machine, write_json
from eval.bench.timing import milliseconds
from eval.cli.shared import FILE, FOLDER, print_json, settings
from eval.client import ApiClient
from eval.progress import bars
from ingestion.blobs import open_blobs, parsed_key
from ingestion.catalog.build import open_catalog
from ingestion.catalog.records import DocumentRecord, DocumentState
from ingestion.parsed import ParsedDocument
from ingestion.tasks import embedding
from retrieval.embedding.build import build_embedder
from retrieval.embedding.windows import embed_chunks


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


@click.command(epilog="Example:  footnote bench ingest ~/handbook")
@click.argument("folder", type=FOLDER)
@click.option("--api", help="The service's URL; by default from the settings.")
@click.option("--deadline", default=3600.0, show_default=True, help="Seconds to wait for the run.")
@click.option("--out", type=FILE, help="Write the figures as JSON.")
def ingest(*, folder: Path, api: str | None, deadline: float, out: Path | None) -> None:
    """Ingest FOLDER through a running Footnote without documents, and compare with the bare embedder."""
    current = settings()
    url = api or f"http://{current.api.host}:{current.api.port}"
    key = (current.data_dir / "admin.key").read_text(encoding="utf-8").strip()
    with ApiClient(url, key) as client, bars() as progress:
        if held := client.documents():
            raise InvalidRequest(f"{url} holds {held} documents: measure on an empty data directory and index.")
        warm_up(client)
        began = time.monotonic()
        source, run = client.ingest(f"benchmark {time.time():.0f}", folder, timeout_s=deadline, progress=progress)
        seconds = time.monotonic() - began
        chunks = chunks_of(current, source)
        embedder = build_embedder(current)
        embedder.warm_up()
        bare = milliseconds(lambda: embed_chunks(embedder, chunks)) / 1000
        client.remove(source)
    figures = {
        "machine": machine(),
        "run": run,
        "index": current.index.kind,
        "chunks": len(chunks),
        "pipeline_chunks_per_s": len(chunks) / seconds,
        "embedder_chunks_per_s": len(chunks) / bare,
        "ratio": bare / seconds,
    }
    print_json(figures)
    write_json(figures, out)
