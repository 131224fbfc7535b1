from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelUnavailable
from generation.verification.claims import SentenceReader, Written, is_claim
from generation.verification.overlap import OverlapSupport
from generation.verification.verifier import UNCITED, Verifier

LEAVE = (
    "Every parent gets 26 weeks of paid leave. Managers approve leave within two working days. "
    "Interns may not carry leave over into the next year."
)
OFFICE = "The office opens at eight. Visitors sign in at the reception desk."


def sentence(text: str) -> Written:
    return Written(text, 0, len(text))


@pytest.fixture
def verifier(make_chunk: Any, embedder: Any) -> Verifier:
    chunks = [make_chunk(LEAVE), make_chunk(OFFICE, document="d2", title="Office")]
    return Verifier(chunks, OverlapSupport(embedder))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Every parent gets 26 weeks of paid leave.", "supported"),
        ("Each parent gets twenty-six weeks of paid leave.", "supported"),
        ("Every parent gets 26 days of paid leave.", "unsupported"),
        ("Every parent gets 27 weeks of paid leave.", "unsupported"),
        ("Interns may carry leave over into the next year.", "unsupported"),
        ("Every parent does not get 26 weeks of paid leave.", "unsupported"),
        ("Receptionists approve leave within two working days.", "partial"),
        ("Managers approve leave within two working days in Oslo.", "unsupported"),
        ("Zebras graze quietly.", "unsupported"),
        ("The sources don't say more.", "not_a_claim"),
        ("Is that so?", "not_a_claim"),
        ("Yes.", "not_a_claim"),
    ],
)
def test_verdicts(verifier: Verifier, text: str, verdict: str) -> None:
    found = verifier.judge(sentence(text), [1])
    assert found.verdict == verdict, found
    assert bool(found.reasons) == (verdict in ("partial", "unsupported"))


def test_a_wrong_number_says_which(verifier: Verifier) -> None:
    found = verifier.judge(sentence("Parents have 30 weeks off with pay."), [1])
    assert found.reasons == ("30 weeks isn't in the source",)


def test_what_cites_nothing_is_unsupported(verifier: Verifier) -> None:
    found = verifier.judge(sentence("Parents get 26 weeks of leave."), [])
    assert (found.verdict, found.reasons) == ("unsupported", (UNCITED,))


def test_a_wrong_citation_is_corrected_where_another_passage_supports_it(verifier: Verifier) -> None:
    found = verifier.judge(sentence("Visitors must sign in at the reception desk."), [1])
    assert (found.verdict, found.numbers, found.corrected) == ("supported", (2,), True)
    assert found.quote is not None
    assert (found.quote[0], found.quote[1].text) == (2, "Visitors sign in at the reception desk.")


def test_a_claim_that_its_source_contradicts_is_not_given_to_another(make_chunk: Any) -> None:
    chunks = [
        make_chunk("Interns may not travel abroad."),
        make_chunk("Interns may travel abroad by rail.", document="d2"),
    ]
    found = Verifier(chunks).judge(sentence("Interns may travel abroad."), [1])
    assert (found.verdict, found.corrected) == ("unsupported", False)


def test_a_sentence_may_rest_on_two_passages(verifier: Verifier) -> None:
    text = "The office opens at eight, and every parent gets 26 weeks of paid leave."
    assert verifier.judge(sentence(text), [1, 2]).verdict == "supported"
    assert verifier.judge(sentence(text), [2]).verdict == "unsupported"


def test_a_denied_sentence_s_middle_is_no_quotation(make_chunk: Any) -> None:
    verifier = Verifier([make_chunk("It is wrong that interns may travel abroad without asking.")])
    assert verifier.by_string(sentence("interns may travel abroad"), [1]) is None


class Broken:
    def warm_up(self) -> None:
        pass

    def probabilities(self, statement: str, passages: Sequence[str]) -> list[float]:
        raise ModelUnavailable("It is down.")


def test_words_judge_where_the_model_fails(make_chunk: Any) -> None:
    verifier = Verifier([make_chunk(LEAVE)], Broken())
    found = verifier.judge(sentence("Each parent gets twenty-six weeks of paid leave."), [1])
    assert (found.verdict, found.degraded) == ("supported", "It is down.")


PIECES = st.lists(
    st.sampled_from(["You get 25 days. ", "e.g. ", "ok ", "\n\n- ", "# Head\n", "No!", " ", "**", "x", "."])
)


@given(PIECES, st.data())
def test_sentences_are_the_answer_s_and_don_t_depend_on_its_pieces(pieces: list[str], data: Any) -> None:
    text = "".join(pieces)
    whole = SentenceReader()
    expected = [*whole.feed(text), *whole.finish()]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=9)))
    reader = SentenceReader()
    found = [one for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) for one in reader.feed(text[a:b])]
    assert [*found, *reader.finish()] == expected
    assert "".join(one.lead + one.text for one in expected) + whole.rest == text
    for one in expected:
        assert text[one.start : one.end] == one.text != ""


@pytest.mark.parametrize("text", ["## Leave\n", "**Leave**\n", "You need:\n", "---\n"])
def test_headings_and_introductions_claim_nothing(text: str) -> None:
    reader = SentenceReader()
    assert not any(is_claim(one) for one in [*reader.feed(text), *reader.finish()])
