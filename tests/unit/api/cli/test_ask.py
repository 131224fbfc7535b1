from __future__ import annotations

from typing import Any

import pytest

from api.cli.client import Event
from api.cli.commands.ask import show


def source(number: int, **other: Any) -> dict[str, Any]:
    return {"number": number, "title": f"Title {number}", "uri": f"file:///{number}", "page": None} | other


def cite(number: int, quote: str) -> Event:
    return Event("citation", {"number": number, "quote": quote})


def test_footnotes_show_title_page_heading_quote_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    sources = [source(1, page=3, heading_path=[]), source(2, heading_path=["Leave", "How much"]), source(3)]
    events = [
        Event("sources", {"sources": sources}),
        Event("token", {"text": "It is 26 weeks."}),
        cite(2, "takes 26\nweeks"),
        Event("token", {"text": " Ask early."}),
        cite(1, "ten weeks before"),
        cite(1, "ten weeks before"),
        Event("done", {"degraded": ["reranker: off"]}),
    ]
    show(events)
    printed = capsys.readouterr()
    assert printed.out == (
        "It is 26 weeks.[2] Ask early.[1]\n"
        '\n[1] Title 1, page 3\n    "ten weeks before"\n    file:///1\n'
        '\n[2] Title 2, Leave > How much\n    "takes 26 weeks"\n    file:///2\n'
    )
    assert "reranker: off" in printed.err


def test_a_row_of_a_workbook_is_named_by_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    sheet = source(1, heading_path=["Targets"])
    rows = [{"number": 1, "quote": f"row {number}", "cells": [f"Targets!A{number}:C{number}"]} for number in (4, 6, 4)]
    show([Event("sources", {"sources": [sheet]}), *(Event("citation", row) for row in rows), Event("done", {})])
    assert "\n[1] Title 1, Targets!A4:C4, Targets!A6:C6\n" in capsys.readouterr().out


def test_an_abstention_names_the_nearest_documents(capsys: pytest.CaptureFixture[str]) -> None:
    show([Event("abstain", {"reason": "nothing fits.", "nearest": [source(1, page=2)]}), Event("done", {})])
    assert capsys.readouterr().out == "No answer: nothing fits.\nNearest documents:\n  - Title 1, page 2  file:///1\n"


def test_a_terminal_is_not_commanded_by_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x1b]0;x\x07\x9b31m\u202ehidden\u2066"
    named = source(1, title=evil, uri=evil, heading_path=[evil])
    abstained = Event("abstain", {"reason": evil, "nearest": [named]})
    cited = [Event("token", {"text": evil}), cite(1, evil)]
    show([Event("sources", {"sources": [named]}), *cited, abstained, Event("done", {"degraded": [f"llm: {evil}"]})])
    printed = capsys.readouterr()
    assert printed.out.count("hidden") == 7
    assert not set(printed.out + printed.err) & set("\x1b\x07\x9b\u202e\u2066")


def test_an_answer_that_was_cut_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show([Event("token", {"text": "On and on"}), Event("done", {"finish_reason": "length"})])
    assert "cut off" in capsys.readouterr().err


def test_a_long_quote_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    show([Event("sources", {"sources": [source(1)]}), cite(1, "word " * 200), Event("done", {})])
    line = capsys.readouterr().out.splitlines()[3]
    assert line.endswith('word…"')
    assert len(line) < 320
