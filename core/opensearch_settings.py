"""Settings of OpenSearch: how to reach it, and how a new index in it is built."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from core.section import Positive, Seconds, Section

Engine = Literal["lucene", "faiss"]
Encoder = Literal["fp32", "fp16", "byte"]
Mode = Literal["in_memory", "on_disk"]
Compression = Literal["4x", "8x", "16x", "32x"]

_COMPRESSIONS: dict[str, tuple[str, ...]] = {"lucene": ("4x",), "faiss": ("8x", "16x", "32x")}


class AwsSettings(Section):
    """Sign requests to a managed OpenSearch with AWS SigV4, with the machine's own credentials."""

    region: str
    service: Literal["es", "aoss"] = "es"


class OpenSearchSettings(Section):
    """How to reach OpenSearch, and how a new index in it is built."""

    url: str = "http://127.0.0.1:9200"
    user: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    """The certificate authority to trust, as PEM; None: the system's."""
    aws: AwsSettings | None = None
    timeout_s: Seconds = 10
    bulk_bytes: Positive = 8_000_000
    bulk_concurrency: Positive = 2
    shards: Positive = 1
    replicas: Annotated[int, Field(ge=0)] = 0
    engine: Engine = "lucene"
    encoder: Encoder = "fp32"
    """How a vector is kept: ``fp16`` by faiss, ``byte`` by lucene."""
    mode: Mode = "in_memory"
    """``on_disk``: the graph is searched with compressed vectors; the whole ones stay on the disk beside them."""
    compression: Compression | None = None
    """Of ``mode = "on_disk"``; None: 4x with lucene, 32x with faiss."""
    hnsw_m: Annotated[int, Field(ge=2, le=100)] = 16
    hnsw_ef_construction: Annotated[int, Field(ge=1, le=3200)] = 128
    hnsw_ef_search: Annotated[int, Field(ge=1, le=10_000)] = 400
    """How many candidates a graph search keeps, at least; of searches, so it needs no new index. At a million chunks
    100 find .89 of the ten nearest, 400 find .96 (docs/scale.md, with what it costs)."""
    rescore_oversample: Annotated[float, Field(ge=1, le=100)] | None = None
    """With ``mode = "on_disk"``: so many times k compressed candidates are compared once more with whole vectors;
    None: as OpenSearch does by itself for that compression."""

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if self.aws and self.user:
            raise ValueError("set either index.opensearch.user or index.opensearch.aws, not both")
        if bool(self.user) != bool(self.password):
            raise ValueError("index.opensearch.user and index.opensearch.password go together")
        return self

    @model_validator(mode="after")
    def _vectors_that_exist(self) -> Self:
        if self.encoder == "fp16" and self.engine != "faiss":
            raise ValueError("index.opensearch.encoder = 'fp16' needs engine = 'faiss'")
        if self.encoder == "byte" and self.engine != "lucene":
            raise ValueError(
                "index.opensearch.encoder = 'byte' needs engine = 'lucene': faiss compares bytes by no measure that is "
                "free of their scale. With faiss take encoder = 'fp16', or mode = 'on_disk'"
            )
        if self.mode == "on_disk" and self.encoder != "fp32":
            raise ValueError(
                f"index.opensearch.mode = 'on_disk' compresses by itself: encoder must be 'fp32', not {self.encoder!r}"
            )
        if self.mode != "on_disk" and (self.compression or self.rescore_oversample):
            wrong = "compression" if self.compression else "rescore_oversample"
            raise ValueError(f"index.opensearch.{wrong} needs mode = 'on_disk'")
        offered = _COMPRESSIONS[self.engine]
        if self.compression and self.compression not in offered:
            raise ValueError(
                f"index.opensearch.compression = {self.compression!r} isn't offered by engine = {self.engine!r}, which "
                f"has {', '.join(offered)}"
            )
        return self

    @property
    def compression_level(self) -> str | None:
        """The compression of a new index, named; None: vectors aren't compressed."""
        if self.mode != "on_disk":
            return None
        return self.compression or _COMPRESSIONS[self.engine][-1]
