"""What an edit leaves as it was keeps its id and its vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.chunk import Chunk, EmbeddedChunk
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.chunking.chunks import identified
from ingestion.tasks import listing
from tests.unit.ingestion.tasks.conftest import Pipeline


def section(number: int, words: str = "word") -> str:
    return " ".join(f"Sentence {place} of part {number} has {words} in it." for place in range(90))


def chunk(text: str, title: str = "", ordinal: int = 0) -> Chunk:
    return Chunk(
        id="",
        document_id="d",
        source_id="s",
        uri="file:///d",
        ordinal=ordinal,
        text=text,
        start=0,
        end=len(text),
        metadata=Metadata(title=title),
    )


def test_an_edit_embeds_only_the_chunks_that_changed(pipeline: Pipeline) -> None:
    parts = [section(number) for number in range(40)]
    pipeline.source.documents["long"] = "\n\n".join(parts)
    pipeline.sync()
    before = dict(pipeline.index.chunks)
    pipeline.embedder.batches.clear()

    parts[20] = section(20, "another word")
    pipeline.source.documents["long"] = "\n\n".join(parts)
    pipeline.sync()

    after = pipeline.index.chunks
    assert len(before) > 20
    assert 1 <= len(after.keys() - before.keys()) <= 4
    assert sum(pipeline.embedder.batches) <= 4 * 5  # windows of 200 words in passages of at most 1000
    text = "\n\n".join(parts)
    assert {one.version for one in after.values()} == {2}
    assert all(text[one.start : one.end] == one.text for one in after.values())
    assert sorted(one.ordinal for one in after.values()) == list(range(len(after)))


def test_a_title_that_the_text_opens_with_is_part_of_what_is_embedded() -> None:
    opens, mentions, other = (identified([chunk("Trip\nby rail", title)])[0].id for title in ("Trip", "by", "rail"))

    assert opens != mentions == other  # of the last two, the same is embedded


def test_a_new_title_is_embedded() -> None:
    (one,), (other,) = identified([chunk("Text.", "Old")]), identified([chunk("Text.", "New")])

    assert one.id != other.id


def test_chunks_that_say_the_same_have_ids_of_their_own_that_do_not_depend_on_their_place() -> None:
    twins = identified([chunk("A", ordinal=0), chunk("B", ordinal=1), chunk("A", ordinal=2)])
    moved = identified([chunk("New", ordinal=0), *(replace(one, ordinal=one.ordinal + 1) for one in twins)])

    assert len({one.id for one in twins}) == 3
    assert [one.id for one in moved[1:]] == [one.id for one in twins]


def test_a_chunk_that_stays_gets_the_permissions_of_now(pipeline: Pipeline) -> None:
    pipeline.source.documents["a"] = section(1)
    pipeline.source.acls["a"] = AccessList.everyone()
    pipeline.sync()
    first = set(pipeline.index.chunks)
    pipeline.source.documents["a"] = section(1) + "\n\n" + section(2)
    pipeline.source.acls["a"] = AccessList(users=frozenset({"ann"}))
    pipeline.sync()

    assert first & set(pipeline.index.chunks)
    assert {one.acl for one in pipeline.index.chunks.values()} == {("user:ann",)}


def test_a_late_task_does_not_write_over_what_it_shares_with_the_newer_version(pipeline: Pipeline) -> None:
    shared, written = section(1), []
    pipeline.source.documents["a"] = shared
    upsert = pipeline.index.upsert

    def noted(chunks: Sequence[EmbeddedChunk], as_of: Mapping[str, int] | None) -> dict[str, int]:
        refused = upsert(chunks, as_of)
        written.extend(one.chunk.version for one in chunks if one.chunk.document_id not in refused)
        return refused

    def change() -> None:
        pipeline.source.documents["a"] = shared + "\n\n" + section(2)
        pipeline.source.acls["a"] = AccessList(users=frozenset({"ann"}))
        run = pipeline.parts.catalog.runs.active()[0]
        pipeline.parts.catalog.runs.fail(run.id, "superseded by the test")
        listing.sync(pipeline.parts, pipeline.begin().id)
        pipeline.tasks.run(pipeline.parts)

    pipeline.index.upsert = noted  # type: ignore[method-assign]
    pipeline.embedder.meanwhile = change
    pipeline.sync()

    assert written == sorted(written)
    assert 1 not in written
    assert {one.acl for one in pipeline.index.chunks.values()} == {("user:ann",)}
    assert {one.ordinal for one in pipeline.index.chunks.values()} == set(range(len(pipeline.index.chunks)))
