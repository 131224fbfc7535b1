from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.chunk import Chunk
from generation.answering.quotes import best_quote

TEXT = (
    "Time off\n\nEvery employee gets 25 days of paid leave a year. Leave that is not taken expires in March."
    "\n\nManagers approve leave in the portal within two working days."
)


def chunk(text: str, start: int = 100) -> Chunk:
    return Chunk(
        id="c", document_id="d", source_id="s", uri="u", ordinal=0, text=text, start=start, end=start + len(text)
    )


def test_quotes_the_sentence_that_the_claim_rests_on() -> None:
    assert best_quote("Unused leave expires in March", chunk(TEXT)).text == "Leave that is not taken expires in March."
    assert best_quote("Your manager approves it within two days", chunk(TEXT)).text.startswith("Managers approve")
    assert best_quote("You have 25 days off", chunk(TEXT)).text.startswith("Every employee")


def test_offsets_are_the_documents() -> None:
    quote = best_quote("expires in March", chunk(TEXT))
    assert TEXT[quote.start - 100 : quote.end - 100] == quote.text


def test_a_claim_that_shares_no_word_gets_the_first_sentence_that_is_no_heading() -> None:
    assert best_quote("xyz", chunk(TEXT)).text.startswith("Every employee")


@given(st.text(max_size=60), st.text(min_size=1, max_size=200), st.integers(0, 1000))
def test_a_quote_is_always_in_the_passage_to_the_letter(claim: str, text: str, start: int) -> None:
    quote = best_quote(claim, chunk(text, start))
    assert text[quote.start - start : quote.end - start] == quote.text
