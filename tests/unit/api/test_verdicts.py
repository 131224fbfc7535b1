from __future__ import annotations

from api.schemas.answer_events import wire
from generation.events import Citation, Done, Verdict


def test_a_verdict_on_the_wire() -> None:
    event = Verdict(answer_start=3, answer_end=9, verdict="partial", numbers=(2,), reasons=("only in part",))
    assert wire(event) == (
        "verdict",
        {"answer_start": 3, "answer_end": 9, "verdict": "partial", "numbers": (2,), "reasons": ("only in part",)},
    )


def test_a_citation_that_nothing_supports_has_no_quote() -> None:
    _, data = wire(
        Citation(
            number=1, answer_start=0, answer_end=4, quote=None, quote_start=None, quote_end=None, document_id="d",
            ordinal=0, page=None,
        )
    )  # fmt: skip
    assert (data["quote"], data["quote_start"], data["quote_end"]) == (None, None, None)


def test_the_end_tells_how_much_is_grounded() -> None:
    _, data = wire(Done(finish_reason="stop", groundedness=0.5, citations_corrected=1, sentences_dropped=2))
    assert (data["groundedness"], data["citations_corrected"], data["sentences_dropped"]) == (0.5, 1, 2)
