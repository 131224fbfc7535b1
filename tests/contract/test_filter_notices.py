"""What a reader is told of filters, over both adapters: nothing of what they may not read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.errors import IndexUnavailable
from core.filters import AnyOf, Filter, parse_filters, visible_to
from core.principal import Principal
from retrieval.filter_notices import filter_notices
from retrieval.index.port import SearchIndex
from tests.contract.passages import passage, write

READER, BOARD = (visible_to(Principal(groups=frozenset({group}))) for group in ("staff", "board"))


@pytest.fixture(scope="module")
def filled(shared_index: SearchIndex) -> SearchIndex:
    """Three documents for all, one of two passages without a date, and one for the board."""
    write(
        shared_index,
        passage("a", department="HR", document_type="markdown", modified=datetime(2024, 6, 1, tzinfo=UTC)),
        passage("b", department="Engineering", document_type="pdf", document="d"),
        passage("b2", department="Engineering", document_type="pdf", document="d", ordinal=1),
        passage("c", department="HR", document_type="pdf", tags=("pay",)),
        passage("secret", department="Enginery", document_type="docx", acl=("group:board",)),
    )
    return shared_index


def told(index: SearchIndex, reader: AnyOf, *, found: bool = False, **filters: object) -> list[str]:
    requested = parse_filters(filters)
    assert requested is not None
    return filter_notices(index, reader, requested, found=found)


def test_an_unknown_value_is_named_with_the_nearest(filled: SearchIndex) -> None:
    (notice,) = told(filled, READER, department=["hr", "Enginering"], found=True)
    assert notice == "No document that you may read has department 'Enginering'. Did you mean 'Engineering'?"


def test_where_nothing_is_near_some_are_named(filled: SearchIndex) -> None:
    (notice,) = told(filled, READER, document_type="zzz")
    assert notice == "No document that you may read has document_type 'zzz'. There is 'pdf', 'markdown'."


def test_hidden_documents_are_neither_known_nor_suggested(filled: SearchIndex) -> None:
    (notice,) = told(filled, READER, department="Enginery")
    assert notice == "No document that you may read has department 'Enginery'. Did you mean 'Engineering'?"
    assert told(filled, BOARD, department="Enginery") == []
    assert "docx" not in repr(told(filled, READER, document_type="zzz"))


def test_known_values_need_no_word(filled: SearchIndex) -> None:
    assert told(filled, READER, department=["HR", "engineering"], document_type="md", tags="PAY") == []


def test_documents_without_the_date_are_counted_among_what_else_passes(filled: SearchIndex) -> None:
    since = {"from": "1990-01-01"}
    assert told(filled, READER, modified=since) == [
        "2 documents have no date 'modified', so the filter leaves them out."
    ]
    assert told(filled, BOARD, modified=since)[0].startswith("3 documents")
    assert told(filled, READER, modified=since, tags=["pay"]) == [
        "1 document has no date 'modified', so the filter leaves it out."
    ]
    assert told(filled, READER, modified=since, document_type="md") == []


def test_what_an_index_that_went_away_would_have_said_costs_no_search() -> None:
    class Away:
        def values(self, field: str, filter: Filter) -> list[str]:
            raise IndexUnavailable("away")

    assert told(Away(), READER, department="HR") == []  # type: ignore[arg-type]
