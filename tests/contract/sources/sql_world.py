"""A table of a real database, changed as applications change it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, make_url, text

from ingestion.connectors.sql.values import to_id
from tests.contract.sources.world import Truth

_UNFINISHED = '["user:'


class SqlWorld:
    """Documents are rows; who may read one stands in a column of its own.

    Args:
        place: a folder, for an SQLite file in it; or the URL of a server, on which a database is made.
        grows: whether there is a column that grows with each change; else rows are compared by their content.
    """

    kind = "sql"
    can = frozenset({"share", "move", "withhold"})

    def __init__(self, place: Path | str, *, grows: bool = True) -> None:
        self._grows = grows
        self._server: URL | None = None
        if isinstance(place, Path):
            self._url = make_url(f"sqlite:///{place}/world.sqlite3")
        else:
            self._server = make_url(place)
            self._url = self._server.set(database=f"world_{uuid.uuid4().hex}")
            self._on_server(f"CREATE DATABASE {self._url.database}")
        self._engine = create_engine(self._url)
        exact = " COLLATE utf8mb4_bin" if self._url.get_backend_name() in ("mysql", "mariadb") else ""
        self._run(
            f"CREATE TABLE documents (name VARCHAR(200){exact} PRIMARY KEY, body TEXT, readers TEXT, kept TEXT, "
            "at BIGINT)"
        )

    def config(self) -> Mapping[str, Any]:
        return {
            "url": self._url.render_as_string(hide_password=False),
            "table": "documents",
            "key": "name",
            "template": "{{ body }}",
            "acl": "readers",
            "default_acl": ["public"],
            "page_rows": 3,
            "allow_private": True,
            **({"modified": "at", "overlap": 0} if self._grows else {}),
        }

    def put(self, key: str, text: str) -> None:
        if not self._run(f"UPDATE documents SET body = :body, at = {_NEXT} WHERE name = :name", name=key, body=text):
            self._run(f"INSERT INTO documents (name, body, at) SELECT :name, :body, {_NEXT}", name=key, body=text)

    def share(self, key: str, readers: frozenset[str]) -> None:
        terms = json.dumps([reader if ":" in reader else f"user:{reader}" for reader in sorted(readers)])
        hidden = f"CASE WHEN readers = '{_UNFINISHED}' THEN readers ELSE :terms END"
        self._run(
            f"UPDATE documents SET readers = {hidden}, kept = :terms, at = {_NEXT} WHERE name = :name",
            name=key,
            terms=terms,
        )

    def move(self, key: str, to: str) -> None:
        self._run(f"UPDATE documents SET name = :to, at = {_NEXT} WHERE name = :name", name=key, to=to)

    def delete(self, key: str) -> None:
        self._run("DELETE FROM documents WHERE name = :name", name=key)

    def withhold(self, key: str, withheld: bool) -> None:
        readers = f"'{_UNFINISHED}'" if withheld else "kept"
        self._run(f"UPDATE documents SET readers = {readers}, at = {_NEXT} WHERE name = :name", name=key)

    def members(self, group: str, users: frozenset[str]) -> None:
        raise NotImplementedError("A table has no groups of its own.")

    def truth(self, source_id: str) -> Mapping[str, Truth]:
        with self._engine.connect() as connection:
            rows = connection.execute(text("SELECT name, body, readers FROM documents")).all()
        return {to_id((row.name,)): Truth(row.body, _terms(row.readers)) for row in rows}

    def close(self) -> None:
        self._engine.dispose()
        if self._server is not None:
            self._on_server(f"DROP DATABASE {self._url.database}")

    def _run(self, statement: str, **values: str) -> int:
        with self._engine.begin() as connection:
            return int(connection.execute(text(statement.replace('["user:', '["user\\:')), values).rowcount)

    def _on_server(self, statement: str) -> None:
        assert self._server is not None
        server = create_engine(self._server, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(statement))
        server.dispose()


_NEXT = "(SELECT next FROM (SELECT COALESCE(MAX(at), 0) + 1 AS next FROM documents) AS numbers)"


def _terms(readers: str | None) -> frozenset[str] | None:
    if readers == _UNFINISHED:
        return None
    return frozenset({"public"} if readers is None else json.loads(readers))
