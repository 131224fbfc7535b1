"""Documents that say the same are embedded once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.chunk import Chunk
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.chunking.chunks import identified
from ingestion.tasks.vector_reuse import content_key, twin_ids
from tests.unit.ingestion.tasks.conftest import Pipeline

TEXT = " ".join(f"Sentence {place} has some words in it." for place in range(400))


def chunk(document: str, text: str, title: str = "Policy") -> Chunk:
    return Chunk(
        id="",
        document_id=document,
        source_id="s",
        uri="",
        ordinal=0,
        text=text,
        start=0,
        end=len(text),
        metadata=Metadata(title=title),
    )


def windows(pipeline: Pipeline) -> int:
    return sum(pipeline.embedder.batches)


def test_a_later_copy_is_not_embedded(pipeline: Pipeline) -> None:
    pipeline.source.documents["a/policy"] = TEXT
    pipeline.sync()
    assert windows(pipeline) > 1
    pipeline.embedder.batches.clear()
    pipeline.source.documents["b/policy"] = TEXT
    assert pipeline.sync().indexed == 1
    assert windows(pipeline) == 0
    one, other = (
        {c.text for c in pipeline.index.chunks.values() if c.document_id == pipeline.id_of(name)}
        for name in ("a/policy", "b/policy")
    )
    assert one == other


def test_copies_in_one_batch_are_embedded_once(pipeline: Pipeline) -> None:
    text = "A few words."
    pipeline.source.documents |= {f"{folder}/policy": text for folder in "abcd"}
    pipeline.sync()
    assert windows(pipeline) == 1
    assert len(pipeline.index.chunks) == 4


def test_the_same_text_under_another_title_is_embedded_for_itself(pipeline: Pipeline) -> None:
    pipeline.source.documents["a/layoffs"] = TEXT
    pipeline.sync()
    first = windows(pipeline)
    pipeline.source.documents["b/policy"] = TEXT
    pipeline.sync()
    assert windows(pipeline) == 2 * first


def test_a_copy_keeps_its_own_permissions_and_outlives_its_twin(pipeline: Pipeline) -> None:
    pipeline.source.documents["a/policy"] = TEXT
    pipeline.source.acls["a/policy"] = AccessList.from_terms(["group:x"])
    pipeline.sync()
    pipeline.source.documents["b/policy"] = TEXT
    pipeline.sync()
    acls = {one.document_id: one.acl for one in pipeline.index.chunks.values()}
    assert acls == {pipeline.id_of("a/policy"): ("group:x",), pipeline.id_of("b/policy"): ("public",)}
    del pipeline.source.documents["a/policy"]
    pipeline.sync()
    pipeline.embedder.batches.clear()
    pipeline.source.documents["c/policy"] = TEXT
    pipeline.sync()
    assert windows(pipeline) == 0


def test_a_twin_that_the_index_has_lost_is_no_help(pipeline: Pipeline) -> None:
    pipeline.source.documents["a/policy"] = TEXT
    pipeline.sync()
    first = windows(pipeline)
    pipeline.index.chunks.clear()
    pipeline.source.documents["b/policy"] = TEXT
    pipeline.sync()
    assert windows(pipeline) == 2 * first


def test_only_what_is_indexed_is_a_twin(pipeline: Pipeline) -> None:
    pipeline.source.documents["a/policy"] = TEXT
    pipeline.sync()
    key = content_key("policy", TEXT)
    documents = pipeline.parts.catalog.documents
    assert documents.twins({"new": key}) == {"new": pipeline.id_of("a/policy")}
    assert documents.twins({"new": content_key("other", TEXT)}) == {}
    assert documents.twins({pipeline.id_of("a/policy"): key}) == {}
    assert documents.twins({}) == {}


@given(st.lists(st.sampled_from(["one", "two", "two ", "three"]), max_size=6), st.sampled_from(["Policy", ""]))
def test_a_twin_has_the_ids_that_its_own_indexing_gave(texts: list[str], title: str) -> None:
    own = identified([chunk("a", text, title) for text in texts])
    other = identified([chunk("b", text, title) for text in texts])
    assert twin_ids(own, {"a": "b"}) == dict(zip((c.id for c in own), (c.id for c in other), strict=True))
    assert twin_ids(own, {}) == {}
    assert np.unique([c.id for c in own + other]).size == 2 * len(texts)
