"""Facts go through every store and come back as they were, whichever facts there are."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chunk import Chunk
from core.errors import InvalidFilter
from core.filters import parse_filters
from core.metadata import FACTS, FactKind, Metadata
from ingestion.partitioning.facts import KEYS
from retrieval.index.lance import rows
from retrieval.index.opensearch import documents, mapping

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_OF_KIND = {
    FactKind.WORDS: _TEXT | st.just(""),
    FactKind.TERM: st.none() | _TEXT,
    FactKind.TERMS: st.lists(_TEXT, max_size=3).map(tuple),
    FactKind.MOMENT: st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=_ZONES),
}
METADATA = st.builds(Metadata, **{name: _OF_KIND[kind] for name, kind in FACTS.items()})


def test_every_field_is_a_fact_but_the_origins() -> None:
    assert {one.name for one in dataclasses.fields(Metadata)} == {*FACTS, "origins"}


@given(METADATA)
def test_through_json(metadata: Metadata) -> None:
    stored = json.loads(json.dumps(metadata.coming_from("properties").to_json()))
    assert Metadata.read(stored) == metadata
    assert Metadata.read(stored).origins == dict.fromkeys(metadata.known(), "properties")


@given(METADATA)
def test_through_a_lance_table(metadata: Metadata) -> None:
    columns = rows.chunk_columns([_chunk(metadata)])
    (row,) = pa.table(columns).select(rows.CHUNK_COLUMNS).to_pylist()
    assert rows.to_chunk(row).metadata == metadata


@given(METADATA)
def test_through_an_opensearch_document(metadata: Metadata) -> None:
    stored = json.loads(json.dumps(documents.metadata_fields(metadata)))
    assert stored.keys() == FACTS.keys() == mapping.FACT_FIELDS.keys()
    assert documents.to_chunk("c", {**_STORED, **stored}).metadata == metadata


@pytest.mark.parametrize("name", FACTS)
def test_each_can_be_written_down_and_all_but_words_filtered_by(name: str) -> None:
    assert name in KEYS
    value = {"from": "2024-01-01"} if FACTS[name] is FactKind.MOMENT else ["x"]
    if FACTS[name] is FactKind.WORDS:
        with pytest.raises(InvalidFilter, match=name):
            parse_filters({name: value})
    else:
        assert parse_filters({name: value}) is not None


def test_what_is_no_fact_any_more_is_passed_over() -> None:
    assert Metadata.read({"title": "A", "mood": "good"}) == Metadata(title="A")


_STORED = {
    "document_id": "d", "source_id": "s", "uri": "u", "ordinal": 0, "text": "t", "start": 0, "end": 1, "tokens": 1,
    "version": 1,
}  # fmt: skip


def _chunk(metadata: Metadata) -> Chunk:
    return Chunk(
        id="c", document_id="d", source_id="s", uri="u", ordinal=0, text="t", start=0, end=1, metadata=metadata
    )
