"""An index of the evaluation's own: built once for a corpus, an embedder and a chunking, and used again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

import core.chunk
import ingestion.chunking
import retrieval.embedding
import retrieval.index
from core.chunk import Chunk
from core.errors import ConfigurationError, Conflict
from core.settings import Settings
from eval.datasets import Collection
from eval.progress import Progress
from eval.retrieval.corpus import chunks_of, corpus_fingerprint
from eval.retrieval.record import IndexRow
from ingestion.chunking.build import build_chunker
from retrieval.embedding.port import Embedder
from retrieval.embedding.windows import embed_chunks
from retrieval.index.build import build_index
from retrieval.index.port import SearchIndex

_BATCH = 64
_MARKER, _BEGUN = "built.json", "begun.json"
_NOT_OF_AN_INDEX = {
    *("url", "user", "password", "ca_file", "aws", "timeout_s"),
    *("hnsw_ef_search", "rescore_oversample"),  # of searches alone
}
_LOCK_TIMEOUT_S = 4 * 3600
"""Another run may be building the same index."""


@dataclass(frozen=True, slots=True)
class OwnIndex:
    """An index that holds a collection, live, and what is to be recorded of it."""

    index: SearchIndex
    row: IndexRow


def open_index(
    collection: Collection,
    settings: Settings,
    embedder: Embedder,
    *,
    cache: Path,
    progress: Progress,
    stale: bool = False,
) -> OwnIndex:
    """Build the index of a collection, or open the one that is there for this corpus, embedder and chunking.

    It lives apart from the one that is served: embedded, in a folder under ``cache``; in OpenSearch, under a name of
    its own. One that was built by other code (cutting, embedding, indexing) is built again, unless ``stale`` allows it.

    Raises:
        ConfigurationError: no document holds any text.
        IndexUnavailable: the index can't be written.
        ModelUnavailable: the embedder can't be run.
    """
    key = _key(collection, settings, embedder)
    folder = cache / "indexes" / key
    folder.mkdir(parents=True, exist_ok=True)
    own = settings.model_copy(
        update={"data_dir": folder, "index": settings.index.model_copy(update={"name": f"footnote-eval-{key}"})}
    )
    with _alone(folder):
        index = build_index(own)
        found = _reusable(folder / _MARKER, index, stale=stale)
        if found is None:
            chunks = list(chunks_of(collection.documents, build_chunker(settings.chunking, embedder)))
            if not chunks:
                raise ConfigurationError(
                    f"No document of {collection.name} holds any text: there is nothing to search."
                )
            what = f"{collection.name}: indexing with {embedder.name}"
            found = _build(what, chunks, index, embedder, progress=progress, begun=folder / _BEGUN)
            found = found.model_copy(update={"key": key, "kind": own.index.kind})
            (folder / _MARKER).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return OwnIndex(index, found)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only run that builds or checks this index. Raises Conflict when another takes too long."""
    lock = FileLock(folder / "build.lock", timeout=_LOCK_TIMEOUT_S)
    try:
        lock.acquire()
    except Timeout as error:
        raise Conflict(
            f"Another run has been building the index in {folder} for hours. End it, or use --cache."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _key(collection: Collection, settings: Settings, embedder: Embedder) -> str:
    opensearch = settings.index.opensearch
    shape = opensearch.model_dump(mode="json", exclude=_NOT_OF_AN_INDEX)
    parts = [
        corpus_fingerprint(collection.documents),
        embedder.name,
        embedder.dimensions,
        settings.embedder.dtype,
        settings.chunking.model_dump(mode="json"),
        settings.index.kind,
        shape if settings.index.kind == "opensearch" else None,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def code_fingerprint() -> str:
    """Identifies the code that turns a document into what is in the index."""
    digest = hashlib.sha256()
    folders = [Path(package.__path__[0]) for package in (ingestion.chunking, retrieval.embedding, retrieval.index)]
    files = [Path(str(core.chunk.__file__)), *(file for folder in folders for file in sorted(folder.rglob("*.py")))]
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _reusable(marker: Path, index: SearchIndex, *, stale: bool) -> IndexRow | None:
    if not marker.exists():
        return None
    try:
        row = IndexRow.model_validate_json(marker.read_bytes())
    except ValueError:  # cut off while it was written
        return None
    live = next((generation for generation in index.generations() if generation.live), None)
    if live is None or live.name != row.generation or index.counts().chunks != row.chunks:
        return None
    if row.code != code_fingerprint() and not stale:
        return None
    return row.model_copy(update={"reused": True})


def _build(
    what: str, chunks: Sequence[Chunk], index: SearchIndex, embedder: Embedder, *, progress: Progress, begun: Path
) -> IndexRow:
    """Write a generation beside the one that is there, make it live, and drop the old ones.

    Args:
        begun: has how far it is, so that a build that was killed goes on.
    """
    since, code = time.monotonic(), code_fingerprint()
    generation, done = _begun(begun, index, code) or (index.begin(embedder.name, embedder.dimensions).name, 0)
    beside = index.for_generation(generation)
    for first in range(done, len(chunks), _BATCH):
        progress(what, first, len(chunks))
        beside.upsert(embed_chunks(embedder, chunks[first : first + _BATCH]))
        begun.write_text(json.dumps({"generation": generation, "code": code, "chunks": first + _BATCH}))
    progress(what, len(chunks), len(chunks))
    beside.refresh()
    index.swap(generation)
    begun.unlink(missing_ok=True)
    for other in index.generations():
        if other.name != generation:
            index.drop(other.name)
    counts = index.counts()
    return IndexRow(
        generation=generation,
        embedder=embedder.name,
        dimensions=embedder.dimensions,
        documents=counts.documents,
        chunks=counts.chunks,
        windows=counts.windows,
        code=code,
        seconds=round(time.monotonic() - since, 1),
    )


def _begun(file: Path, index: SearchIndex, code: str) -> tuple[str, int] | None:
    """The generation that a build by the same code was killed in, and how many chunks it holds for sure."""
    try:
        told = json.loads(file.read_bytes())
        name, chunks = str(told["generation"]), int(told["chunks"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or cut off while it was written
        return None
    known = any(one.name == name and not one.live for one in index.generations())
    return (name, chunks) if known and told["code"] == code else None
