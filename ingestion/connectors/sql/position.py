"""Where a listing of rows stands: what its cursor holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from ingestion.connectors.port import Cursor
from ingestion.connectors.sql.values import Key, from_json, to_json


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order of keys.

    Attributes:
        after: the last key that was listed; None: the listing has yet to begin.
        since: from which value of ``modified`` on rows are read; None: all are.
        until: the greatest value of it when the listing began: where the next one starts.
    """

    after: Key | None = None
    since: Any = None
    until: Any = None

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """The inverse of :meth:`written`."""
        after = cursor.get("after")
        return cls(
            None if after is None else tuple(from_json(value) for value in after),
            from_json(cursor.get("since")),
            from_json(cursor.get("until")),
        )

    def written(self) -> Cursor:
        """As a cursor."""
        after = None if self.after is None else [to_json(value) for value in self.after]
        found = {"after": after, "since": to_json(self.since), "until": to_json(self.until)}
        return {name: value for name, value in found.items() if value}

    def behind(self, key: Key) -> Self:
        """The same listing, once it is through with a key."""
        return replace(self, after=key)

    def next_listing(self) -> Self:
        """Where the listing after this one starts."""
        return type(self)(since=self.until)
