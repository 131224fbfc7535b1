"""How a generation is laid out."""

from __future__ import annotations

from core.settings import OpenSearchSettings
from retrieval.index.opensearch.mapping import index_body
from retrieval.index.opensearch.vectors import VectorLayout


def test_what_keeps_vectors_and_refuses_surprises() -> None:
    body = index_body(OpenSearchSettings(replicas=2, shards=3), "model", 384, backfill=False)
    assert body["settings"]["index.knn.derived_source.enabled"] is True
    assert body["settings"]["index.number_of_shards"] == 3
    assert body["settings"]["index.number_of_replicas"] == 2
    assert body["mappings"]["dynamic"] == "strict"
    assert "_source" not in body["mappings"]
    meta = body["mappings"]["_meta"]
    assert (meta["embedder"], meta["dimensions"]) == ("model", 384)
    assert VectorLayout.of_meta(meta) == VectorLayout.of_settings(OpenSearchSettings())


def test_a_backfill_does_without_replicas_and_refreshes() -> None:
    settings = index_body(OpenSearchSettings(replicas=2), "model", 384, backfill=True)["settings"]
    assert settings["index.number_of_replicas"] == 0
    assert settings["index.refresh_interval"] == "-1"


def test_bytes_stay_in_the_source_which_can_not_be_derived_from_them() -> None:
    body = index_body(OpenSearchSettings(encoder="byte"), "model", 384, backfill=False)
    assert body["settings"]["index.knn.derived_source.enabled"] is False
    assert body["mappings"]["properties"]["windows"]["properties"]["vector"]["data_type"] == "byte"
