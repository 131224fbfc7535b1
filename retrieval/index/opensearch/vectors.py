"""How a generation keeps its vectors: the field's mapping, and what is sent to it and read from it.

The mapping's grammar: https://docs.opensearch.org/latest/mappings/supported-field-types/knn-methods-engines/ and
https://docs.opensearch.org/latest/mappings/supported-field-types/knn-memory-optimized/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.settings import OpenSearchSettings

if TYPE_CHECKING:
    from core.chunk import Vectors

_LARGEST_BYTE = 127


@dataclass(frozen=True, slots=True)
class VectorLayout:
    """The options that a generation was made with; searches and writes follow these, not the present settings.

    Attributes:
        compression: None where vectors aren't compressed.
    """

    engine: str = "lucene"
    encoder: str = "fp32"
    mode: str = "in_memory"
    compression: str | None = None
    m: int = 16
    ef_construction: int = 128

    @classmethod
    def of_settings(cls, settings: OpenSearchSettings) -> VectorLayout:
        """What a generation begun now gets."""
        return cls(
            engine=settings.engine,
            encoder=settings.encoder,
            mode=settings.mode,
            compression=settings.compression_level,
            m=settings.hnsw_m,
            ef_construction=settings.hnsw_ef_construction,
        )

    @classmethod
    def of_meta(cls, meta: Mapping[str, Any]) -> VectorLayout | None:
        """What a mapping's ``_meta`` says; None for a generation of an earlier release, which said nothing."""
        said = meta.get("vectors")
        if not said:
            return None
        known = {field.name for field in fields(cls)}  # a later release may say more
        return cls(**{name: value for name, value in said.items() if name in known})

    def as_meta(self) -> dict[str, Any]:
        """What :meth:`of_meta` reads."""
        return asdict(self)

    @property
    def lossy(self) -> bool:
        """Whether vectors are rounded for good, so that what is read back isn't what was written."""
        return self.encoder == "byte"

    @property
    def derived_source(self) -> bool:
        """Whether the stored source may do without the vectors.

        On 2.19 derived source can't read bytes back: an update by query, which is how permissions change, fails. So
        bytes stay in the source.
        """
        return self.encoder != "byte"

    def field(self, dimensions: int) -> dict[str, Any]:
        """The mapping of the vectors' field."""
        parameters: dict[str, Any] = {"m": self.m, "ef_construction": self.ef_construction}
        if self.encoder == "fp16":
            parameters["encoder"] = {"name": "sq", "parameters": {"type": "fp16", "clip": True}}
        field: dict[str, Any] = {
            "type": "knn_vector",
            "dimension": dimensions,
            # The engine is always named: the default one needs native libraries that a plain JVM node lacks.
            "method": {
                "name": "hnsw",
                "engine": self.engine,
                # Vectors have unit length, so that the inner product is the cosine; all engines of all versions know
                # it. Bytes have every length, and are compared by their angle.
                "space_type": "cosinesimil" if self.encoder == "byte" else "innerproduct",
                "parameters": parameters,
            },
        }
        if self.engine == "lucene":
            # Else every vector stands in the columns once more, for scripts that we don't have. faiss does without.
            field["doc_values"] = False
        if self.encoder == "byte":
            field["data_type"] = "byte"
        if self.mode == "on_disk":
            field |= {"mode": self.mode, "compression_level": self.compression}
        return field

    def encode(self, vectors: Vectors) -> NDArray[Any]:
        """Vectors as they are sent, of documents and questions alike; shape (..., dimensions).

        For bytes each is stretched until its largest component is 127, and rounded. The cosine doesn't see the length,
        so no scale has to be chosen for a model or kept for later, and nothing is cut off.
        """
        if self.encoder != "byte":
            return vectors
        largest = np.abs(vectors).max(axis=-1, keepdims=True)
        stretched = vectors * (_LARGEST_BYTE / np.maximum(largest, np.finfo(np.float32).tiny))
        rounded: NDArray[np.int8] = np.rint(stretched).astype(np.int8)
        return rounded

    def cosine(self, score: float) -> float:
        """The cosine behind a hit's score.

        k-NN makes a score above 0 of an inner product ip: 1 + ip from 0 up, 1 / (1 - ip) below; and of a cosine c, for
        lucene, (1 + c) / 2.
        """
        cosine = 2.0 * score - 1.0 if self.encoder == "byte" else _inner_product(score)
        return max(-1.0, min(1.0, cosine))

    def search_options(self, settings: OpenSearchSettings) -> dict[str, Any]:
        """What a k-NN query says beside vector, k and filter."""
        options: dict[str, Any] = {}
        if self.engine == "faiss":  # lucene's width is its k
            options["method_parameters"] = {"ef_search": settings.hnsw_ef_search}
        if self.mode == "on_disk" and settings.rescore_oversample:
            options["rescore"] = {"oversample_factor": settings.rescore_oversample}
        return options


def decode(values: Any) -> Vectors:
    """Vectors of unit length of those that an index gave back, shape (n, dimensions).

    Bytes tell themselves: their largest component is 127, that of a vector of unit length at most 1.
    """
    read = np.array(values, np.float32)
    if np.abs(read).max(initial=0.0) <= 2.0:  # noqa: PLR2004 - between the two
        return read
    read /= np.linalg.norm(read, axis=-1, keepdims=True)
    return read


def _inner_product(score: float) -> float:
    return score - 1.0 if score >= 1.0 else 1.0 - 1.0 / score
