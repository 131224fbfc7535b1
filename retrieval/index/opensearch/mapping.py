"""How a generation is laid out in OpenSearch."""

from __future__ import annotations

from typing import Any

from core.metadata import FACTS, FactKind
from core.settings import OpenSearchSettings
from retrieval.index.opensearch.analysis import ANALYZER, analysis
from retrieval.index.opensearch.vectors import VectorLayout

SEARCH_FIELD = "search"
TITLE_FIELD = "title_words"
HEADINGS_FIELD = "heading_words"
"""The fields of the lexical leg. A generation of an earlier release has only the first."""
WINDOWS = "windows"
VECTOR = "windows.vector"

PERMISSIONS_VERSION = "permissions_version"
RESERVED_FOR = "reserved_for"
"""The field of a document that only holds a chunk's place: whose chunk it is to be."""

REFRESH_INTERVAL = "1s"

_KEYWORD = {"type": "keyword"}
_INTEGER = {"type": "integer"}
# Only kept, to be read back: neither searched nor sorted by.
_KEPT = {"type": "keyword", "index": False, "doc_values": False}
_WORDS = {"type": "text", "analyzer": ANALYZER}
_SEARCHED = {"type": "text", "index": False, "norms": False, "copy_to": SEARCH_FIELD}
_OF_KIND = {
    FactKind.WORDS: {**_KEPT, "copy_to": TITLE_FIELD},
    FactKind.TERM: _KEYWORD,
    FactKind.TERMS: _KEYWORD,
    FactKind.MOMENT: {"type": "date"},
}
FACT_FIELDS = {name: _OF_KIND[kind] for name, kind in FACTS.items()}
"""A generation of an earlier release may lack some of them."""
GUARD_FIELDS = {PERMISSIONS_VERSION: {"type": "long"}, RESERVED_FOR: _KEYWORD}
"""Likewise: see :mod:`retrieval.index.opensearch.writing`."""


def index_body(settings: OpenSearchSettings, embedder: str, dimensions: int, *, backfill: bool) -> dict[str, Any]:
    """Settings and mapping of a new generation.

    ``backfill`` leaves replicas and periodic refreshes out until the generation goes live.
    """
    layout = VectorLayout.of_settings(settings)
    return {
        "settings": {
            "index.number_of_shards": settings.shards,
            "index.knn": True,
            # Keeps vectors out of the stored source, yet lets updates by query find them again; with
            # _source.excludes an update of the permissions would silently drop the vectors.
            "index.knn.derived_source.enabled": layout.derived_source,
            "index.analysis": analysis(),
            "index.similarity.default": {"type": "BM25", "k1": 1.2, "b": 0.75},
            **(
                {"index.number_of_replicas": 0, "index.refresh_interval": "-1"} if backfill else live_settings(settings)
            ),
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"embedder": embedder, "dimensions": dimensions, "vectors": layout.as_meta()},
            "properties": _properties(layout.field(dimensions)),
        },
    }


def live_settings(settings: OpenSearchSettings) -> dict[str, Any]:
    """The dynamic settings of a generation that is searched."""
    # A refresh interval that is named keeps a node from pausing refreshes on an index nobody has searched lately.
    return {"index.number_of_replicas": settings.replicas, "index.refresh_interval": REFRESH_INTERVAL}


def _properties(vector: dict[str, Any]) -> dict[str, Any]:
    return {
        "document_id": _KEYWORD,
        "source_id": _KEYWORD,
        "uri": _KEPT,
        "ordinal": _INTEGER,
        "start": {"type": "integer", "index": False},
        "end": {"type": "integer", "index": False},
        "page": {"type": "integer", "index": False},
        "tokens": {"type": "integer", "index": False},
        "heading_path": {**_KEPT, "copy_to": HEADINGS_FIELD},
        "version": {"type": "long"},
        **GUARD_FIELDS,
        "acl": _KEYWORD,
        **FACT_FIELDS,
        # Context and text are stored once each and searched together, as Chunk.search_text: a copy is not stored.
        "context": _SEARCHED,
        "text": _SEARCHED,
        SEARCH_FIELD: _WORDS,
        TITLE_FIELD: _WORDS,
        HEADINGS_FIELD: _WORDS,
        "window_count": _INTEGER,
        WINDOWS: {"type": "nested", "properties": {"vector": vector}},
    }
