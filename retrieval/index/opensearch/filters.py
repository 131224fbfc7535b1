"""Our filter tree in OpenSearch's query language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.filters import All, AnyCase, AnyOf, Between, Filter, Not

Query = dict[str, Any]

_LONGEST_PATTERN = 1000
"""OpenSearch's default limit (index.max_regex_length)."""
_EVERY_CHUNK: Query = {"range": {"ordinal": {"gte": 0}}}


def to_query(filter: Filter) -> Query:
    """The query that matches what the filter passes; meant for filter context, where nothing is scored."""
    match filter:
        case AnyOf(field, values):
            # Sorted, so that equal filters are equal requests and hit the node's caches.
            terms = sorted(sendable(values))
            return {"terms": {field: terms}} if terms else {"match_none": {}}
        case AnyCase(field, values):
            patterns = [_in_any_case(field, value) for value in sorted(sendable(values))]
            return {"bool": {"should": patterns}} if patterns else {"match_none": {}}
        case Between(field, start, end):
            bounds = {"gte": start.isoformat() if start else None, "lt": end.isoformat() if end else None}
            closed = {side: moment for side, moment in bounds.items() if moment}
            return {"range": {field: closed}} if closed else {"exists": {"field": field}}
        case All(clauses):
            if not clauses:
                return {"match_all": {}}
            return to_query(clauses[0]) if len(clauses) == 1 else {"bool": {"filter": [to_query(c) for c in clauses]}}
        case Not(clause):
            return {"bool": {"must_not": [to_query(clause)]}}


def inside_knn(filter: Filter) -> Query:
    """The same for a k-NN clause over nested windows.

    There, k-NN lifts a filter from chunks to their windows only when it is certain that the filter can't match a
    window by itself. Otherwise (a lone negation, a date range that covers a whole shard) it applies the filter to the
    windows as documents, and silently finds the wrong ones. A required clause on a field that only chunks have makes
    it certain: terms do (patterns don't), and where there are none a range that every chunk is in is added.
    """
    query = to_query(filter)
    return query if _has_terms(filter) else {"bool": {"filter": [_EVERY_CHUNK, query]}}


def sendable(values: Iterable[str]) -> list[str]:
    """The values that are text: one with a lone surrogate can't be sent, and can't be in the index either."""
    return [value for value in values if value.isascii() or _is_text(value)]


def _in_any_case(field: str, value: str) -> Query:
    """A pattern, because OpenSearch's own ``case_insensitive`` knows no letters but those of English."""
    pattern = "".join(map(_letter, value))
    if len(pattern) > _LONGEST_PATTERN:
        return {"term": {field: {"value": value, "case_insensitive": True}}}
    return {"regexp": {field: {"value": pattern, "flags": "NONE"}}}


def _letter(letter: str) -> str:
    cases = sorted({case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1})
    if len(cases) > 1:
        return f"[{''.join(cases)}]"
    return letter if letter.isalnum() or not letter.isascii() else f"\\{letter}"


def _has_terms(filter: Filter) -> bool:
    return isinstance(filter, AnyOf) or (isinstance(filter, All) and any(_has_terms(c) for c in filter.clauses))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
