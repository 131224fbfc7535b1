"""The filter tree in OpenSearch's query language."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.filters import All, AnyOf, Between, Filter, Not
from retrieval.index.opensearch.filters import Query, inside_knn, sendable, to_query

ACL = AnyOf("acl", frozenset({"user:bob", "public", "group:hr"}))
ACL_QUERY = {"terms": {"acl": ["group:hr", "public", "user:bob"]}}
MAY = datetime(2024, 5, 1, tzinfo=UTC)
JUNE = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("filter", "query"),
    [
        (ACL, ACL_QUERY),
        (AnyOf("tags", frozenset()), {"match_none": {}}),
        (AnyOf("tags", frozenset({"\ud800"})), {"match_none": {}}),
        (Between("created", MAY, JUNE), {"range": {"created": {"gte": MAY.isoformat(), "lt": JUNE.isoformat()}}}),
        (Between("created", start=MAY), {"range": {"created": {"gte": MAY.isoformat()}}}),
        (Between("modified", end=JUNE), {"range": {"modified": {"lt": JUNE.isoformat()}}}),
        (Between("modified"), {"exists": {"field": "modified"}}),
        (All(()), {"match_all": {}}),
        (All((ACL,)), ACL_QUERY),
        (All((ACL, Between("created"))), {"bool": {"filter": [ACL_QUERY, {"exists": {"field": "created"}}]}}),
        (Not(ACL), {"bool": {"must_not": [ACL_QUERY]}}),
    ],
)
def test_each_kind_of_filter(filter: Filter, query: Query) -> None:
    assert to_query(filter) == query


@pytest.mark.parametrize("filter", [ACL, All((ACL, Not(ACL))), All((Between("created"), All((ACL,))))])
def test_a_filter_with_required_terms_goes_into_knn_as_it_is(filter: Filter) -> None:
    assert inside_knn(filter) == to_query(filter)


@pytest.mark.parametrize("filter", [All(()), Not(ACL), Between("created"), All((Not(ACL), Between("created")))])
def test_any_other_filter_is_tied_to_chunks_inside_knn(filter: Filter) -> None:
    guard = {"range": {"ordinal": {"gte": 0}}}
    assert inside_knn(filter) == {"bool": {"filter": [guard, to_query(filter)]}}


def test_what_is_not_text_is_not_sent() -> None:
    assert sendable(["a", "é", "\ud800", "x\udfff", ""]) == ["a", "é", ""]
