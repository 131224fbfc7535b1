"""The database connector: each row of a table, or of a query, is a document."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Set
from typing import Any, ClassVar
from urllib.parse import quote

from sqlalchemy import Connection, Select

from core.errors import DocumentTooLarge, NotFound, SourceRefuses, UnreadableDocument
from ingestion.connectors.port import Change, ConnectorContext, Cursor, Known, Page, Present, Sink, Unreadable, Upsert
from ingestion.connectors.sql.config import SqlConfig
from ingestion.connectors.sql.database import SourceDatabase
from ingestion.connectors.sql.position import Position
from ingestion.connectors.sql.queries import CHANGED, Range, Statements
from ingestion.connectors.sql.rendering import Renderer, Row, RowFault
from ingestion.connectors.sql.values import Key, before, from_id, is_time, plain, to_id

NO_KEY = "rows without a key"
"""The id under which they are reported."""
_MOST_EQUAL = 1000
"""Rows with one key that are looked at: whoever has more is told of those."""
_MEDIA_TYPES = {"markdown": "text/markdown", "html": "text/html"}


class SqlConnector:
    """Lists and renders a database's rows, in the order of their keys.

    Every listing goes through all keys, so that what it doesn't name is gone. With a column of ``modified``, it reads
    the rest of only those rows that are new enough; without one it reads all, and compares them by their content. Each
    page is a transaction of its own that only reads, and starts behind the last key of the page before.

    Args:
        config: which rows, and what to make of them.
        context: what Footnote gives.
    """

    config_model: ClassVar[type[SqlConfig]] = SqlConfig

    def __init__(self, config: SqlConfig, context: ConnectorContext) -> None:
        self._config = config
        self._most_bytes = context.max_file_bytes
        self._database = SourceDatabase(
            config.url.get_secret_value(),
            protected=context.protected,
            allow_private=config.allow_private,
            timeout_s=config.timeout_s,
        )
        self._statements = Statements(query=config.query, name=config.table, key=config.key, modified=config.modified)
        self._renderer = Renderer(config, context.readers(config))
        self._example: Key | None = None

    @classmethod
    def open(cls, config: SqlConfig, context: ConnectorContext) -> SqlConnector:
        """See :meth:`ingestion.connectors.port.Connector.open`."""
        return cls(config, context)

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:  # noqa: ARG002 - revisions are compared
        """Every row there is; see :meth:`ingestion.connectors.port.Connector.changes`."""
        position = Position.read(cursor)
        first: list[Change] = []
        with self._database.reading() as connection:
            self._check(connection)
            if position.after is None:
                first = self._without_key(connection)
                position = self._begin(connection, position.since)
        more = True
        while more:
            with self._database.reading() as connection:
                changes, position, more = self._page(connection, position)
            bookmark = position if more else position.next_listing()
            yield Page(changes=[*first, *changes], cursor=bookmark.written(), complete=not more)
            first = []

    def fetch(self, external_id: str, into: Sink) -> str | None:
        """Render one row; see :meth:`ingestion.connectors.port.Connector.fetch`.

        Raises:
            UnreadableDocument: the template fails on it, or it isn't the only one with its key.
        """
        with self._database.reading() as connection:
            key = None if (like := self._key_example(connection)) is None else from_id(external_id, like)
            # A database may find keys equal that aren't, as ``a`` and ``A``.
            rows = [] if key is None else self._rows_of(connection, self._statements.one(key), external_id)
        if not rows:
            raise NotFound(f"{self._database.name} has no row {external_id} any more.")
        if len(rows) > 1:
            raise UnreadableDocument(self._crowded(external_id))
        size = 0
        try:
            for piece in self._renderer.pieces(rows[0]):
                size += len(piece)
                if size > self._most_bytes:
                    limit = f"{self._most_bytes / 1_000_000:g} MB (parsing.max_file_mb)"
                    raise DocumentTooLarge(f"{external_id} is larger than {limit}: shorten it in the template.")
                into.write(piece)
        except RowFault as fault:
            raise UnreadableDocument(f"{external_id}: {fault}") from None
        return _MEDIA_TYPES[self._config.format]

    def close(self) -> None:
        """Close connections."""
        self._database.close()

    def _check(self, connection: Connection) -> None:
        with connection.execute(self._statements.columns()) as result:
            names = Counter(result.keys())
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            raise SourceRefuses(f"{self._database.name}: the query has two columns {twice!r}: rename one with AS.")
        self._renderer.check(list(names), self._database.name)

    def _without_key(self, connection: Connection) -> list[Change]:
        count = connection.execute(self._statements.without_key()).scalar_one()
        if not count:
            return []
        rows = "1 row has" if count == 1 else f"{count} rows have"
        reason = f"{rows} NULL in the key ({', '.join(self._config.key)}), and can't be told apart: fill it."
        return [Unreadable(NO_KEY, self._database.base, reason)]

    def _begin(self, connection: Connection, last: Any) -> Position:
        """Where a listing starts, by the source's own values alone: whose clock is right doesn't matter.

        A time that the database's clock hasn't reached is no start for the next listing: what is changed until then
        would be missed. Such rows are read each time.
        """
        if self._config.modified is None:
            return Position()
        newest = connection.execute(self._statements.newest(reached=False)).scalar()
        if newest is not None:
            before(newest, self._config.overlap)
            if is_time(newest):
                newest = connection.execute(self._statements.newest(reached=True)).scalar()
        return Position(
            since=None if last is None else before(last, self._config.overlap), until=last if newest is None else newest
        )

    def _page(self, connection: Connection, position: Position) -> tuple[list[Change], Position, bool]:
        """The next rows; where those after them start, and whether there may be any."""
        statements, limit = self._statements, self._config.page_rows
        found = self._listed(connection, statements.page, position, position.after, limit)
        if not found:
            return [], position, False
        first, last, more = found[0][0], found[-1][0], len(found) == limit
        if more:
            # The next page starts behind what the database finds equal to the last key: all of that belongs here.
            same = self._listed(connection, statements.equal, position, last, _MOST_EQUAL)
            keys = {key for key, _ in same}
            found = [pair for pair in found if pair[0] not in keys] + same
        counted = Counter(key for key, _ in found)
        changes = {key: change for key, change in found if change is not None}
        if len(changes) < len(counted):
            wanted = counted.keys() - changes.keys()
            changes |= self._changed(connection, wanted, statements.changed(first, last, position.since))
        changes |= {key: self._crowd(to_id(key)) for key, count in counted.items() if count > 1}
        return list(changes.values()), position.behind(last), more

    def _listed(
        self, connection: Connection, rows: Range, position: Position, key: Key | None, limit: int
    ) -> list[tuple[Key, Change | None]]:
        """Some rows by key: what to say of each; None: it has to be read for that."""
        with connection.execute(rows(key, limit, position.since)) as found:
            if position.since is None:
                return [self._change(row) for row in found.mappings()]
            keys = [(self._key_of(row), row[CHANGED]) for row in found.mappings()]
        return [(key, None if changed else Present(to_id(key))) for key, changed in keys]

    def _changed(self, connection: Connection, wanted: Set[Key], statement: Select[Any]) -> dict[Key, Change]:
        with connection.execute(statement) as rows:
            read = dict(self._change(row) for row in rows.mappings())
        # What isn't there any more is not said to be gone: the next listing sees that it is.
        return {key: read.get(key) or Present(to_id(key)) for key in wanted}

    def _change(self, row: Row) -> tuple[Key, Change]:
        key = self._key_of(row)
        external_id = to_id(key)
        try:
            return key, self._upsert(external_id, row)
        except RowFault as fault:
            return key, Unreadable(external_id, self._address(external_id), str(fault))

    def _upsert(self, external_id: str, row: Row) -> Upsert:
        renderer = self._renderer
        acl, metadata = renderer.readers(row), renderer.metadata(row)
        content_revision, size = renderer.digest(row)
        uri = renderer.uri(row) or self._address(external_id)
        described = json.dumps([content_revision, self._config.format, uri, list(acl.terms()), metadata.to_json()])
        return Upsert(
            external_id=external_id,
            uri=uri,
            revision=hashlib.sha256(described.encode()).hexdigest(),
            content_revision=content_revision,
            size=size,
            acl=acl,
            metadata=metadata,
        )

    def _crowd(self, external_id: str) -> Unreadable:
        return Unreadable(external_id, self._address(external_id), self._crowded(external_id))

    def _crowded(self, external_id: str) -> str:
        return (
            f"Several rows have the key {external_id} ({', '.join(self._config.key)}): name columns that no two rows "
            "share, or have the query give one row of them."
        )

    def _address(self, external_id: str) -> str:
        return f"{self._database.base}/{quote(self._config.table or 'query')}/{quote(external_id)}"

    def _key_of(self, row: Row) -> Key:
        return tuple(plain(row[name]) for name in self._config.key)

    def _key_example(self, connection: Connection) -> Key | None:
        """Some row's key: what types its values have."""
        if self._example is None:
            row = connection.execute(self._statements.any_key()).mappings().first()
            self._example = None if row is None else self._key_of(row)
        return self._example

    def _rows_of(self, connection: Connection, statement: Select[Any], external_id: str) -> list[Row]:
        with connection.execute(statement) as rows:
            return [row for row in rows.mappings() if to_id(self._key_of(row)) == external_id]
