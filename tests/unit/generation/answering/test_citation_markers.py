from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.answering.citation_markers import MAX_MARKER, CitationParser, CitedSpan, TextPiece


def parse(deltas: list[str], known: set[int] | None = None) -> tuple[str, list[CitedSpan], int]:
    parser = CitationParser({1, 2, 3} if known is None else known)
    pieces = [piece for delta in deltas for piece in parser.feed(delta)] + parser.finish()
    text = "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))
    return text, [piece for piece in pieces if isinstance(piece, CitedSpan)], parser.dropped


@pytest.mark.parametrize(
    ("answer", "text", "cited"),
    [
        ("You get 20 days [1].", "You get 20 days.", [(1, "You get 20 days")]),
        ("You get 20 days. [1] Then rest.", "You get 20 days. Then rest.", [(1, "You get 20 days.")]),
        ("You get 20 days.[1]", "You get 20 days.", [(1, "You get 20 days.")]),
        ("A [1, 2].", "A.", [(1, "A"), (2, "A")]),
        ("A [1][2].", "A.", [(1, "A"), (2, "A")]),
        ("A [1] [2].", "A.", [(1, "A"), (2, "A")]),
        (
            "Pay is monthly [1] and bonuses yearly [2].",
            "Pay is monthly and bonuses yearly.",
            [(1, "Pay is monthly"), (2, "and bonuses yearly")],
        ),
        ("First. Second one [3].", "First. Second one.", [(3, "Second one")]),
        ("- one [1]\n- two [2]", "- one\n- two", [(1, "one"), (2, "two")]),
        ("Ask Dr. Smith, e.g. by mail [1].", "Ask Dr. Smith, e.g. by mail.", [(1, "Ask Dr. Smith, e.g. by mail")]),
        ("[1] At the start", " At the start", []),
        ("A [1][1].", "A.", [(1, "A")]),
        ("Use `x` [1].", "Use `x`.", [(1, "Use `x`")]),
        ("Use `x`[1].", "Use `x`.", [(1, "Use `x`")]),
        ("It is 50 € [2].", "It is 50 €.", [(2, "It is 50 €")]),
    ],
)
def test_markers_become_citations_of_the_claim_before_them(
    answer: str, text: str, cited: list[tuple[int, str]]
) -> None:
    got, spans, dropped = parse([answer])
    assert got == text
    assert [(span.number, span.claim) for span in spans] == cited
    assert dropped == 0


@pytest.mark.parametrize(
    "answer",
    [
        "See [the handbook](https://x.example/a) or [it].",
        "a [] b",
        "a [1.5] b",
        "a [1 b",
        "a [",
        "a [1,, 2] b",
        "x [-1]",
        "`x[1]` is code",
        "```\nx[1]\n``` is code",
        "a  b \n c ",
        "[[x]]",
        "a [1,] b",
        "[¹]",
        "١ [١]",
    ],
)
def test_what_is_no_marker_stays_text(answer: str) -> None:
    assert parse([answer]) == (answer, [], 0)


def test_unknown_numbers_are_dropped_and_counted() -> None:
    text, spans, dropped = parse(["In [2024] it was so [9, 1] [0]."])
    assert text == "In it was so."
    assert [span.number for span in spans] == [1]
    assert dropped == 3


def test_spans_are_offsets_of_the_text_without_markers() -> None:
    text, spans, _ = parse(["Zero. One is here [1]", "; two is there [2]. Three."])
    assert [text[span.start : span.end] for span in spans] == ["One is here", "two is there"]


markerish = st.text(alphabet="ab .!\n[]12,9`(- 日é", max_size=80)


@given(markerish, st.lists(st.integers(0, 80), max_size=8))
def test_where_the_stream_is_cut_does_not_matter(answer: str, cuts: list[int]) -> None:
    places = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    deltas = [answer[start:end] for start, end in itertools.pairwise(places)]
    whole = parse([answer])
    assert parse(deltas) == whole
    assert parse(list(answer)) == whole


@given(markerish)
def test_claims_are_where_their_spans_say(answer: str) -> None:
    text, spans, _ = parse([answer])
    for span in spans:
        assert text[span.start : span.end] == span.claim
        assert span.claim.strip() == span.claim != ""


@given(st.text(st.characters(exclude_characters="[")))
def test_text_without_brackets_passes_unchanged(answer: str) -> None:
    assert parse(list(answer)) == (answer, [], 0)


@given(markerish)
def test_no_more_than_a_marker_is_held_back(answer: str) -> None:
    parser = CitationParser({1})
    out = 0
    for seen, character in enumerate(answer, start=1):
        pieces = parser.feed(character)
        out += sum(len(piece.text) for piece in pieces if isinstance(piece, TextPiece))
        plain = len(parse([answer[:seen]], {1})[0])
        assert plain - out <= MAX_MARKER


def test_a_bracket_that_never_closes_is_let_go() -> None:
    text, _, dropped = parse(["x [" + "1, " * 50 + "2]"])
    assert text == "x [" + "1, " * 50 + "2]"
    assert dropped == 0


def test_time_grows_with_length_only() -> None:
    def seconds(answer: str) -> float:
        began = time.process_time()
        parse(list(answer))
        return time.process_time() - began

    for pattern in ("[1", "a [1] ", "[1][2]", "word ", "1, ["):
        seconds(pattern * 200)
        short, long = (min(seconds(pattern * count) for _ in range(3)) for count in (2_000, 16_000))
        assert long < 40 * short, pattern
