"""Rows of real databases as documents: SQLite, PostgreSQL, MariaDB."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from core.clock import SystemClock
from core.errors import FootnoteError, SourceRefuses, SourceUnavailable
from core.principal import AccessList
from ingestion.connectors.port import Change, ConnectorContext, Cursor, Page, Present, Unreadable, Upsert
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.sql.config import SqlConfig
from ingestion.connectors.sql.connector import NO_KEY, SqlConnector
from tests.scale import sized

ROWS = sized(100_000, 5_000)
NAME = "sql_sources"
Open = Callable[..., SqlConnector]


class Nothing:
    """Knows of no document."""

    def notes(self, external_ids: object) -> Mapping[str, Any]:
        return {}

    def below(self, prefix: str) -> Any:
        return iter(())


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database of our own."""
    if request.param == "sqlite":
        yield create_engine(f"sqlite:///{tmp_path_factory.mktemp('sql')}/rows.sqlite3")
        return
    url = request.getfixturevalue(f"{request.param}_url")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {NAME}"))
    made = create_engine(make_url(url).set(database=NAME))
    yield made
    made.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {NAME}"))
    server.dispose()


@pytest.fixture
def opened(engine: Engine) -> Iterator[Open]:
    """Opens a source of this database."""
    connectors: list[SqlConnector] = []

    def opened(**config: Any) -> SqlConnector:
        url = engine.url.render_as_string(hide_password=False)
        values = {"url": url, "key": "id", "template": "# {{ title }}", "allow_private": True, **config}
        context = ConnectorContext(
            source_id="s1",
            max_file_bytes=1_000_000,
            default_acl=AccessList.everyone(),
            clock=SystemClock(),
            protected=ProtectedPaths(),
        )
        connectors.append(SqlConnector.open(SqlConfig.model_validate(values), context))
        return connectors[-1]

    yield opened
    for connector in connectors:
        connector.close()


@pytest.fixture(scope="module")
def many(engine: Engine) -> str:
    """A table of many rows, with an index on ``at``."""
    texts = {"mysql": "VARCHAR(200)", "mariadb": "VARCHAR(200)"}.get(engine.dialect.name, "TEXT")
    with engine.begin() as connection:
        connection.execute(
            text(f"CREATE TABLE many (id BIGINT PRIMARY KEY, title {texts}, body TEXT, readers {texts}, at TIMESTAMP)")
        )
        connection.execute(text("CREATE INDEX many_at ON many (at)"))
        insert = text("INSERT INTO many VALUES (:n, :title, :body, :readers, :at)")
        for start in range(0, ROWS, 5_000):
            rows = [
                {
                    "n": n,
                    "title": f"Ticket {n}",
                    "body": "The pump leaks at the seal. " * 20,
                    "readers": f"user:u{n % 100}@example.com",
                    "at": f"2026-01-{1 + n % 28:02} 10:00:00",
                }
                for n in range(start, start + 5_000)
            ]
            connection.execute(insert, rows)
    return "many"


def pages(connector: SqlConnector, cursor: Cursor | None = None) -> list[Page]:
    return list(connector.changes(cursor or {}, Nothing()))


def changes(connector: SqlConnector, cursor: Cursor | None = None) -> dict[str, Change]:
    return {change.external_id: change for page in pages(connector, cursor) for change in page.changes}


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def fetched(connector: SqlConnector, external_id: str) -> str:
    written = bytearray()
    connector.fetch(external_id, type("Sink", (), {"write": staticmethod(written.extend)}))
    return written.decode()


def test_many_rows_and_few_that_changed(engine: Engine, many: str, opened: Open) -> None:
    config = {"table": many, "template": "# {{ title }}\n\n{{ body }}", "acl": "readers", "page_rows": 1000}
    grown = opened(**config, modified="at")
    began = time.perf_counter()
    found = pages(grown)
    first_s = time.perf_counter() - began
    assert sum(len(page.changes) for page in found) == ROWS
    assert all(isinstance(change, Upsert) for page in found for change in page.changes)
    run(
        engine,
        "UPDATE many SET title = 'Valve', at = '2026-02-01 10:00:00' WHERE id = 4000",
        "DELETE FROM many WHERE id = 3",
    )
    tracemalloc.start()
    began = time.perf_counter()
    kinds: dict[type, int] = {}
    for page in grown.changes(found[-1].cursor, Nothing()):
        for change in page.changes:
            kinds[type(change)] = kinds.get(type(change), 0) + 1
    again_s = time.perf_counter() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    newest = len(range(27, ROWS, 28))  # those of the greatest time seen come again, within the overlap
    assert kinds == {Upsert: newest + 1, Present: ROWS - newest - 2}
    assert fetched(grown, "4000").startswith("# Valve\n")
    print(
        f"\n{engine.dialect.name}: {ROWS} rows rendered and listed in {first_s:.1f} s; "
        f"again, with 'modified', in {again_s:.1f} s under tracemalloc, at most {peak / 1e6:.1f} MB"
    )
    assert peak < 20e6
    run(
        engine,
        "INSERT INTO many (id, title, body, readers, at) VALUES (3, 'Ticket 3', 'x', 'public', '2026-01-01 10:00:00')",
    )


def test_unchanged_rows_are_listed_quickly(engine: Engine, many: str, opened: Open) -> None:
    connector = opened(table=many, modified="at", overlap=0, page_rows=1000)
    cursor = {"since": next(iter(connector.changes({}, Nothing()))).cursor["until"]}
    began = time.perf_counter()
    count = sum(len(page.changes) for page in connector.changes(cursor, Nothing()))
    took_s = time.perf_counter() - began
    print(f"\n{engine.dialect.name}: {count} keys, few of them changed, in {took_s:.2f} s")
    assert count == ROWS


def test_a_listing_goes_on_where_it_was_cut_off(many: str, opened: Open) -> None:
    config = {"query": f"SELECT * FROM {many} WHERE id BETWEEN 10 AND 1009", "page_rows": 100}
    begun = opened(**config).changes({}, Nothing())
    first = [next(begun) for _ in range(5)]
    begun.close()  # type: ignore[attr-defined]
    rest = pages(opened(**config), first[-1].cursor)
    assert sum(len(page.changes) for page in rest) == 500
    assert len({change.external_id for page in (*first, *rest) for change in page.changes}) == 1000
    assert rest[-1].complete


def test_keys_of_two_columns_and_of_text(engine: Engine, opened: Open) -> None:
    run(
        engine,
        "CREATE TABLE parts (a VARCHAR(20) NOT NULL, b INTEGER NOT NULL, title VARCHAR(100), PRIMARY KEY (a, b))",
        *(f"INSERT INTO parts VALUES ('{a}', {b}, 'Part')" for a in ("x", "ä", "a/b", "Zeta", "_") for b in range(4)),
    )
    for page_rows in (1, 3, 7):
        connector = opened(table="parts", key=["a", "b"], template="{{ a }} {{ b }}", page_rows=page_rows)
        found = changes(connector)
        assert len(found) == 20
        assert fetched(connector, "a%2Fb/3") == "a/b 3"
        assert fetched(connector, "ä/0") == "ä 0"


def test_rows_with_one_key_and_without_one(engine: Engine, opened: Open) -> None:
    run(engine, "CREATE TABLE loose (id VARCHAR(20), title VARCHAR(20))")
    values = ", ".join(f"({one}, 'x')" for one in ("'a'", "'b'", "'b'", "'A'", "NULL", "'c'", "'b'"))
    run(engine, f"INSERT INTO loose VALUES {values}")
    for page_rows in (1, 2, 3, 9):
        found = changes(opened(table="loose", page_rows=page_rows))
        assert sorted(found) == ["A", "a", "b", "c", NO_KEY]
        assert [key for key, change in found.items() if isinstance(change, Unreadable)] == [NO_KEY, "b"]


def test_a_query_is_what_it_says(engine: Engine, many: str, opened: Open) -> None:
    query = "SELECT id, title, '12:30 100%' AS note FROM many WHERE id < 10 AND title LIKE 'T%' -- the first ones;"
    connector = opened(query=query, template="{{ note }} {{ title }}")
    assert sorted(changes(connector)) == [str(n) for n in range(10)]
    assert fetched(connector, "7") == "12:30 100% Ticket 7"


def test_a_query_changes_nothing(engine: Engine, opened: Open) -> None:
    if engine.dialect.name == "postgresql":
        run(engine, "CREATE SEQUENCE counter")
        queries = [
            "SELECT nextval('counter') AS id, 'x' AS title",
            "WITH x AS (DELETE FROM parts RETURNING 1) SELECT 1 AS id, 'x' AS title FROM x",
        ]
    elif engine.dialect.name == "sqlite":
        queries = ["WITH x AS (SELECT 1) DELETE FROM parts"]
    else:
        run(engine, "CREATE SEQUENCE counter")
        queries = ["SELECT NEXTVAL(counter) AS id, 'x' AS title", "SELECT 1 AS id, 2 AS title INTO OUTFILE '/tmp/x'"]
    for query in queries:
        with pytest.raises(SourceRefuses):
            pages(opened(query=query))


def test_the_database_ends_what_takes_too_long(engine: Engine, many: str, opened: Open) -> None:
    joined = "many a JOIN many b ON a.title <> b.body JOIN many c ON c.title <> b.body"
    slow = f"SELECT a.id AS id, b.title AS title FROM {joined}"
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match=r"took longer than 0\.5 s"):
        pages(opened(query=f"SELECT max(id) AS id, max(title) AS title FROM ({slow}) AS x", timeout_s=0.5))
    assert time.monotonic() - began < 30


def test_what_is_wrong_is_named(engine: Engine, opened: Open) -> None:
    url = engine.url
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"table": "absent"}, "absent"),
        ({"query": "SELECT title FROM parts"}, "no column 'id' (config 'key')"),
        ({"query": "SELECT b AS id, title FROM parts", "template": "{{ titel }}"}, "Did you mean 'title'?"),
    ]
    if url.host is not None:
        wrong += [
            ({"url": _shown(url.set(password="geheim")), "table": "parts"}, "check the user and the password"),
            ({"url": _shown(url.set(username="nobody", password="geheim")), "table": "parts"}, "the password"),
            ({"url": _shown(url.set(database="geheim")), "table": "parts"}, "check its name"),
            ({"url": _shown(url.set(port=1, password="geheim")), "table": "parts"}, "doesn't answer"),
            ({"url": _shown(url), "table": "parts", "allow_private": False}, "set allow_private"),
        ]
    for config, said in wrong:
        with pytest.raises(FootnoteError) as caught:
            pages(opened(**config))
        assert said in caught.value.message
        assert caught.value.__cause__ is None
        assert "password=" not in caught.value.message


def _shown(url: Any) -> str:
    return str(url.render_as_string(hide_password=False))


def test_values_of_many_types(engine: Engine, opened: Open) -> None:
    if engine.dialect.name == "sqlite":
        columns, values = (
            "id TEXT, day TEXT, price NUMERIC, data BLOB, list TEXT",
            "'k', '2026-01-05', 1.5, x'ff', '[\"A\",\"b\"]'",
        )
    elif engine.dialect.name == "postgresql":
        columns = "id UUID, day DATE, price NUMERIC(9,2), data BYTEA, list TEXT[]"
        values = "'6f1c1f8e-3f64-4a53-9f0e-6d3a0a6f0c01', '2026-01-05', 1.5, '\\xff', '{A,b}'"
    else:
        columns = "id DECIMAL(9,2), day DATE, price DECIMAL(9,2), data BLOB, list JSON"
        values = "1.5, '2026-01-05', 1.5, x'ff', '[\"A\",\"b\"]'"
    run(engine, f"CREATE TABLE kinds ({columns}, title VARCHAR(9))", f"INSERT INTO kinds VALUES ({values}, 'Seal')")
    connector = opened(
        table="kinds", template="{{ title }} {{ price }}", columns={"title": "title", "created": "day", "tags": "list"}
    )
    [(key, found)] = changes(connector).items()
    assert isinstance(found, Upsert)
    assert (found.metadata.title, found.metadata.tags) == ("Seal", ("a", "b"))
    assert found.metadata.created is not None
    assert found.metadata.created.isoformat() == "2026-01-05T00:00:00+00:00"
    assert fetched(connector, key).startswith("Seal 1.5")
    [binary] = changes(opened(table="kinds", template="{{ data }}")).values()
    assert isinstance(binary, Unreadable)
    assert "bytes that are no text" in binary.reason
