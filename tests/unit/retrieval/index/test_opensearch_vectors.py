"""Layouts of vectors: their JSON as OpenSearch documents it, and rounding to bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.settings import OpenSearchSettings
from retrieval.index.opensearch.vectors import VectorLayout, decode

GRAPH = {"m": 24, "ef_construction": 256}
INNER = {"type": "knn_vector", "dimension": 8}
LUCENE = {**INNER, "doc_values": False}


def method(engine: str, space: str = "innerproduct", **parameters: Any) -> dict[str, Any]:
    return {"name": "hnsw", "engine": engine, "space_type": space, "parameters": {**GRAPH, **parameters}}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, {**LUCENE, "method": method("lucene")}),
        ({"encoder": "byte"}, {**LUCENE, "data_type": "byte", "method": method("lucene", "cosinesimil")}),
        ({"mode": "on_disk"}, {**LUCENE, "mode": "on_disk", "compression_level": "4x", "method": method("lucene")}),
        ({"engine": "faiss"}, {**INNER, "method": method("faiss")}),
        (
            {"engine": "faiss", "encoder": "fp16"},
            {**INNER, "method": method("faiss", encoder={"name": "sq", "parameters": {"type": "fp16", "clip": True}})},
        ),
        (
            {"engine": "faiss", "mode": "on_disk"},
            {**INNER, "mode": "on_disk", "compression_level": "32x", "method": method("faiss")},
        ),
        (
            {"engine": "faiss", "mode": "on_disk", "compression": "16x"},
            {**INNER, "mode": "on_disk", "compression_level": "16x", "method": method("faiss")},
        ),
    ],
)
def test_the_field_is_in_the_documented_grammar(options: dict[str, Any], field: dict[str, Any]) -> None:
    settings = OpenSearchSettings(hnsw_m=24, hnsw_ef_construction=256, **options)
    assert VectorLayout.of_settings(settings).field(8) == field


def test_a_layout_is_read_back_and_what_a_later_release_adds_is_passed_over() -> None:
    layout = VectorLayout.of_settings(OpenSearchSettings(engine="faiss", mode="on_disk", compression="16x"))
    assert VectorLayout.of_meta({"vectors": layout.as_meta()}) == layout
    assert VectorLayout.of_meta({"vectors": {**layout.as_meta(), "later": 1}}) == layout
    assert VectorLayout.of_meta({"embedder": "model"}) is None


def test_whole_vectors_are_sent_and_read_as_they_are() -> None:
    vectors = np.array([[0.6, -0.8], [1.0, 0.0]], np.float32)
    assert VectorLayout().encode(vectors) is vectors
    np.testing.assert_array_equal(decode(vectors.tolist()), vectors)


_COMPONENTS = arrays(np.float32, (3, 12), elements=st.floats(-1, 1, width=32))


@given(_COMPONENTS)
def test_rounded_vectors_keep_their_direction_and_round_to_themselves(drawn: np.ndarray) -> None:
    drawn[:, 0] += 2  # never without a direction
    vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    layout = VectorLayout(encoder="byte")
    sent = layout.encode(vectors)
    assert sent.dtype == np.int8
    assert np.abs(sent.astype(int)).max(axis=1).tolist() == [127] * 3
    read = decode(sent.tolist())
    np.testing.assert_allclose(np.linalg.norm(read, axis=1), 1, rtol=1e-5)
    # Half a step of each of 12 components, of a vector whose largest is 127 steps.
    assert np.sum(read * vectors, axis=1).min() > 1 - 12 * (0.5 / 127) ** 2
    np.testing.assert_array_equal(layout.encode(read), sent)
    for one, of_batch in zip(vectors, sent, strict=True):  # a question is one vector, a chunk has several
        np.testing.assert_array_equal(layout.encode(one), of_batch)


@pytest.mark.parametrize(("score", "cosine"), [(2.0, 1.0), (1.5, 0.5), (1.0, 0.0), (1 / 1.5, -0.5), (0.5, -1.0)])
def test_scores_of_inner_products_are_cosines(score: float, cosine: float) -> None:
    assert VectorLayout().cosine(score) == pytest.approx(cosine)


@pytest.mark.parametrize(("score", "cosine"), [(1.0, 1.0), (0.75, 0.5), (0.5, 0.0), (0.0, -1.0)])
def test_scores_of_bytes_are_cosines(score: float, cosine: float) -> None:
    assert VectorLayout(encoder="byte").cosine(score) == pytest.approx(cosine)


def test_rounding_never_leaves_the_range_of_a_cosine() -> None:
    assert VectorLayout().cosine(2.0000005) == 1.0
    assert VectorLayout().cosine(0.4999999) == -1.0
