from __future__ import annotations

from typing import Any

import pytest

from api.cli.commands.ask import show
from api.client.wire import Event


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
        Event("done", {"degraded": ["reranker: slow"], "notices": ["No passage has a word of the question."]}),
    ]
    show(events)
    printed = capsys.readouterr()
    assert printed.out == (
        "It is 26 weeks.[2] Ask early.[1]\n"
        '\n[1] Title 1, page 3\n    "ten weeks before"\n    file:///1\n'
        '\n[2] Title 2, Leave > How much\n    "takes 26 weeks"\n    file:///2\n'
    )
    assert printed.err == "(No passage has a word of the question.)\n(reranker: slow)\n"


def test_a_row_of_a_workbook_is_named_by_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    sheet = source(1, heading_path=["Targets"])
    rows = [{"number": 1, "quote": f"row {number}", "cells": [f"Targets!A{number}:C{number}"]} for number in (4, 6, 4)]
    show([Event("sources", {"sources": [sheet]}), *(Event("citation", row) for row in rows), Event("done", {})])
    assert "\n[1] Title 1, Targets!A4:C4, Targets!A6:C6\n" in capsys.readouterr().out


def test_an_abstention_shows_the_passages_that_came_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    near = source(1, page=2, quote="Close,\nbut not it.")
    show([Event("abstain", {"reason": "nothing fits.", "nearest": [near]}), Event("done", {})])
    assert capsys.readouterr().out == (
        "No answer: nothing fits.\nThe passages that came nearest:\n"
        '  - Title 1, page 2\n    "Close, but not it."\n    file:///1\n'
    )


def test_quotes_of_one_passage_are_shown_under_their_own_sections(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (cite(1, f"quote {number}") for number in (1, 2))
    first.data["heading_path"], second.data["heading_path"] = ["Leave"], ["Leave", "Expiry"]
    show([Event("sources", {"sources": [source(1, heading_path=["Intro"])]}), first, second, first, Event("done", {})])
    assert capsys.readouterr().out.partition("\n\n")[2] == (
        '[1] Title 1, Leave\n    "quote 1"\n    also in Leave > Expiry\n    "quote 2"\n    file:///1\n'
    )


def test_a_terminal_is_not_commanded_by_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x1b]0;x\x07\x9b31m\u202ehidden\u2066"
    named = source(1, title=evil, uri=evil, heading_path=[evil])
    abstained = Event("abstain", {"reason": evil, "nearest": [{**named, "quote": evil}]})
    cited = [Event("token", {"text": evil}), cite(1, evil)]
    show([Event("sources", {"sources": [named]}), *cited, abstained, Event("done", {"degraded": [f"llm: {evil}"]})])
    printed = capsys.readouterr()
    assert printed.out.count("hidden") == 8
    assert not set(printed.out + printed.err) & set("\x1b\x07\x9b\u202e\u2066")


def test_an_answer_that_was_cut_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show([Event("token", {"text": "On and on"}), Event("done", {"finish_reason": "length"})])
    assert "cut off" in capsys.readouterr().err


def test_a_long_quote_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    show([Event("sources", {"sources": [source(1)]}), cite(1, "word " * 200), Event("done", {})])
    line = capsys.readouterr().out.splitlines()[3]
    assert line.endswith('word…"')
    assert len(line) < 320


def test_a_sentence_that_is_not_supported_is_marked_and_marks_stand_where_they_belong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    span = {"answer_start": 0, "answer_end": 19}
    verdict = {**span, "verdict": "unsupported", "numbers": [1], "reasons": ["26 weeks isn't in the source"]}
    citation = {**cite(1, "x").data, **span, "quote": None}
    show([
        Event("stage", {"name": "verify", "state": "started"}), Event("token", {"text": "You get 26 weeks of. It"}),
        Event("citation", citation), Event("verdict", verdict), Event("token", {"text": " is so."}),
        Event("sources", {"sources": [source(1)]}), Event("done", {"sentences_dropped": 2, "degraded": []}),
    ])  # fmt: skip
    said = capsys.readouterr()
    assert said.out.startswith("You get 26 weeks of[1] [unsupported: 26 weeks isn't in the source]. It is so.\n")
    assert "2 sentences were left out" in said.err


def test_the_words_that_answer_are_bold_on_a_terminal_and_plain_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("click.echo", lambda text, nl, err: said.append(text))
    span = {"answer_start": 0, "answer_end": 20, "quote": "You get 25 days off.", "quote_start": 50, "quote_end": 70}
    show([
        Event("token", {"text": "You get 25 days off. Ask early."}),
        Event("citation", {"number": 1, **span, "key_start": 58, "key_end": 65}),
        Event("done", {}),
    ])  # fmt: skip
    assert "".join(said).startswith("You get 25 days off. Ask early.[1]")
    said.clear()
    show([
        Event("stage", {"name": "verify", "state": "started"}),
        Event("token", {"text": "You get 25 days off. Ask early."}),
        Event("citation", {"number": 1, **span, "key_start": 58, "key_end": 65}),
        Event("verdict", {**span, "verdict": "supported", "reasons": []}),
        Event("done", {}),
    ])  # fmt: skip
    assert "".join(said).startswith("You get \x1b[1m25 days\x1b[0m off.[1] Ask early.")
    said.clear()
    masked = {**span, "quote": "You get <NUMBER> off.", "key_start": 58, "key_end": 65}
    show([
        Event("stage", {"name": "verify", "state": "started"}), Event("token", {"text": "You get <NUMBER> off."}),
        Event("citation", {"number": 1, **masked}), Event("done", {}),
    ])  # fmt: skip
    assert "\x1b" not in "".join(said)
