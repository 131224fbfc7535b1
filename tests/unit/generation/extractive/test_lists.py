"""Lists, steps and tables are found by their form, and come whole."""

from __future__ import annotations

from generation.extractive.lists import listing_at
from generation.text.sentences import split_sentences

PROSE = "The badge has to be worn at all times and must never be lent to anybody else whoever it is."


def listed(text: str, anchor: str) -> list[str]:
    sentences = split_sentences(text)
    number = next(at for at, one in enumerate(sentences) if one.text.startswith(anchor))
    found = listing_at(number, sentences, (0, len(sentences) - 1))
    return [sentences[at].text for at in found.numbers] if found else []


def test_announced_steps_that_are_whole_sentences_are_a_list() -> None:
    text = "To get a badge:\n\nAsk the desk.\n\nWait there. It takes a minute.\n\nSign the form."
    whole = ["To get a badge:", "Ask the desk.", "Wait there.", "It takes a minute.", "Sign the form."]
    for anchor in ("To get", "Ask", "It takes", "Sign"):
        assert listed(text, anchor) == whole


def test_lines_end_where_prose_begins() -> None:
    text = f"Badges open these:\n\nthe main door, by day\n\nthe gate, at night\n\n{PROSE}"
    assert listed(text, "the gate") == ["Badges open these:", "the main door, by day", "the gate, at night"]
    assert listed(text, "The badge has") == []


def test_three_lines_are_a_list_and_two_are_not() -> None:
    assert listed(f"{PROSE}\n\nred: a\n\nblue: b\n\ngreen: c", "blue") == ["red: a", "blue: b", "green: c"]
    assert listed(f"{PROSE}\n\nred: a\n\nblue: b", "blue") == []


def test_a_long_paragraph_is_no_item() -> None:
    assert listed(f"Note this:\n\n{PROSE} {PROSE} {PROSE}", "The badge") == []


def test_a_table_s_row_comes_with_its_header_only() -> None:
    rows = "| City | Rate |\n|---|---|\n| Rome | 90 |\n| Oslo | 120 |"
    assert listed(f"{PROSE}\n\n{rows}", "| Oslo") == ["| City | Rate |", "|---|---|", "| Oslo | 120 |"]
    assert listed("| City | Rate |\n| Oslo | 120 |", "| Oslo") == ["| City | Rate |", "| Oslo | 120 |"]


def test_rows_end_where_there_are_no_more() -> None:
    text = "Rates are:\n\nCity: Rome | Rate: 90\n\nCity: Oslo | Rate: 120\n\nAsk early."
    assert listed(text, "City: Oslo") == ["Rates are:", "City: Rome | Rate: 90", "City: Oslo | Rate: 120"]
