"""Footnote's side of the comparison, in a process of its own like the peer's: see :mod:`eval.bench.peers.serving`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from core.chunk import Chunk
from core.metadata import Metadata
from core.principal import ANONYMOUS, AccessList
from core.settings import Settings
from core.settings_source import load_settings
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder
from retrieval.embedding.windows import embed_chunks
from retrieval.index.build import build_index
from retrieval.index.port import SearchIndex
from retrieval.retriever import Retriever

_SOURCE = "peers"


@dataclass(frozen=True, slots=True)
class _Variant:
    index: SearchIndex
    embedder: Embedder
    retriever: Retriever
    batch: int
    pipeline: str | None


class Side:
    """Chunks, embeds and indexes as the embed task does; searches as the service does."""

    def __init__(self) -> None:
        self._variants: dict[str, _Variant] = {}
        self._embedder: Embedder | None = None

    def about(self) -> dict[str, str]:
        """Versions of what the figures depend on."""
        return {name: version(name) for name in ("footnote", "sentence-transformers", "torch", "opensearch-py")}

    def open(self, variant: str, url: str, index: str, model: str, options: dict[str, Any]) -> dict[str, Any]:
        """Connect, load the model, and make the index if it isn't there."""
        settings = _settings(url, index, model)
        embedder = self._embedder = self._embedder or build_embedder(settings)
        store = build_index(settings)
        store.ensure(embedder.name, embedder.dimensions)
        retriever = Retriever(store, embedder, None, settings)
        retriever.warm_up()
        pipeline = options.get("pipeline")
        self._variants[variant] = _Variant(store, embedder, retriever, settings.sync.embed_chunks, pipeline)
        dtype = str(options.get("dtype", settings.embedder.dtype))
        return {"pipeline": pipeline or retriever.pipelines[-1], "dtype": dtype, "batch": settings.sync.embed_chunks}

    def write(self, variant: str, documents: list[dict[str, str]]) -> dict[str, Any]:
        """Embed documents and write them; seconds of the whole and of its stages."""
        to = self._variants[variant]
        stages = {"embed": 0.0, "write": 0.0}
        windows = 0
        began = time.perf_counter()
        chunks = [_chunk(document) for document in documents]
        for first in range(0, len(chunks), to.batch):
            batch = chunks[first : first + to.batch]
            with _timed(stages, "embed"):
                embedded = embed_chunks(to.embedder, batch)
            with _timed(stages, "write"):
                to.index.upsert(embedded)
            windows += sum(len(chunk.windows) for chunk in embedded)
        return {"seconds": time.perf_counter() - began, "stages": stages, "vectors": windows}

    def settle(self, variant: str) -> dict[str, int]:
        """Make everything findable; how many documents there are."""
        index = self._variants[variant].index
        index.refresh()
        return {"documents": index.counts().documents}

    def ask(self, variant: str, query: str, limit: int) -> dict[str, Any]:
        """Search; the documents found, best first, and seconds of the whole and of its stages."""
        to = self._variants[variant]
        began = time.perf_counter()
        found = to.retriever.search(query, ANONYMOUS, limit=limit, pipeline=to.pipeline)
        seconds = time.perf_counter() - began
        places = [uri for hit in found.hits for uri in (hit.chunk.uri, *(copy.uri for copy in hit.duplicates))]
        stages = {name: ms / 1000 for name, ms in found.timings_ms.items() if name != "total"}
        return {"seconds": seconds, "documents": list(dict.fromkeys(places)), "stages": stages}

    def close(self) -> None:
        """Let go of the connections."""
        for variant in self._variants.values():
            variant.index.close()


def _settings(url: str, index: str, model: str) -> Settings:
    """The settings of the working directory, on that OpenSearch and with that model."""
    settings = load_settings()
    opensearch = settings.index.opensearch.model_copy(update={"url": url})
    where = settings.index.model_copy(update={"kind": "opensearch", "name": index, "opensearch": opensearch})
    embedder = settings.embedder.model_copy(update={"model": model})
    return settings.model_copy(update={"index": where, "embedder": embedder})


def _chunk(document: dict[str, str]) -> Chunk:
    """A document as one chunk: those of the collections are shorter than a passage."""
    text = document["text"]
    return Chunk(
        id=document["id"],
        document_id=document["id"],
        source_id=_SOURCE,
        uri=document["id"],
        ordinal=0,
        text=text,
        start=0,
        end=len(text),
        metadata=Metadata(title=document["title"]),
        acl=AccessList.everyone().terms(),
    )


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    stages[name] += time.perf_counter() - began
