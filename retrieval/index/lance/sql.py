"""The typed filter tree as the SQL predicate that LanceDB pushes inside both legs.

Two-valued on purpose: SQL's NULL would make ``NOT`` drop a document that lacks the field, so each test of a field
that may be missing asks for its presence first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from core.filters import All, AnyCase, AnyOf, Between, Filter, Not
from core.metadata import FactKind, facts_of

_LISTS = frozenset({"acl", *facts_of(FactKind.TERMS)})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
NOTHING = "false"
EVERYTHING = "true"


def predicate(filter: Filter) -> str:
    """The filter as SQL over the columns of :data:`retrieval.index.lance.rows.schema`."""
    match filter:
        case AnyOf(field, values):
            return _any_of(field, values)
        case AnyCase(field, values):
            return f"({field} IS NOT NULL AND {one_of(f'lower({field})', {value.lower() for value in values})})"
        case Between(field, start, end):
            tests = [f"{field} IS NOT NULL"]
            if start is not None:
                tests.append(f"{field} >= {moment(start)}")
            if end is not None:
                tests.append(f"{field} < {moment(end)}")
            return f"({' AND '.join(tests)})"
        case All(clauses):
            return f"({' AND '.join(predicate(clause) for clause in clauses)})" if clauses else EVERYTHING
        case Not(clause):
            return f"(NOT {predicate(clause)})"


def one_of(column: str, values: Iterable[str]) -> str:
    """``column IN (values)``; ``false`` without values."""
    listed = _literals(values)
    return f"{column} IN ({listed})" if listed else NOTHING


def literal(text: str) -> str:
    """The text as an SQL string: in LanceDB's dialect the quote is the only character with a meaning."""
    return "'" + text.replace("'", "''") + "'"


def moment(when: datetime) -> str:
    """A time as SQL, exact to the microsecond and for every year that Python has; a naive one is UTC.

    A subtraction, because converting to UTC overflows at the first and last day of the calendar.
    """
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return f"to_timestamp_micros({(aware - _EPOCH) // _MICROSECOND})"


def _any_of(field: str, values: Iterable[str]) -> str:
    if field not in _LISTS:
        return f"({field} IS NOT NULL AND {one_of(field, values)})"
    listed = _literals(values)
    return f"array_has_any({field}, [{listed}])" if listed else NOTHING


def _literals(values: Iterable[str]) -> str:
    """Sorted, so that one filter is always the same text. What isn't Unicode was never stored, so it can't match."""
    return ", ".join(literal(value) for value in sorted(values) if _is_unicode(value))


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
