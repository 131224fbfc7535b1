"""Filters: what the wire form may say, and what it comes to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.document_types import type_named
from core.errors import InvalidFilter
from core.filters import All, AnyCase, AnyOf, Between, Not, for_reader, parse_filters, visible_to
from core.principal import Principal

KEYS = {
    "department": "department",
    "document_type": "document_type",
    "tags": "tags",
    "source": "source_id",
    "owner": "owner",
    "author": "author",
    "language": "language",
}
NAMES = st.text(min_size=1, max_size=20)


def moment(year: int, month: int, day: int, **more: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC, **more)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize("request_", [None, {}])
def test_nothing_asked_is_no_filter(request_: dict[str, Any] | None) -> None:
    assert parse_filters(request_) is None


@given(st.dictionaries(st.sampled_from(sorted(KEYS)), st.lists(NAMES, min_size=1, max_size=4), min_size=1))
def test_terms_become_alternatives_and_keys_narrow(asked: dict[str, list[str]]) -> None:
    parsed = parse_filters(asked)
    assert isinstance(parsed, All)
    for clause, (key, values) in zip(parsed.clauses, asked.items(), strict=True):
        if key == "tags":
            assert clause == AnyOf("tags", frozenset(v.casefold() for v in values))
        elif key == "source":
            assert clause == AnyOf("source_id", frozenset(values))
        else:
            read = map(type_named, values) if key == "document_type" else values
            assert clause == AnyCase(KEYS[key], frozenset(read))


@pytest.mark.parametrize("said", ["md", ".md", "MD", "markdown", "Markdown", ".mdx"])
def test_a_type_is_known_by_its_endings(said: str) -> None:
    assert parse_filters({"document_type": said}) == All((AnyCase("document_type", frozenset({"markdown"})),))


@pytest.mark.parametrize(("said", "kind"), [("doc", "doc"), ("docx", "docx"), ("jpg", "image"), ("eml", "email")])
def test_a_type_of_its_own_name_is_that_type(said: str, kind: str) -> None:
    assert type_named(said) == kind


def test_more_values_than_an_index_looks_for_at_once_are_refused() -> None:
    with pytest.raises(InvalidFilter, match="100 are the most"):
        parse_filters({"author": [f"author {number}" for number in range(101)]})


@given(st.sampled_from(sorted(KEYS)), NAMES)
def test_one_string_is_a_list_of_one(key: str, value: str) -> None:
    assert parse_filters({key: value}) == parse_filters({key: [value]})


@given(st.dates(date(1, 1, 1), date(9999, 12, 30)), st.dates(date(1, 1, 1), date(9999, 12, 30)))
def test_days_are_included_at_both_ends(one: date, other: date) -> None:
    first, last = sorted((one, other))
    parsed = parse_filters({"created": {"from": first.isoformat(), "to": last.isoformat()}})
    assert isinstance(parsed, All)
    (between,) = parsed.clauses
    assert isinstance(between, Between)
    assert between.field == "created"
    assert between.start == datetime.combine(first, datetime.min.time(), UTC)
    assert between.end == datetime.combine(last, datetime.min.time(), UTC) + timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T12:30:00", moment(2024, 1, 1, hour=12, minute=30)),
        ("2024-01-01T12:30:00Z", moment(2024, 1, 1, hour=12, minute=30)),
        ("2024-01-01T12:30:00+02:00", datetime(2024, 1, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_times_are_taken_as_they_are(text: str, expected: datetime) -> None:
    assert parse_filters({"modified": {"to": text}}) == All((Between("modified", None, expected),))


@pytest.mark.parametrize("key", ["created", "modified"])
@pytest.mark.parametrize(
    "value",
    ["2024-01-01", [], {}, {"since": "2024-01-01"}, {"from": 2024}, {"from": "soon"}, {"to": "9999-12-31"},
     {"from": "2024-13-01"}, {"from": ["2024-01-01"]}, {"from": ""}, None],
)  # fmt: skip
def test_dates_of_the_wrong_shape_are_refused(key: str, value: object) -> None:
    with pytest.raises(InvalidFilter, match=f"'{key}' takes"):
        parse_filters({key: value})


def test_dates_that_nothing_can_match_are_refused() -> None:
    with pytest.raises(InvalidFilter, match="'from' is after 'to'"):
        parse_filters({"created": {"from": "2024-02-02", "to": "2024-02-01"}})


@pytest.mark.parametrize("value", [None, [], [1], ["ok", None], [""], "", {"HR": 1}, 7, True, ("HR",)])
def test_terms_of_the_wrong_shape_are_refused(value: object) -> None:
    with pytest.raises(InvalidFilter, match="'department' takes"):
        parse_filters({"department": value})


@pytest.mark.parametrize(
    ("key", "near"), [("departement", "department"), ("tag", "tags"), ("create", "created"), ("sources", "source")]
)
def test_an_unknown_key_names_the_nearest(key: str, near: str) -> None:
    with pytest.raises(InvalidFilter, match=f"Unknown filter '{key}'. Did you mean '{near}'"):
        parse_filters({key: ["x"]})


@given(st.text().filter(lambda key: key not in {*KEYS, "created", "modified"}))
def test_any_other_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidFilter, match=r"Filters are: .*department"):
        parse_filters({key: ["x"]})


@pytest.mark.parametrize("key", ["acl", "document_id"])
def test_permissions_cannot_be_asked_for(key: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filters({key: ["public"]})


def test_a_reader_is_always_part_of_the_filter() -> None:
    reader = Principal("ada", frozenset({"hr"}))
    mine = AnyOf("acl", frozenset({"public", "user:ada", "group:hr"}))
    asked = Not(AnyOf("department", frozenset({"HR"})))
    assert visible_to(reader) == mine
    assert for_reader(reader, None) == mine
    assert for_reader(reader, asked) == All((mine, asked))


@pytest.mark.parametrize(
    ("option", "key"),
    [("since", '"modified": {"from": DATE}'), ("until", '"to"'), ("type", '"document_type"')],
)
def test_words_of_the_command_line_are_translated(option: str, key: str) -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse_filters({option: "2026-01-01"})
    assert key in refused.value.message


def test_a_long_unknown_key_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse_filters({"x" * 10_000: ["a"]})
    assert len(refused.value.message) < 300
