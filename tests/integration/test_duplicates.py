"""Copies of documents on the whole path: embedded once, shown once, and named to those who may read them."""

from __future__ import annotations

import numpy as np

from core.filters import All, parse_filters
from core.principal import ANONYMOUS, Principal
from retrieval.build import build_retriever
from retrieval.hit import SearchHit
from retrieval.retriever import Retriever
from tests.integration.stacks import Stack

POLICY = "# Hotel policy\n\nA night in Rome costs at most 120 euros, breakfast included, and is booked by the desk.\n"
STAFF = Principal(groups=frozenset({"staff"}))


def hits_of(retriever: Retriever, reader: Principal, **more: object) -> list[SearchHit]:
    return list(retriever.search("hotel night Rome", reader, **more).hits)  # type: ignore[arg-type]


def places(stack: Stack, hit: SearchHit) -> list[str]:
    ids = [hit.chunk.document_id, *(other.document_id for other in hit.duplicates)]
    return [stack.ingestion.catalog.documents.get(key).external_id for key in ids]


def test_copies_are_embedded_once_and_shown_with_the_places_that_a_reader_may_see(running: Stack) -> None:
    running.write("travel/policy.md", POLICY)
    source = running.add_source()
    running.sync(source)

    # Byte-equal in two places, one of them closed to most; text-equal in another format of the same words.
    running.write("wiki/policy.md", POLICY)
    running.write("closed/policy.md", POLICY)
    running.write("closed/_folder.meta.yaml", "acl: ['group:staff']\ndepartment: Board\n")
    running.write("old/policy.md", POLICY.replace("\n\n", "\n\n\n\n"))
    running.write("canteen.md", "# Canteen\n\nThe hotel next door serves lunch.")
    assert running.sync(source).indexed == 4

    running.index.refresh()
    chunks = running.index.fetch([one.chunk_id for one in running.index.lexical("Rome", All(()), 10)], All(()))
    assert len(chunks) == 4
    vectors = running.index.vectors([one.id for one in chunks], All(()))
    first, *others = vectors.values()
    assert all(np.array_equal(first, other) for other in others)

    retriever = build_retriever(running.settings)
    try:
        for pipeline in retriever.pipelines:
            best, *rest = hits_of(retriever, STAFF, pipeline=pipeline)
            expected = ["closed/policy.md", "old/policy.md", "travel/policy.md", "wiki/policy.md"]
            assert sorted(places(running, best)) == expected
            assert [hit.chunk.metadata.title for hit in rest] in ([], ["Canteen"])

            seen = hits_of(retriever, ANONYMOUS, pipeline=pipeline)
            assert sorted(places(running, seen[0])) == expected[1:]
            assert len(seen) == 1 + len(rest)
            response = retriever.search("hotel night Rome", ANONYMOUS, pipeline=pipeline)
            assert "closed" not in repr(response)

            department = parse_filters({"department": ["Board"]})
            assert hits_of(retriever, ANONYMOUS, filters=department, pipeline=pipeline) == []
            (board,) = hits_of(retriever, STAFF, filters=department, pipeline=pipeline)
            assert places(running, board) == ["closed/policy.md"]
    finally:
        retriever.close()

    # What is closed now is named no more, without anything being embedded.
    running.write("wiki/_folder.meta.yaml", "acl: ['group:staff']\n")
    running.sync(source)
    assert sorted(running.found("Rome")) == ["old/policy.md", "travel/policy.md"]
    (running.folder / "travel/policy.md").unlink()
    running.sync(source)
    assert running.found("Rome") == ["old/policy.md"]
