"""What every search index must let through, over both adapters: each kind of filter means the same in both legs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.filters import All, AnyCase, AnyOf, Between, Filter, Not, TermField, parse_filters
from retrieval.index.port import SearchIndex
from tests.contract.passages import found, passage, write


def any_of(field: TermField, *values: str) -> AnyOf:
    return AnyOf(field, frozenset(values))


@pytest.fixture(scope="module")
def filled(shared_index: SearchIndex) -> SearchIndex:
    """Four passages: three with facts, ``bare`` with none."""
    write(
        shared_index,
        passage("a", department="HR", document_type="pdf", tags=("leave", "pay"), owner="Ada", language="en",
                author="Grace O'Hara",
                created=datetime(2024, 1, 1, tzinfo=UTC), modified=datetime(2024, 6, 1, tzinfo=UTC)),
        passage("b", department="Eng", document_type="html", tags=("pay",), owner="O'Neil", language="de", source="s2",
                created=datetime(2024, 1, 31, 23, 59, 59, 999000, UTC), acl=("user:bob", "group:eng")),
        passage("c", department="HR & Legal", document_type="pdf", tags=("c++",), owner="ada", language="en",
                created=datetime(2024, 2, 1, tzinfo=UTC), acl=("group:hr",), document="dc"),
        passage("bare"),
    )  # fmt: skip
    return shared_index


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (any_of("acl", "public"), ["a", "bare"]),
        (any_of("acl", "user:bob"), ["b"]),
        (any_of("acl", "group:hr", "group:eng"), ["b", "c"]),
        (any_of("acl", "group:h", "USER:BOB", "bob"), []),
        (any_of("source_id", "s2"), ["b"]),
        (any_of("document_id", "dc", "doc-a"), ["a", "c"]),
        (any_of("department", "HR"), ["a"]),
        (any_of("department", "hr"), []),
        (any_of("department", "HR", "Eng", "Nobody"), ["a", "b"]),
        (any_of("department", "HR & Legal"), ["c"]),
        (any_of("document_type", "pdf"), ["a", "c"]),
        (any_of("tags", "pay"), ["a", "b"]),
        (any_of("tags", "c++"), ["c"]),
        (any_of("tags", "pay", "c++"), ["a", "b", "c"]),
        (any_of("owner", "O'Neil"), ["b"]),
        (any_of("author", "Grace O'Hara", "Nobody"), ["a"]),
        (any_of("author", "grace o'hara"), []),
        (Not(any_of("author", "Grace O'Hara")), ["b", "bare", "c"]),
        (any_of("language", "en"), ["a", "c"]),
        (any_of("department"), []),
        (any_of("tags"), []),
        (any_of("acl"), []),
        (any_of("acl", "\ud800"), []),
        (any_of("department", "x') OR ('1'='1", "*", "HR*"), []),
    ],
)
def test_terms(filled: SearchIndex, filter: Filter, expected: list[str]) -> None:
    assert found(filled, filter) == expected


def any_case(field: TermField, *values: str) -> AnyCase:
    return AnyCase(field, frozenset(values))


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (any_case("department", "hr"), ["a"]),
        (any_case("department", "hr & LEGAL", "ENG"), ["b", "c"]),
        (any_case("owner", "ADA"), ["a", "c"]),
        (any_case("owner", "o'neil"), ["b"]),
        (any_case("department", "h.", "h", ".*", "hr|eng", "[a-z]+", "~x", "@", "#", "<1-9>"), []),
        (any_case("department"), []),
        (any_case("department", "\ud800"), []),
        (Not(any_case("department", "hR")), ["b", "bare", "c"]),
        (All((any_of("acl", "public"), any_case("language", "EN"))), ["a"]),
    ],
)
def test_labels_in_any_case(filled: SearchIndex, filter: Filter, expected: list[str]) -> None:
    assert found(filled, filter) == expected


def test_any_label_is_found_in_any_case(index: SearchIndex) -> None:
    labels = [
        "Éclairs",
        "ÄÖÜ-Büro",
        "ОТДЕЛ Кадров",
        "R&D (β)",
        "a.b*c",
        "\\d",
        "人事部",
        "x" * 400,
        "Qa\n",
        "\U0001f600 Fun",
    ]
    named = {f"c{number:02d}": label for number, label in enumerate(labels)}
    write(index, *(passage(chunk_id, department=label) for chunk_id, label in named.items()))
    for chunk_id, label in named.items():
        for asked in (label, label.lower(), label.upper(), label.swapcase()):
            assert found(index, any_case("department", asked)) == [chunk_id], asked


def test_what_passes_is_counted_by_document(filled: SearchIndex) -> None:
    assert filled.count_documents(All(())) == 4
    assert filled.count_documents(any_of("document_type", "pdf")) == 2
    assert filled.count_documents(Not(Between("modified"))) == 3
    assert filled.count_documents(any_of("acl", "nobody")) == 0


def test_values_come_from_what_passes_alone(filled: SearchIndex) -> None:
    assert filled.values("document_type", All(())) == ["pdf", "html"]
    assert filled.values("tags", All(())) == ["pay", "c++", "leave"]
    assert filled.values("department", any_of("acl", "public")) == ["HR"]
    assert filled.values("owner", any_of("department", "Nobody")) == []


def test_facets_count_documents_that_pass_alone(filled: SearchIndex) -> None:
    everything, public = All(()), any_of("acl", "public")
    found = filled.facets({"document_type": everything, "tags": everything, "department": public}, 10)
    assert found == {
        "document_type": [("pdf", 2), ("html", 1)],
        "tags": [("pay", 2), ("c++", 1), ("leave", 1)],
        "department": [("HR", 1)],
    }
    assert filled.facets({"tags": everything}, 1) == {"tags": [("pay", 2)]}
    assert filled.facets({"owner": any_of("acl", "nobody"), "source_id": public}, 10)["owner"] == []


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (Between("created", start=datetime(2024, 1, 1, tzinfo=UTC)), ["a", "b", "c"]),
        (Between("created", start=datetime(2024, 1, 1, 0, 0, 1, tzinfo=UTC)), ["b", "c"]),
        (Between("created", end=datetime(2024, 2, 1, tzinfo=UTC)), ["a", "b"]),
        (Between("created", datetime(2024, 1, 31, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)), ["b"]),
        (Between("created", start=datetime(2024, 2, 1, 1, tzinfo=timezone(timedelta(hours=1)))), ["c"]),
        (Between("created"), ["a", "b", "c"]),
        (Between("modified"), ["a"]),
        (Between("created", datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)), ["a", "b", "c"]),
        (Between("created", start=datetime(2030, 1, 1, tzinfo=UTC)), []),
        (Between("created", end=datetime(1066, 10, 14, tzinfo=UTC)), []),
        (Not(Between("created", end=datetime(2024, 2, 1, tzinfo=UTC))), ["bare", "c"]),
    ],
)
def test_dates(filled: SearchIndex, filter: Filter, expected: list[str]) -> None:
    assert found(filled, filter) == expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (All(()), ["a", "b", "bare", "c"]),
        (All((any_of("document_type", "pdf"), any_of("tags", "pay"))), ["a"]),
        (All((any_of("document_type", "pdf"), any_of("department"))), []),
        (Not(any_of("department", "HR")), ["b", "bare", "c"]),
        (Not(any_of("tags", "pay")), ["bare", "c"]),
        (Not(any_of("department")), ["a", "b", "bare", "c"]),
        (Not(All(())), []),
        (Not(Not(any_of("department", "HR"))), ["a"]),
        (
            Not(All((any_of("document_type", "pdf"), any_of("language", "en"), any_of("owner", "Ada")))),
            ["b", "bare", "c"],
        ),
        (All((Not(any_of("acl", "public")), Not(any_of("document_type", "html")))), ["c"]),
    ],
)
def test_trees(filled: SearchIndex, filter: Filter, expected: list[str]) -> None:
    assert found(filled, filter) == expected


def test_the_wire_form_reaches_the_index(filled: SearchIndex) -> None:
    asked = parse_filters({"tags": ["PAY"], "created": {"from": "2024-01-31", "to": "2024-01-31"}, "source": "s2"})
    assert asked is not None
    assert found(filled, asked) == ["b"]


def test_a_value_is_matched_to_the_letter(index: SearchIndex) -> None:
    values = [
        "it's",
        "''",
        "\\",
        "\\'",
        '"',
        "a;b--",
        "%_",
        "\n\t",
        "\x00",
        "\U0001f600",
        " ",
        "é",
        "E",
        "*",
        "[x]",
        "{}",
    ]
    named = {f"c{number:02d}": value for number, value in enumerate(values)}
    write(index, *(passage(i, department=v, tags=(v,), acl=(f"user:{v}",)) for i, v in named.items()))
    for chunk_id, value in named.items():
        assert found(index, any_of("department", value)) == [chunk_id]
        assert found(index, any_of("tags", value)) == [chunk_id]
        assert found(index, any_of("acl", f"user:{value}")) == [chunk_id]
        assert found(index, Not(any_of("department", value))) == sorted(named.keys() - {chunk_id})
