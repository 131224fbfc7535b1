"""Our filter tree in OpenSearch's query language."""

from __future__ import annotations

from typing import Any

from core.filters import All, AnyOf, Between, Filter, Not

Query = dict[str, Any]


def to_query(filter: Filter) -> Query:
    """The query that matches what the filter passes; meant for filter context, where nothing is scored."""
    match filter:
        case AnyOf(field, values):
            # Sorted, so that equal filters are equal requests and hit the node's caches.
            return {"terms": {field: sorted(values)}} if values else {"match_none": {}}
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
