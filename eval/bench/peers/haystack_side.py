"""The side of haystack-ai with opensearch-haystack, in an environment of its own: see :mod:`eval.bench.peers.serving`.

Built as the documentation of both shows: an indexing pipeline of SentenceTransformersDocumentEmbedder and
DocumentWriter, and OpenSearchHybridRetriever, which is BM25, a text embedder with k-NN, and a DocumentJoiner by
reciprocal rank fusion. What else its parameters can do for it is a variant's ``options``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from haystack import Document, Pipeline, tracing
from haystack.components.converters import TextFileToDocument
from haystack.components.preprocessors import DocumentCleaner, DocumentSplitter
from haystack.components.writers import DocumentWriter
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)
from haystack_integrations.components.retrievers.opensearch import OpenSearchHybridRetriever
from haystack_integrations.document_stores.opensearch import OpenSearchDocumentStore

_PACKAGES = (
    "haystack-ai",
    "opensearch-haystack",
    "sentence-transformers-haystack",
    "sentence-transformers",
    "torch",
    "opensearch-py",
)
_TIMEOUT_S = 120


class _Span(tracing.Span):  # type: ignore[misc, unused-ignore]  # untyped where it isn't installed
    def set_tag(self, key: str, value: Any) -> None:
        """Nothing is kept but the time."""


@dataclass
class _Stopwatch(tracing.Tracer):  # type: ignore[misc, unused-ignore]
    """Adds up the seconds that each component of the pipelines takes."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def trace(
        self,
        operation_name: str,  # noqa: ARG002 - the library's signature
        tags: dict[str, Any] | None = None,
        parent_span: tracing.Span | None = None,  # noqa: ARG002
    ) -> Iterator[tracing.Span]:
        """Time one operation."""
        began = time.perf_counter()
        yield _Span()
        name = (tags or {}).get("haystack.component.name")
        if name:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def current_span(self) -> tracing.Span | None:
        """There is none."""
        return None

    def taken(self) -> dict[str, float]:
        """The seconds since the last call."""
        seconds, self.seconds = self.seconds, {}
        return seconds


@dataclass
class _Variant:
    store: OpenSearchDocumentStore
    indexing: Pipeline
    embedder: SentenceTransformersDocumentEmbedder
    retriever: OpenSearchHybridRetriever
    model: str
    url: str
    options: dict[str, Any]
    files: Pipeline | None = None


class Side:
    """Haystack's pipelines, by variant."""

    def __init__(self) -> None:
        self._variants: dict[str, _Variant] = {}
        self._watch = _Stopwatch()
        self._loop = asyncio.new_event_loop()
        tracing.enable_tracing(self._watch)

    def about(self) -> dict[str, str]:
        """Versions of what the figures depend on."""
        return {name: version(name) for name in _PACKAGES}

    def open(self, variant: str, url: str, index: str, model: str, options: dict[str, Any]) -> dict[str, Any]:
        """Build the pipelines, load the model, and make the index if it isn't there."""
        documents = _embedder(SentenceTransformersDocumentEmbedder, model, options)
        queries = _embedder(SentenceTransformersTextEmbedder, model, options)
        documents.warm_up()
        queries.warm_up()
        store = _store(url, index, options)
        depth, top = options.get("depth"), options["top"]
        legs = {"top_k_bm25": depth, "top_k_embedding": depth} if depth else {}
        retriever = OpenSearchHybridRetriever(store, embedder=queries, top_k=top, **legs)
        indexing = Pipeline()
        indexing.add_component("embed", documents)
        indexing.add_component("write", DocumentWriter(store, policy=DuplicatePolicy.OVERWRITE))
        indexing.connect("embed", "write")
        store.count_documents()  # makes the index
        self._variants[variant] = _Variant(store, indexing, documents, retriever, model, f"{url}/{index}", options)
        return {"batch": documents.batch_size, "dtype": options.get("dtype", "float32"), "depth": depth or 10}

    def write(self, variant: str, documents: list[dict[str, str]]) -> dict[str, Any]:
        """Embed documents and write them; seconds of the whole and of its components."""
        to = self._variants[variant]
        self._watch.taken()
        began = time.perf_counter()
        content = [
            Document(id=document["id"], content=f"{document['title']}\n{document['text']}".strip())
            for document in documents
        ]
        if to.options.get("refresh", True):
            to.indexing.run({"embed": {"documents": content}})
            stages = self._watch.taken()
        else:
            stages = self._write_directly(to, content)
        return {"seconds": time.perf_counter() - began, "stages": stages, "vectors": len(content)}

    @staticmethod
    def _write_directly(to: _Variant, content: list[Document]) -> dict[str, float]:
        """The two components without a pipeline: only the store's own method can do without waiting for a refresh."""
        began = time.perf_counter()
        embedded = to.embedder.run(content)["documents"]
        between = time.perf_counter()
        to.store.write_documents(embedded, policy=DuplicatePolicy.OVERWRITE, refresh=False)
        return {"embed": between - began, "write": time.perf_counter() - between}

    def write_files(self, variant: str, folder: str) -> dict[str, Any]:
        """The whole path: read, clean, split, embed and write the files of a folder."""
        to = self._variants[variant]
        to.files = to.files or _files(to)
        self._watch.taken()
        files = sorted(Path(folder).iterdir())
        began = time.perf_counter()
        done = to.files.run({"read": {"sources": files}})
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "stages": self._watch.taken(), "vectors": done["write"]["documents_written"]}

    def settle(self, variant: str) -> dict[str, int]:
        """Make everything findable; how many documents there are."""
        to = self._variants[variant]
        # The store has no method for it.
        refresh = urllib.request.Request(f"{to.url}/_refresh", method="POST")  # noqa: S310 - OpenSearch's
        urllib.request.urlopen(refresh, timeout=_TIMEOUT_S).close()  # noqa: S310
        return {"documents": to.store.count_documents()}

    def ask(self, variant: str, query: str, limit: int) -> dict[str, Any]:
        """Search; the documents found, best first, and seconds of the whole and of its components."""
        to = self._variants[variant]
        self._watch.taken()
        began = time.perf_counter()
        if to.options.get("concurrent"):
            found = self._loop.run_until_complete(to.retriever.run_async(query=query))
        else:
            found = to.retriever.run(query=query)
        seconds = time.perf_counter() - began
        places = [document.id for document in found["documents"][:limit]]
        return {"seconds": seconds, "documents": places, "stages": self._watch.taken()}

    def close(self) -> None:
        """Let go of the connections."""
        for variant in self._variants.values():
            variant.retriever.close()
            self._loop.run_until_complete(variant.retriever.close_async())
        self._loop.close()


def _embedder(kind: Any, model: str, options: dict[str, Any]) -> Any:
    kwargs = {"dtype": options["dtype"]} if "dtype" in options else None
    return kind(model=model, progress_bar=False, local_files_only=True, model_kwargs=kwargs)


def _store(url: str, index: str, options: dict[str, Any]) -> OpenSearchDocumentStore:
    analyzer = options.get("analyzer")
    mappings = None
    if analyzer:
        vector = {"type": "knn_vector", "dimension": options["dimensions"], "method": options["method"]}
        mappings = {"properties": {"embedding": vector, "content": {"type": "text", "analyzer": analyzer}}}
    return OpenSearchDocumentStore(
        hosts=url,
        index=index,
        embedding_dim=options["dimensions"],
        method=options["method"],
        mappings=mappings,
        settings={"index.knn": True, "index.number_of_shards": 1, "index.number_of_replicas": 0},
        timeout=_TIMEOUT_S,
    )


def _files(to: _Variant) -> Pipeline:
    """The indexing pipeline for files: converter, cleaner, splitter, embedder, writer.

    With an embedder of its own: a component can't be in two pipelines.
    """
    embedder = _embedder(SentenceTransformersDocumentEmbedder, to.model, to.options)
    embedder.warm_up()
    pipeline = Pipeline()
    pipeline.add_component("read", TextFileToDocument())
    pipeline.add_component("clean", DocumentCleaner())
    pipeline.add_component("split", DocumentSplitter(split_by="word", split_length=200, split_overlap=20))
    pipeline.add_component("embed", embedder)
    pipeline.add_component("write", DocumentWriter(to.store, policy=DuplicatePolicy.OVERWRITE))
    for before, after in (("read", "clean"), ("clean", "split"), ("split", "embed"), ("embed", "write")):
        pipeline.connect(before, after)
    return pipeline
