"""Rows as documents, on a real SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DocumentTooLarge, InvalidRequest, NotFound, SourceRefuses, SourceUnavailable, UnreadableDocument
from core.principal import AccessList
from ingestion.connectors.port import Change, Cursor, Page, Present, Unreadable, Upsert
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.registry import read_config
from ingestion.connectors.sql.connector import NO_KEY, SqlConnector
from ingestion.connectors.sql.values import before, from_id, from_json, to_id, to_json
from tests.unit.ingestion.connectors.sql.conftest import Open

Run = Callable[..., None]
INSERT = "INSERT INTO tickets VALUES (?, ?, ?, ?, ?, ?)"


class Nothing:
    """Knows of no document."""

    def notes(self, external_ids: object) -> Mapping[str, Any]:
        return {}

    def below(self, prefix: str) -> Any:
        return iter(())


def pages(connector: SqlConnector, cursor: Cursor | None = None) -> list[Page]:
    found = list(connector.changes(cursor or {}, Nothing()))
    assert [page.complete for page in found] == [False] * (len(found) - 1) + [True]
    return found


def changes(connector: SqlConnector, cursor: Cursor | None = None) -> dict[str, Change]:
    return {change.external_id: change for page in pages(connector, cursor) for change in page.changes}


def fetched(connector: SqlConnector, external_id: str) -> str:
    written = bytearray()
    connector.fetch(external_id, type("Sink", (), {"write": staticmethod(written.extend)}))
    return written.decode()


def row(
    number: int, title: str | None = "Pump", body: Any = "It leaks.", readers: str | None = None, **more: Any
) -> Any:
    return (number, title, body, readers, more.get("tags"), more.get("at"))


def test_rows_are_listed_in_pages_and_rendered(run: Run, opened: Open) -> None:
    run(INSERT, *(row(number, f"Ticket {number}") for number in range(1, 8)))
    connector = opened(page_rows=3, uri="https://crm.example.com/{{ id }}")
    found = pages(connector)
    assert [[change.external_id for change in page.changes] for page in found] == [list("123"), list("456"), ["7"]]
    [first, *_] = found[0].changes
    assert isinstance(first, Upsert)
    assert (first.uri, first.acl) == ("https://crm.example.com/1", AccessList.everyone())
    assert fetched(connector, "1") == "# Ticket 1\n\nIt leaks.\n"
    assert first.size == len(fetched(connector, "1"))


def test_a_listing_that_is_cut_off_goes_on(run: Run, opened: Open) -> None:
    run(INSERT, *(row(number) for number in range(1, 8)))
    first = next(iter(opened(page_rows=3).changes({}, Nothing())))
    assert list(changes(opened(page_rows=3), first.cursor)) == list("4567")


def test_a_row_changes_its_revisions_with_what_changes(run: Run, opened: Open) -> None:
    run(INSERT, row(1, readers="user:ann@example.com"))
    options: dict[str, Any] = {"acl": "readers", "columns": {"tags": "tags"}}
    before_ = changes(opened(**options))["1"]
    run("UPDATE tickets SET readers = 'group:hr'")
    shared = changes(opened(**options))["1"]
    run("UPDATE tickets SET tags = 'b,a'")
    tagged = changes(opened(**options))["1"]
    run("UPDATE tickets SET body = 'It is dry.'")
    edited = changes(opened(**options))["1"]
    found = [before_, shared, tagged, edited]
    assert all(isinstance(one, Upsert) for one in found)
    assert len({one.revision for one in found if isinstance(one, Upsert)}) == 4
    contents = [one.content_revision for one in found if isinstance(one, Upsert)]
    assert contents[0] == contents[1] == contents[2] != contents[3]
    assert isinstance(tagged, Upsert)
    assert (tagged.metadata.tags, tagged.metadata.origins["tags"]) == (("a", "b"), "database")


def test_with_a_column_that_grows_only_new_rows_are_read(run: Run, opened: Open) -> None:
    run(INSERT, *(row(number, at=f"2026-01-0{number} 10:00:00") for number in range(1, 6)))
    connector = opened(modified="at", page_rows=2)
    first = pages(connector)
    assert first[-1].cursor == {"since": ["text", "2026-01-05 10:00:00"]}
    run("UPDATE tickets SET body = 'Dry.', at = '2026-01-06 08:00:00' WHERE id = 2")
    run("DELETE FROM tickets WHERE id = 4")
    again = pages(connector, first[-1].cursor)
    found = {change.external_id: type(change) for page in again for change in page.changes}
    assert found == {"1": Present, "2": Upsert, "3": Present, "5": Upsert}
    assert again[-1].cursor == {"since": ["text", "2026-01-06 08:00:00"]}


def test_what_was_written_late_within_the_overlap_is_read(run: Run, opened: Open) -> None:
    run(INSERT, row(1, at="2026-01-05 10:00:00"))
    cursor = pages(opened(modified="at"))[-1].cursor
    run(INSERT, row(2, at="2026-01-05 09:56:00"), row(3, at="2026-01-05 09:54:00"), row(4))
    found = changes(opened(modified="at"), cursor)
    assert {key: type(change) for key, change in found.items()} == {"1": Upsert, "2": Upsert, "3": Present, "4": Upsert}


def test_a_time_that_is_still_to_come_hides_no_later_change(run: Run, opened: Open) -> None:
    run(INSERT, row(1, at="2026-01-05 10:00:00"), row(2, at="9999-12-31 00:00:00"))
    cursor = pages(opened(modified="at"))[-1].cursor
    run("UPDATE tickets SET at = '2026-01-05 11:00:00' WHERE id = 1")
    assert isinstance(changes(opened(modified="at"), cursor)["1"], Upsert)


def test_numbers_may_grow_too(run: Run, opened: Open) -> None:
    run("ALTER TABLE tickets ADD COLUMN version INTEGER DEFAULT 0")
    run("INSERT INTO tickets (id, title, body, version) VALUES (?, 'a', 'b', ?)", *((n, n) for n in range(1, 5)))
    connector = opened(modified="version", overlap=1)
    found = changes(connector, pages(connector)[-1].cursor)
    assert [key for key, change in found.items() if isinstance(change, Upsert)] == ["3", "4"]


def test_readers_are_terms(run: Run, opened: Open) -> None:
    good = {1: "user:Ann@Example.com, group:hr", 2: '["public"]', 3: "[]"}
    run(INSERT, *(row(number, readers=readers) for number, readers in good.items()))
    found = {key: change.acl for key, change in changes(opened(acl="readers")).items() if isinstance(change, Upsert)}
    hr = AccessList(users=frozenset({"ann@example.com"}), groups=frozenset({"hr"}))
    assert found == {"1": hr, "2": AccessList.everyone(), "3": AccessList()}


@pytest.mark.parametrize("readers", ["everybody", "public,", '["public"', "[1]", "user:", None, "", '[["public"]]'])
def test_readers_that_cannot_be_told_hide_a_row(run: Run, opened: Open, readers: str | None) -> None:
    run(INSERT, row(1, readers=readers), row(2, readers="public"))
    found = changes(opened(acl="readers"))
    assert isinstance(found["1"], Unreadable)
    assert found["1"].acl is None
    assert "readers" in found["1"].reason
    assert isinstance(found["2"], Upsert)


def test_no_readers_are_the_default_ones_where_the_source_has_its_own(run: Run, opened: Open) -> None:
    run(INSERT, row(1))
    found = changes(opened(acl="readers", default_acl=["group:support"]))["1"]
    assert isinstance(found, Upsert)
    assert found.acl == AccessList(groups=frozenset({"support"}))


def test_rows_with_one_key_are_named_wherever_pages_end(run: Run, opened: Open) -> None:
    run(INSERT, *(row(number) for number in range(1, 8)))
    query = "SELECT id, title, body FROM tickets UNION ALL SELECT id, title, 'x' FROM tickets WHERE id IN (3, 4)"
    for page_rows in range(1, 9):
        found = changes(opened(query=query, page_rows=page_rows))
        assert [key for key, change in found.items() if isinstance(change, Unreadable)] == ["3", "4"], page_rows
        assert sorted(found) == list("1234567")
    with pytest.raises(UnreadableDocument, match="Several rows have the key 3"):
        fetched(opened(query=query), "3")


def test_more_rows_with_one_key_than_a_page_has_are_passed(run: Run, opened: Open) -> None:
    run(INSERT, *(row(number) for number in range(1, 20)))
    query = "SELECT CASE WHEN id BETWEEN 3 AND 15 THEN 3 ELSE id END AS id, title, body FROM tickets"
    found = changes(opened(query=query, page_rows=2))
    assert list(found) == ["1", "2", "3", "16", "17", "18", "19"]
    assert isinstance(found["3"], Unreadable)


def test_keys_that_the_database_finds_equal_are_all_listed(run: Run, opened: Open) -> None:
    run("CREATE TABLE codes (code TEXT COLLATE NOCASE, title TEXT)")
    codes = ["a", "A", "b", "B", "bb", "Bb", "bB", "c"]
    run("INSERT INTO codes VALUES (?, 'x')", *((code,) for code in codes))
    for page_rows in range(1, 9):
        connector = opened(table="codes", key="code", template="{{ title }} {{ code }}", page_rows=page_rows)
        found = changes(connector)
        if page_rows > 2:  # a page has to hold those that are equal
            assert sorted(found) == sorted(codes), page_rows
        assert fetched(connector, "bB") == "x bB"


def test_rows_without_a_key_are_counted(run: Run, opened: Open) -> None:
    run("CREATE TABLE loose (id, title)")
    run("INSERT INTO loose VALUES (?, 'x')", (1,), (None,), (None,))
    found = changes(opened(table="loose", template="{{ title }}"))
    assert list(found) == [NO_KEY, "1"]
    assert isinstance(found[NO_KEY], Unreadable)
    assert "2 rows have NULL in the key (id)" in found[NO_KEY].reason


def test_keys_of_several_columns_and_of_any_text(run: Run, opened: Open) -> None:
    run("CREATE TABLE parts (a TEXT, b INTEGER, title TEXT)")
    texts = ["", ".", "..", "a/b", "a%2Fb", "a!", "é", "x\0y", "a b"]
    run("INSERT INTO parts VALUES (?, ?, ?)", *((text, n, f"{n}") for text in texts for n in (1, 2)))
    connector = opened(table="parts", key=["a", "b"], template="{{ a }}|{{ b }}", page_rows=1)
    found = changes(connector)
    assert len(found) == 2 * len(texts)
    assert {fetched(connector, key) for key in found} == {f"{text}|{n}" for text in texts for n in (1, 2)}


def test_a_row_that_went_is_not_found(run: Run, opened: Open) -> None:
    for _ in range(2):
        for external_id in ("1", "x", "1/2", "", "%"):
            with pytest.raises(NotFound):
                fetched(opened(), external_id)
        run("INSERT OR REPLACE INTO tickets (id) VALUES (5)")


def test_bytes_are_text_if_they_can_be_and_else_the_fault_of_their_row(run: Run, opened: Open) -> None:
    run(INSERT, row(1, body="größer".encode()), row(2, body=b"\xff\xfe\x00"), row(3, body=memoryview(b"ok")))
    run("INSERT INTO tickets (id, title, body) VALUES (4, 'x', CAST(x'e9e8' AS TEXT))")
    connector = opened()
    found = changes(connector)
    assert "größer" in fetched(connector, "1")
    for key in ("2", "4"):
        assert isinstance(found[key], Unreadable)
        assert "the column 'body' holds bytes that are no text" in found[key].reason
        with pytest.raises(UnreadableDocument, match="holds bytes"):
            fetched(connector, key)
    unused = changes(opened(template="{{ title }}"))
    assert all(isinstance(change, Upsert) for change in unused.values())


def test_a_large_row_is_listed_and_not_fetched(run: Run, opened: Open) -> None:
    run(INSERT, row(1, body="x" * 3000))
    connector = opened(max_file_bytes=1000)
    large = changes(connector)["1"]
    assert isinstance(large, Upsert)
    assert large.size > 3000
    with pytest.raises(DocumentTooLarge, match="max_file_mb"):
        fetched(connector, "1")


def test_html_is_escaped_and_nulls_are_nothing(run: Run, opened: Open) -> None:
    run(INSERT, row(1, "<b>Pump</b>", None))
    connector = opened(format="html", template="<h1>{{ title }}</h1><p>{{ body }}</p>")
    changes(connector)
    assert fetched(connector, "1") == "<h1>&lt;b&gt;Pump&lt;/b&gt;</h1><p></p>"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"key": "idd"}, "no column 'idd' (config 'key'). Did you mean 'id'? It has: id, title, body"),
        ({"template": "{{ titel }}"}, "no column 'titel' (config 'template'). Did you mean 'title'?"),
        ({"modified": "changed"}, "no column 'changed' (config 'modified')"),
        ({"acl": "reader"}, "(config 'acl'). Did you mean 'readers'?"),
        ({"columns": {"author": "who"}}, "no column 'who' (config 'columns.author')"),
        ({"uri": "https://x/{{ nr }}"}, "no column 'nr'"),
        ({"table": "absent"}, "can't run the statement: no such table: absent"),
        ({"query": "SELECT FROM"}, "can't run the statement: near"),
        ({"modified": "title"}, "The column of 'modified' holds 'Pump', which is neither a time nor a number"),
        ({"query": "SELECT load_extension('x') AS id, 1 AS title, 2 AS body"}, "grant SELECT"),
    ],
)
def test_what_cannot_be_listed_says_why(run: Run, opened: Open, config: dict[str, Any], said: str) -> None:
    run(INSERT, row(1))
    with pytest.raises(SourceRefuses) as caught:
        pages(opened(**config))
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"query": "DELETE FROM tickets"}, "'query': it must be one SELECT"),
        ({"query": "SELECT 1; DROP TABLE tickets"}, "'query': it must be one statement"),
        ({"query": "SELECT 1", "table": "x"}, "name a query or a table, and not both"),
        ({"template": "{% if %}"}, "'template': it is no Jinja template"),
        ({"key": []}, "'key'"),
        ({"tabel": "x"}, "Unknown key 'tabel'"),
        ({"columns": {"titel": "x"}}, "Unknown key 'columns.titel'"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(config: dict[str, Any], said: str) -> None:
    base = {"url": "sqlite:////x", "key": "id", "template": "x"}
    values = {**base, **({} if "query" in config else {"table": "t"}), **config}
    with pytest.raises(InvalidRequest) as caught:
        read_config("sql", values)
    assert said in caught.value.message


def test_a_template_reaches_nothing_but_its_row(run: Run, opened: Open) -> None:
    run(INSERT, row(1))
    for template in ("{{ title.__class__.__mro__ }}", "{{ range(10**9) | list }}", "{{ 1 / 0 }}", "{{ title.x() }}"):
        assert isinstance(changes(opened(template=template))["1"], Unreadable), template


@pytest.mark.parametrize("uri", ["javascript:alert({{ id }})", "{{ id }}", "https://x/{{ body }}"])
def test_an_address_that_is_none_of_the_web_hides_its_row(run: Run, opened: Open, uri: str) -> None:
    run(INSERT, row(1))
    found = changes(opened(uri=uri))["1"]
    assert isinstance(found, Unreadable)
    assert "no address of the web" in found.reason


def test_a_query_changes_nothing(run: Run, opened: Open, file: Path) -> None:
    run(INSERT, row(1))
    for query in (
        "SELECT 1 AS id) AS x, (SELECT 2 AS title",
        "WITH x AS (SELECT 1) DELETE FROM tickets RETURNING id, title, body",
    ):
        with pytest.raises(SourceRefuses):
            pages(opened(query=query))
    assert list(changes(opened())) == ["1"]


def test_a_statement_that_takes_too_long_is_ended(run: Run, opened: Open) -> None:
    endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, 1 title, 2 body FROM n"
    with pytest.raises(SourceUnavailable, match=r"longer than 0\.2 s \(timeout_s\)"):
        pages(opened(query=endless, timeout_s=0.2))


def test_files_that_are_no_source(run: Run, opened: Open, file: Path, tmp_path: Path) -> None:
    own = ProtectedPaths(own=(tmp_path,))
    for protected, url, said in (
        (own, f"sqlite:///{file}", "Footnote's own data directory"),
        (ProtectedPaths(files=(file,)), f"sqlite:///{file}", "a file of Footnote's own"),
        (ProtectedPaths(allowed=(tmp_path / "docs",)), f"sqlite:///{file}", "sources.allowed_roots"),
        (ProtectedPaths(), "sqlite://", "name a file"),
        (ProtectedPaths(), "sqlite:///:memory:", "name a file"),
        (ProtectedPaths(), f"sqlite:///file:{file}?uri=true", "name a file"),
        (ProtectedPaths(), "sqlite:////proc/self/environ", "/proc"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            opened(protected=protected, url=url)
        assert said in caught.value.message
    link = tmp_path / "link.sqlite3"
    link.symlink_to(file)
    with pytest.raises(InvalidRequest, match="own"):
        opened(protected=ProtectedPaths(files=(file,)), url=f"sqlite:///{link}")
    with pytest.raises(SourceRefuses, match="can't be opened: No such file"):
        pages(opened(url=f"sqlite:///{tmp_path}/absent"))
    with pytest.raises(SourceRefuses, match="it is no file"):
        pages(opened(url=f"sqlite:///{tmp_path}"))
    (tmp_path / "text").write_text("This is not a database, but it is long enough to be taken for one." * 9)
    with pytest.raises(SourceRefuses, match="file is not a database"):
        pages(opened(url=f"sqlite:///{tmp_path}/text"))


def test_another_file_cannot_be_reached(run: Run, opened: Open, tmp_path: Path) -> None:
    connector = opened()
    with connector._database.reading() as connection:
        for statement in (f"ATTACH '{tmp_path}/other' AS o", "PRAGMA query_only = OFF", "DELETE FROM tickets"):
            with pytest.raises(Exception, match="not authorized"):
                connection.exec_driver_sql(statement)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:geheim@h/d?local_infile=1", "'local_infile' can't be set"),
        ("postgresql://u:geheim@h/d?options=-c%20x", "'options' can't be set"),
        ("postgresql://u:geheim@h/d?host=other", "'host' can't be set"),
        ("postgresql:///d?host=/run/geheim", "set allow_private"),
        ("nosuch://u:geheim@h/d", "isn't installed on the worker"),
        ("geheim", "it is no database URL"),
        ("postgresql://u:geheim@h:port/d", "it is no database URL"),
    ],
)
def test_urls_that_cannot_be_used(opened: Open, url: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        opened(url=url)
    assert said in caught.value.message
    assert "geheim" not in caught.value.message


def test_the_network_around_is_no_source_unless_it_is_allowed(opened: Open) -> None:
    for url in ("postgresql://u:p@127.0.0.1:1/d", "mysql://u:p@localhost:1/d", "mysql://u:p@169.254.169.254/d"):
        with pytest.raises(SourceRefuses) as caught:
            pages(opened(url=url))
        assert "private" in caught.value.message or "ever" in caught.value.message
    with pytest.raises(SourceUnavailable, match="doesn't answer"):
        pages(opened(url="postgresql://u:p@127.0.0.1:1/d", allow_private=True))
    with pytest.raises(SourceUnavailable, match="doesn't answer"):
        pages(opened(url="mysql://u:p@127.0.0.1:1/d", allow_private=True))


KEYS = st.one_of(st.integers(), st.text(), st.dates(), st.datetimes(), st.uuids(), st.binary())


@given(st.lists(KEYS, min_size=1, max_size=3))
def test_keys_survive_ids_and_cursors(values: list[Any]) -> None:
    key = tuple(values)
    assert from_id(to_id(key), key) == key
    assert tuple(from_json(to_json(value)) for value in key) == key


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_two_keys_have_two_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (to_id(one) == to_id(other)) == (one == other)
    assert to_id(one).count("/") == 1
    assert "!/" not in to_id(one)


@pytest.mark.parametrize(
    ("value", "earlier"),
    [
        ("2026-01-05 10:00:00", "2026-01-05 09:59:00"),
        ("2026-01-05T10:00:00Z", "2026-01-05T09:59:00Z"),
        ("2026-01-05T10:00:00.250", "2026-01-05T09:59:00.250"),
        ("2026-01-05T10:00:00.250000+02:00", "2026-01-05T09:59:00.250000+02:00"),
        ("2026-01-05 10:00", "2026-01-05 09:59"),
        ("2026-01-05", "2026-01-04"),
    ],
)
def test_times_written_as_text_keep_their_form(value: str, earlier: str) -> None:
    assert before(value, 60) == earlier
