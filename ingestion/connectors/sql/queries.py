"""Statements: one SELECT, narrowed to a range of keys, in the order of keys."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.types import NullType

ROWS = "footnote_rows"
CHANGED = "footnote_changed"
Compare = Callable[[ColumnElement[Any], Any], ColumnElement[bool]]
Range = Callable[[Sequence[Any] | None, int, Any], Select[Any]]
"""Makes a statement of a key, of how many rows at most, and of ``since``: whole rows if that is None; else their keys,
and whether each row is as new as that: 1 or 0, in the column :data:`CHANGED`."""
_MOST_LIKE_ONE = 50
_COMMENT = re.compile(r"\s+|--[^\n]*(?:\n|$)|/\*.*?\*/", re.DOTALL)
_BEGINS = re.compile(r"(?:select|with)\b", re.IGNORECASE)


def faults_of(query: str) -> str | None:
    """Why a text can't be the query of a source; None if it can.

    It goes into brackets, into a transaction that only reads: what this tells is the clear cases, in plain words.
    """
    rest = query
    while gap := _COMMENT.match(rest):
        rest = rest[gap.end() :]
    if not _BEGINS.match(rest):
        return "it must be one SELECT: a source only reads"
    if ";" in query.rstrip().removesuffix(";"):
        return "it must be one statement, without ';'; where a text in it needs one, make a view, and name that"
    return None


class Statements:
    """The statements over a table's, or a query's, rows.

    Args:
        query, name: one of both.
        key: its key columns.
        modified: the column that grows with each change.
    """

    def __init__(self, *, query: str | None, name: str | None, key: Sequence[str], modified: str | None) -> None:
        self._rows = _rows_of(query, name)
        self._key: list[ColumnElement[Any]] = [column(one) for one in key]
        self._modified: ColumnElement[Any] | None = None if modified is None else column(modified)
        self._has_key = and_(*(one.is_not(None) for one in self._key))

    def columns(self) -> Select[Any]:
        """No row: what its result is called is the columns."""
        return select(text("*")).select_from(self._rows).where(literal_column("1") == literal_column("0"))

    def any_key(self) -> Select[Any]:
        """The key of some row."""
        return select(*self._key).select_from(self._rows).where(self._has_key).limit(1)

    def without_key(self) -> Select[Any]:
        """How many rows have NULL in their key."""
        missing = or_(*(one.is_(None) for one in self._key))
        return select(func.count()).select_from(self._rows).where(missing)

    def newest(self, *, reached: bool) -> Select[Any]:
        """The greatest ``modified`` there is; ``reached``: that the database's own clock has reached."""
        assert self._modified is not None
        statement = select(func.max(self._modified)).select_from(self._rows)
        return statement.where(self._modified <= func.current_timestamp()) if reached else statement

    def one(self, key: Sequence[Any]) -> Select[Any]:
        """The row with this key, and those that the database finds to have the same: ``a`` and ``A``, it may be."""
        return self._all().where(*_equal(self._key, key)).limit(_MOST_LIKE_ONE)

    def page(self, after: Sequence[Any] | None, limit: int, since: Any) -> Select[Any]:
        """Rows behind a key, in the order of keys; see :data:`Range`."""
        start = [] if after is None else [self._compared(after, operator.gt, operator.ge, with_it=False)]
        return self._range(since).where(self._has_key, *start).order_by(*self._key).limit(limit)

    def equal(self, key: Sequence[Any] | None, limit: int, since: Any) -> Select[Any]:
        """Rows whose key the database finds equal to one; see :data:`Range`."""
        assert key is not None
        return self._range(since).where(*_equal(self._key, key)).limit(limit)

    def changed(self, first: Sequence[Any], last: Sequence[Any], since: Any) -> Select[Any]:
        """Whole rows between two keys, both of them included, that are as new as ``since``."""
        start = self._compared(first, operator.gt, operator.ge, with_it=True)
        end = self._compared(last, operator.lt, operator.le, with_it=True)
        return self._all().where(start, end, self._is_new(since))

    def _all(self) -> Select[Any]:
        return select(text("*")).select_from(self._rows)

    def _range(self, since: Any) -> Select[Any]:
        if since is None:
            return self._all()
        changed = case((self._is_new(since), 1), else_=0).label(CHANGED)
        return select(*self._key, changed).select_from(self._rows)

    def _is_new(self, since: Any) -> ColumnElement[bool]:
        assert self._modified is not None
        return or_(self._modified >= _value(since), self._modified.is_(None))

    def _compared(
        self, key: Sequence[Any], compare: Compare, or_equal: Compare, *, with_it: bool
    ) -> ColumnElement[bool]:
        """Keys on one side of a key. Not as a comparison of rows: some dialects lack it, or use no index for it."""
        values = [_value(value) for value in key]
        if len(values) == 1:
            return (or_equal if with_it else compare)(self._key[0], values[0])
        ways = [and_(*_equal(self._key[:n], key), compare(one, values[n])) for n, one in enumerate(self._key)]
        if with_it:
            ways.append(and_(*_equal(self._key, key)))
        return and_(or_equal(self._key[0], values[0]), or_(*ways))


def _equal(columns: Sequence[ColumnElement[Any]], key: Sequence[Any]) -> list[ColumnElement[bool]]:
    return [one == _value(value) for one, value in zip(columns, key, strict=False)]


def _value(value: Any) -> Any:
    """A value as the driver has it: a type of SQLAlchemy's own would be cast to, and may not be the column's."""
    return bindparam(None, value, type_=NullType(), unique=True)


def _rows_of(query: str | None, name: str | None) -> FromClause:
    if query is None:
        assert name is not None
        schema, _, plain = name.rpartition(".")
        return table(plain, schema=schema or None)
    # A colon would be read as a parameter's. The line's end closes a comment before the bracket that follows.
    escaped = query.rstrip().removesuffix(";").replace("\\:", "\\\\:").replace(":", "\\:") + "\n"
    return text(escaped).columns().subquery(ROWS)
