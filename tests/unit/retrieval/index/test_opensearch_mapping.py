"""How a generation is laid out."""

from __future__ import annotations

from core.settings import OpenSearchSettings
from retrieval.index.opensearch.mapping import index_body


def test_what_keeps_vectors_and_refuses_surprises() -> None:
    body = index_body(OpenSearchSettings(replicas=2, shards=3), "model", 384, backfill=False)
    assert body["settings"]["index.knn.derived_source.enabled"] is True
    assert body["settings"]["index.number_of_shards"] == 3
    assert body["settings"]["index.number_of_replicas"] == 2
    assert body["mappings"]["dynamic"] == "strict"
    assert "_source" not in body["mappings"]
    assert body["mappings"]["_meta"] == {"embedder": "model", "dimensions": 384}


def test_a_backfill_does_without_replicas_and_refreshes() -> None:
    settings = index_body(OpenSearchSettings(replicas=2), "model", 384, backfill=True)["settings"]
    assert settings["index.number_of_replicas"] == 0
    assert settings["index.refresh_interval"] == "-1"


def test_faiss_with_half_precision() -> None:
    settings = OpenSearchSettings(engine="faiss", encoder="fp16", hnsw_m=24, hnsw_ef_construction=256)
    vector = index_body(settings, "model", 8, backfill=False)["mappings"]["properties"]["windows"]["properties"][
        "vector"
    ]
    assert vector["dimension"] == 8
    assert vector["method"]["engine"] == "faiss"
    assert vector["method"]["parameters"] == {
        "m": 24,
        "ef_construction": 256,
        "encoder": {"name": "sq", "parameters": {"type": "fp16", "clip": True}},
    }
