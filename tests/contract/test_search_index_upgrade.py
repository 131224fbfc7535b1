"""An index of an earlier release takes chunks and filters of this one."""

from __future__ import annotations

from pathlib import Path

import pytest
from lancedb.index import FTS

from core.filters import AnyOf
from core.pipeline import FieldWeights
from core.settings import IndexSettings, OpenSearchSettings
from retrieval.index.lance.index import LanceIndex
from retrieval.index.opensearch import mapping
from retrieval.index.opensearch.index import OpenSearchIndex
from retrieval.index.port import DocumentUpdate, SearchIndex
from tests.contract.passages import DIMENSIONS, EMBEDDER, PUBLIC, found, ids, passage, write

GRACE = AnyOf("author", frozenset({"Grace"}))


def check(index: SearchIndex) -> None:
    """The old chunk has no author, until it is written again; a new one has."""
    index.ensure(EMBEDDER, DIMENSIONS)
    index.ensure(EMBEDDER, DIMENSIONS)
    assert found(index, PUBLIC) == ["old"]
    assert found(index, GRACE) == []
    write(index, passage("new", author="Grace"))
    assert found(index, GRACE) == ["new"]
    (old,) = index.fetch(["old"], PUBLIC)
    index.update_documents(
        [
            DocumentUpdate(
                old.document_id,
                acl=old.acl,
                metadata=passage("x", author="Grace").chunk.metadata,
                uri=old.uri,
                up_to=old.version,
            )
        ]
    )
    index.refresh()
    assert found(index, GRACE) == ["new", "old"]


def test_embedded(tmp_path: Path) -> None:
    index = LanceIndex(tmp_path)
    index.ensure(EMBEDDER, DIMENSIONS)
    write(index, passage("old", author="Grace"))
    (generation,) = index.generations()
    index._tables.open(generation.name).drop_columns(["author"])
    index.close()
    index = LanceIndex(tmp_path)
    check(index)
    index.close()


def check_fields(index: SearchIndex) -> None:
    """Title and headings add nothing in the old generation, and everything is found all the same."""
    index.ensure(EMBEDDER, DIMENSIONS)
    write(index, passage("new", "terms of service", title="Walrus"))
    assert sorted(ids(index.lexical("walrus terms of service", PUBLIC, 5))) == ["new", "old"]
    assert index.lexical("walrus", PUBLIC, 5) == index.lexical("walrus", PUBLIC, 5, FieldWeights(title=0, headings=0))
    assert index.lexical("walrus", PUBLIC, 5, FieldWeights(title=1, body=0)) == []


def test_embedded_fields(tmp_path: Path) -> None:
    index = LanceIndex(tmp_path)
    index.ensure(EMBEDDER, DIMENSIONS)
    write(index, passage("old", "terms of service", title="Walrus"))
    (generation,) = index.generations()
    table = index._tables.open(generation.name)
    for name in ("search_text_positions_idx", "title_idx", "headings_idx"):
        table.drop_index(name)
    table.drop_columns(["headings"])
    table.create_index("search_text", config=FTS(stem=True, remove_stop_words=True), name="search_text_idx")
    index.close()
    index = LanceIndex(tmp_path)
    check_fields(index)
    index.close()


def test_opensearch_fields(opensearch_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = IndexSettings(kind="opensearch", name="old-fields", opensearch=OpenSearchSettings(url=opensearch_url))
    index = OpenSearchIndex(settings)
    with monkeypatch.context() as patched:
        present = mapping._properties

        def earlier(vector: dict[str, object]) -> dict[str, object]:
            fields = {name: dict(kind) for name, kind in present(vector).items() if not name.endswith("_words")}
            for name in ("title", "heading_path"):
                del fields[name]["copy_to"]
            return fields

        patched.setattr(mapping, "_properties", earlier)
        generation = index.begin(EMBEDDER, DIMENSIONS)
    index.swap(generation.name)
    write(index, passage("old", "terms of service", title="Walrus"))
    check_fields(index)
    index.close()


def test_opensearch(opensearch_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = IndexSettings(kind="opensearch", name="upgrade", opensearch=OpenSearchSettings(url=opensearch_url))
    index = OpenSearchIndex(settings)
    with monkeypatch.context() as patched:
        patched.delitem(mapping.FACT_FIELDS, "author")
        generation = index.begin(EMBEDDER, DIMENSIONS)
    index.swap(generation.name)
    # As the earlier release wrote it: a null is no field to a strict mapping that lacks it.
    with monkeypatch.context() as patched:
        fields = "retrieval.index.opensearch.documents.metadata_fields"
        patched.setattr(fields, lambda metadata: {"title": metadata.title})
        write(index, passage("old", author="Grace"))
    check(index)
    index.close()
