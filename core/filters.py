"""Filters as one typed tree, which each index adapter turns into its own language."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from core.document_types import type_named
from core.errors import InvalidFilter
from core.metadata import FACTS, FactKind, facts_of
from core.principal import Principal

TermField = str
"""``acl``, ``source_id``, ``document_id``, or a fact of the kinds TERM and TERMS."""
DateField = str
"""A fact of the kind MOMENT."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field holds (or, for a list, contains) at least one of the values. No values match nothing."""

    field: TermField
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class AnyCase:
    """As :class:`AnyOf`, upper and lower case being alike: what people write. Only for a fact of the kind TERM."""

    field: TermField
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Between:
    """``start <= field < end``; an open side is None. A document without the date never matches."""

    field: DateField
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class All:
    """Every clause matches. No clauses match everything."""

    clauses: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The clause doesn't match."""

    clause: Filter


Filter = AnyOf | AnyCase | Between | All | Not

REQUEST_TERMS: dict[str, TermField] = {
    **{name: name for name in facts_of(FactKind.TERM, FactKind.TERMS)},
    "source": "source_id",
    "document": "document_id",
}
REQUEST_DATES = facts_of(FactKind.MOMENT)
"""What a request may filter by: its key, and the field; a date's key is its field."""
_COMMAND_LINE = {
    "since": '"modified": {"from": DATE}',
    "until": '"modified": {"to": DATE}',
    "type": '"document_type"',
}
"""Words of the command line's options, and what they are in a request."""
_MOST_VALUES = 100
"""Values of one key in a request: each is a pattern that the index has to look for."""
_REQUEST_KEYS = (*REQUEST_TERMS, *REQUEST_DATES)


def visible_to(principal: Principal) -> Filter:
    """The filter that keeps what the principal may read; it goes inside every leg of every search."""
    readable = AnyOf("acl", principal.terms)
    return readable if principal.sources is None else All((readable, AnyOf("source_id", principal.sources)))


def for_reader(principal: Principal, requested: Filter | None) -> Filter:
    """The reader's permissions and what they asked for, as one filter."""
    return visible_to(principal) if requested is None else All((visible_to(principal), requested))


def clauses_of(filter: Filter) -> Iterator[Filter]:
    """The clauses that all have to match, one by one, however they are nested."""
    if isinstance(filter, All):
        for clause in filter.clauses:
            yield from clauses_of(clause)
    else:
        yield filter


def parse_filters(request: Mapping[str, Any] | None) -> Filter | None:
    """Read the wire form: ``{"department": ["HR"], "created": {"from": "2024-01-01", "to": "2024-12-31"}}``.

    Values of one key are alternatives; keys narrow each other. Labels match in upper and lower case alike, and a
    document's type by its name or by an ending of its files. ``to`` with a date includes that day.

    Raises:
        InvalidFilter: an unknown key (the nearest right one is named) or a value of the wrong shape.
    """
    clauses: list[Filter] = []
    for key, value in (request or {}).items():
        if key in REQUEST_TERMS:
            clauses.append(_labelled(key, _strings(key, value)))
        elif key in REQUEST_DATES:
            clauses.append(_between(key, value))
        else:
            raise InvalidFilter(f"Unknown filter {key[:60]!r}.{_hint(key)} Filters are: {', '.join(_REQUEST_KEYS)}.")
    return All(tuple(clauses)) if clauses else None


def misplaced(key: str) -> str | None:
    """Where a filter belongs that stands beside a request's ``filters``; None if it is none, by either name."""
    if key in _COMMAND_LINE:
        return f'"filters": {{{_COMMAND_LINE[key]}}}'
    return f'"filters": {{"{key}": ...}}' if key in _REQUEST_KEYS else None


def _hint(key: str) -> str:
    if key in _COMMAND_LINE:
        return f" It is an option of the command line; here it is {_COMMAND_LINE[key]}."
    near = difflib.get_close_matches(key, _REQUEST_KEYS, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def _labelled(key: str, values: frozenset[str]) -> AnyOf | AnyCase:
    if key == "document_type":
        values = frozenset(map(type_named, values))
    if FACTS.get(key) is FactKind.TERM:
        return AnyCase(key, values)
    return AnyOf(REQUEST_TERMS[key], values)


def _strings(key: str, value: object) -> frozenset[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(v, str) and v for v in values):
        raise InvalidFilter(f'Filter {key!r} takes a list of one or more strings, for example ["HR"].')
    if len(values) > _MOST_VALUES:
        raise InvalidFilter(f"Filter {key!r} has {len(values)} values; {_MOST_VALUES} are the most.")
    return frozenset(v.casefold() for v in values) if key == "tags" else frozenset(values)


def _between(key: DateField, value: object) -> Between:
    shape = f'Filter {key!r} takes {{"from": DATE, "to": DATE}}, either or both, as YYYY-MM-DD or ISO 8601.'
    if not isinstance(value, Mapping) or not value or set(value) - {"from", "to"}:
        raise InvalidFilter(shape)
    try:
        start = _moment(value["from"], end_of_day=False) if value.get("from") is not None else None
        end = _moment(value["to"], end_of_day=True) if value.get("to") is not None else None
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidFilter(f"{shape} ({error})") from error
    if start is not None and end is not None and start >= end:
        raise InvalidFilter(f"Filter {key!r}: 'from' is after 'to', so nothing could match.")
    return Between(key, start, end)


def _moment(text: object, *, end_of_day: bool) -> datetime:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is not a date")
    if len(text) == len("2024-01-01"):
        day = date.fromisoformat(text) + timedelta(days=1 if end_of_day else 0)
        return datetime.combine(day, time(), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
