"""Metrics without a judge, on answers whose figures are known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from eval.answers.citing import Citing
from eval.answers.plain import holds, names_document, plain_metrics, reading_ease
from eval.answers.questions import EvalQuestion, Span
from eval.answers.rows import Cited, Judged, Passage, Row
from generation.verification.overlap import OverlapSupport

LEAVE = "Parents get 16 weeks of leave at full pay. It may be taken in two parts."
OTHER = "The office opens at nine in the morning."
ANSWER = "Parents get 16 weeks of leave at full pay."


def asked(**known: Any) -> EvalQuestion:
    return EvalQuestion(id="q", question="How long is parental leave?", **known)


def cited(number: int, quote: str = ANSWER, start: int = 0, end: int = len(ANSWER)) -> Cited:
    return Cited(
        number=number, answer_start=start, answer_end=end, quote=quote, document_id=f"d{number}", ordinal=0
    )  # fmt: skip


def row(**given: Any) -> Row:
    usual: dict[str, Any] = {
        "status": "answered",
        "answer": ANSWER,
        "passages": (
            Passage(number=1, document_id="d1", ordinal=0, uri="file:///hr/leave.md", title="Leave", text=LEAVE),
            Passage(number=2, document_id="d2", ordinal=3, uri="file:///it/office.md", title="Office", text=OTHER),
        ),
        "citations": (cited(1),),
        "verdicts": (Judged(answer_start=0, answer_end=len(ANSWER), verdict="supported", numbers=(1,)),),
        "first_token_ms": 30.0,
        "total_ms": 50.0,
    }
    return Row(question="q", config="base", asked_at=datetime(2026, 11, 26, tzinfo=UTC), **(usual | given))


def test_a_right_answer_has_it_all() -> None:
    known = asked(
        documents=("hr/leave.md",), spans=(Span(text="16 weeks of leave", document="leave.md"),), words=("16|sixteen",)
    )
    found = plain_metrics(known, row())
    whole = ("retrieved", "cited", "span_cited", "span_share", "words", "answered")
    assert {name: found[name] for name in whole} == dict.fromkeys(whole, 1.0)
    assert (found["unsupported"], found["failed"], found["length"]) == (0, 0, 9)
    assert found["abstention_recall"] is None
    assert found["cost"] is None


def test_an_error_on_an_answerable_question_scores_nothing_and_is_counted() -> None:
    failed = row(status="error", answer="", passages=(), citations=(), verdicts=())
    found = plain_metrics(asked(documents=("leave.md",), words=("16",)), failed)
    assert [found[name] for name in ("retrieved", "cited", "words", "answered", "failed")] == [0, 0, 0, 0, 1]
    assert found["total_ms"] is None


def test_abstaining_is_right_where_there_is_no_answer_and_wrong_elsewhere() -> None:
    none = row(status="abstained", answer="", citations=(), verdicts=())
    right, wrong = plain_metrics(asked(no_answer=True), none), plain_metrics(asked(words=("16",)), none)
    assert (right["abstention_precision"], right["abstention_recall"]) == (1, 1)
    assert (wrong["abstention_precision"], wrong["abstention_recall"], wrong["answered"]) == (0, None, 0)
    assert plain_metrics(asked(no_answer=True), row())["abstention_recall"] == 0
    assert plain_metrics(asked(), none)["abstention_precision"] is None


def test_half_of_a_span_counts_half_and_only_in_its_document() -> None:
    span = Span(text="full pay. It may", document="leave.md")
    assert plain_metrics(asked(spans=(span,)), row())["span_share"] == 0.5
    assert plain_metrics(asked(spans=(span,)), row())["span_cited"] == 0
    elsewhere = Span(text="full pay", document="office.md")
    assert plain_metrics(asked(spans=(elsewhere,)), row())["span_share"] == 0


def test_a_span_over_two_cited_sentences_is_cited() -> None:
    two = row(citations=(cited(1), cited(1, quote="It may be taken in two parts.")))
    assert plain_metrics(asked(spans=(Span(text="at full pay. It may be taken"),)), two)["span_cited"] == 1


def test_dropped_sentences_were_unsupported() -> None:
    assert plain_metrics(asked(), row(sentences_dropped=1))["unsupported"] == 0.5


def test_one_alternative_of_each_word_must_be_there() -> None:
    assert holds("Take a\n**minimum** of 30 Days", ["30 days|a month", "minimum"])
    assert not holds("Take 30 days", ["30 days", "minimum"])
    assert holds("Ask O’Brien", ["O'Brien"])


def test_a_document_is_named_by_its_id_or_by_whole_parts_of_its_uri() -> None:
    assert names_document("hr/leave.md", "d1", "file:///hr/leave.md")
    assert names_document("d1", "d1", "file:///hr/leave.md")
    assert not names_document("ave.md", "d1", "file:///hr/leave.md")


def test_reading_ease_is_flesch_s() -> None:
    # Six words, six syllables, one sentence: 206.835 - 1.015 * 6 - 84.6.
    assert reading_ease("The cat sat on the mat.") == pytest.approx(116.145)
    assert reading_ease("...") is None


def measured(given: Row) -> dict[str, float | None]:
    return Citing(OverlapSupport(None)).measure(asked(), given)


def test_a_claim_borne_out_by_its_only_citation_is_recalled_and_precise() -> None:
    assert measured(row()) == {"citation_recall": 1.0, "citation_precision": 1.0}


def test_a_citation_that_isnt_needed_is_not_precise() -> None:
    assert measured(row(citations=(cited(1), cited(2)))) == {"citation_recall": 1.0, "citation_precision": 0.5}


def test_a_wrong_citation_counts_as_wrong_though_another_passage_says_it() -> None:
    assert measured(row(citations=(cited(2),))) == {"citation_recall": 0.0, "citation_precision": 0.0}


def test_claims_without_citations_have_neither() -> None:
    assert measured(row(citations=())) == {"citation_recall": 0.0, "citation_precision": 0.0}


def test_without_a_claim_or_its_passage_nothing_is_said() -> None:
    assert set(measured(row(status="abstained", answer="")).values()) == {None}
    lost = tuple(one.model_copy(update={"text": ""}) for one in row().passages)
    assert set(measured(row(passages=lost)).values()) == {None}
