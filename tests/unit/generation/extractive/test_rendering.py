"""Between extracts there are breaks and list marks only, and a mark only where there is a list."""

from __future__ import annotations

from typing import Any

from generation.events import Citation, Token
from generation.extractive.arrangement import Extract
from generation.extractive.rendering import render_extracts


def written(make_chunk: Any, *pieces: tuple[str, bool]) -> str:
    text = "\n".join(piece for piece, _ in pieces)
    chunk = make_chunk(text)
    extracts = []
    for piece, item in pieces:
        start = chunk.start + text.index(piece)
        extracts.append(Extract(0, piece, start, start + len(piece), joins=False, item=item))
    answer = ""
    for event in render_extracts(extracts, [chunk]):
        if isinstance(event, Token):
            answer += event.text
        elif isinstance(event, Citation):
            assert answer[event.answer_start : event.answer_end] == event.quote
    return answer


def test_a_single_row_has_no_mark(make_chunk: Any) -> None:
    assert written(make_chunk, ("Spend: 10 | Quotes: 1", True)) == "Spend: 10 | Quotes: 1"
    assert written(make_chunk, ("Buy it.", False), ("Spend: 10", True)) == "Buy it.\n\nSpend: 10"


def test_several_and_announced_items_are_a_list(make_chunk: Any) -> None:
    assert written(make_chunk, ("Tea", True), ("Soup", True)) == "- Tea\n- Soup"
    assert written(make_chunk, ("We serve:", False), ("Tea", True)) == "We serve:\n- Tea"
    assert written(make_chunk, ("Do:", False), ("1. Ask", True), ("| a | b |", True)) == "Do:\n1. Ask\n| a | b |"
