"""The SQL of filters: whatever the value, it stays a value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.filters import All, AnyOf, Between, Filter, Not
from retrieval.index.lance.sql import literal, moment, one_of, predicate

TEXT = st.text(max_size=40) | st.text(alphabet="'\"\\;-/*()[]%_\n\0 aé", max_size=20)
TIMES = st.datetimes(timezones=st.timezones() | st.just(UTC))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One row whose columns are never the values asked for, and some that hold a time."""
    columns = [("department", pa.string()), ("tags", pa.list_(pa.string())), ("created", pa.timestamp("us", tz="UTC"))]
    rows = pa.Table.from_pylist([{"department": "x" * 99, "tags": ["x" * 99]}], schema=pa.schema(columns))
    return lancedb.connect(str(tmp_path_factory.mktemp("sql"))).create_table("t", rows)


@given(TEXT)
def test_a_literal_ends_where_it_should(text: str) -> None:
    quoted = literal(text)
    assert quoted[0] == quoted[-1] == "'"
    assert "'" not in quoted[1:-1].replace("''", "")
    assert quoted[1:-1].replace("''", "'") == text


@settings(max_examples=150, deadline=None)
@given(st.sets(TEXT, min_size=1, max_size=4))
def test_no_value_breaks_out_of_a_filter(table: Any, values: set[str]) -> None:
    for field in ("department", "tags"):
        asked = AnyOf(field, frozenset(values))  # type: ignore[arg-type]
        assert table.count_rows(predicate(asked)) == 0
        assert table.count_rows(predicate(Not(asked))) == 1


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_the_engine_reads_a_literal_as_the_text(table: Any, text: str) -> None:
    (row,) = table.search().select({"tags": "tags", "said": literal(text)}).to_list()
    assert row["said"] == text


@given(st.lists(st.characters(categories=["Cs"]), min_size=1, max_size=3).map("".join))
def test_what_is_not_unicode_matches_nothing(text: str) -> None:
    assert one_of("id", [text]) == "false"
    assert predicate(AnyOf("acl", frozenset({text}))) == "false"


@settings(max_examples=100, deadline=None)
@given(TIMES)
def test_a_moment_is_exact_in_every_year(table: Any, when: datetime) -> None:
    (row,) = table.search().select({"tags": "tags", "us": f"CAST({moment(when)} AS BIGINT)"}).to_list()
    # As a difference: Python calls times of two zones unequal when one of them is in the hour that a clock repeats.
    assert timedelta(microseconds=row["us"]) == when - datetime(1970, 1, 1, tzinfo=UTC)


FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.builds(AnyOf, st.sampled_from(["department", "tags"]), st.frozensets(TEXT, max_size=3))
    | st.builds(Between, st.just("created"), st.none() | TIMES, st.none() | TIMES),
    lambda inner: st.builds(Not, inner) | st.builds(All, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=8,
)


def holds(tree: Filter) -> bool:
    """What the tree means for the table's row, in plain Python."""
    match tree:
        case All(clauses):
            return all(holds(clause) for clause in clauses)
        case Not(clause):
            return not holds(clause)
        case _:
            return False


@settings(max_examples=150, deadline=None)
@given(FILTERS)
def test_a_tree_means_in_sql_what_it_means_in_python(table: Any, tree: Filter) -> None:
    assert table.count_rows(predicate(tree)) == int(holds(tree))


def test_predicates_are_the_same_text_every_time(tmp_path: Path) -> None:
    assert predicate(AnyOf("acl", frozenset({"b", "a", "it's"}))) == "array_has_any(acl, ['a', 'b', 'it''s'])"
    assert predicate(AnyOf("owner", frozenset({"b", "a"}))) == "(owner IS NOT NULL AND owner IN ('a', 'b'))"
    assert predicate(All(())) == "true"
