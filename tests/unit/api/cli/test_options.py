from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from api.cli.options import Scope, filters_from, question_from, readable
from core.errors import InvalidRequest
from core.filters import parse_filters

NOTHING = {"departments": (), "authors": (), "since": None, "until": None, "types": (), "tags": ()}


def test_filters_take_the_form_of_the_api() -> None:
    filters = filters_from(
        departments=("HR",),
        authors=("Ida Dahl", "Tomas"),
        since="2025-01-01",
        until="2025-03-31",
        types=("pdf", "docx"),
        tags=("leave",),
    )
    assert parse_filters(filters) is not None, "the service takes it"
    assert filters == {
        "department": ["HR"],
        "author": ["Ida Dahl", "Tomas"],
        "document_type": ["pdf", "docx"],
        "tags": ["leave"],
        "modified": {"from": "2025-01-01", "to": "2025-03-31"},
    }


def test_no_filters_are_none() -> None:
    assert filters_from(**NOTHING) is None
    assert Scope(None, None).into({"query": "q"}) == {"query": "q"}


@pytest.mark.parametrize("day", ["yesterday", "2025-13-01", "31.12.2025", "", "2025-02-30"])
@pytest.mark.parametrize("side", ["since", "until"])
def test_a_bad_date_is_named_with_its_option_and_an_example(day: str, side: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"--{side} takes a day as YYYY-MM-DD") as caught:
        filters_from(**{**NOTHING, side: day})
    assert repr(day) in caught.value.message


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_question_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidRequest, match="The question is empty"):
        question_from(text)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    argument = b"caf\xe9".decode("utf-8", "surrogateescape")
    with pytest.raises(InvalidRequest, match="isn't valid UTF-8 at character 4"):
        readable(argument, "The question")


def test_a_question_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("Wie viele Tage für Umzug?\n".encode())))
    assert question_from("-") == "Wie viele Tage für Umzug?"
