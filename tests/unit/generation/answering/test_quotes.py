from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.chunk import Chunk
from generation.answering.quotes import best_quote, closest_sentence

TEXT = (
    "Time off\n\nEvery employee gets 25 days of paid leave a year. Leave that is not taken expires in March."
    "\n\nManagers approve leave in the portal within two working days."
)


def chunk(text: str, start: int = 100) -> Chunk:
    return Chunk(
        id="c", document_id="d", source_id="s", uri="u", ordinal=0, text=text, start=start, end=start + len(text)
    )


def quoted(claim: str) -> str:
    quote = best_quote(claim, chunk(TEXT))
    assert quote is not None
    return quote.text


def test_quotes_the_sentence_that_the_claim_rests_on() -> None:
    assert quoted("Unused leave expires in March") == "Leave that is not taken expires in March."
    assert quoted("Your manager approves it within two days").startswith("Managers approve")
    assert quoted("You have 25 days off").startswith("Every employee")


def test_offsets_are_the_documents() -> None:
    quote = closest_sentence("expires in March", chunk(TEXT))
    assert TEXT[quote.start - 100 : quote.end - 100] == quote.text


def test_a_claim_that_no_sentence_supports_gets_no_quote() -> None:
    assert best_quote("xyz", chunk(TEXT)) is None
    assert best_quote("30 vacation weeks", chunk("The office opens at eight.")) is None
    assert best_quote("Interns are paid monthly by bank transfer in portal money", chunk(TEXT)) is None


def test_what_comes_closest_is_always_a_sentence() -> None:
    assert closest_sentence("xyz", chunk(TEXT)).text.startswith("Every employee")
    assert closest_sentence("expires in March", chunk(TEXT)).text == "Leave that is not taken expires in March."


@given(st.text(max_size=60), st.text(min_size=1, max_size=200), st.integers(0, 1000))
def test_a_quote_is_always_in_the_passage_to_the_letter(claim: str, text: str, start: int) -> None:
    quote = closest_sentence(claim, chunk(text, start))
    assert text[quote.start - start : quote.end - start] == quote.text
