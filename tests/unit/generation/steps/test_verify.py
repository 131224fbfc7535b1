from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from core.lanes import Lanes
from core.principal import ANONYMOUS
from core.settings import Settings
from core.verification_settings import VerificationSettings
from generation.answerer import Answerer
from generation.answering.quote_places import Placing
from generation.events import Abstain, AnswerEvent, Citation, Done, StageEvent, Token, Verdict
from generation.models.port import Delta
from generation.question import Question
from generation.steps.draft import Draft
from generation.steps.verify import Verify

LEAVE = "Every parent gets 26 weeks of paid leave. Managers approve leave within two working days."
OFFICE = "The office opens at eight. Visitors sign in at the reception desk."
STOP = Delta(finish_reason="stop")
LIES = (
    "Parents get 26 weeks of paid leave [1]. They get 30 vacation weeks too [2]. "
    "Visitors have to sign in at the reception desk [1].\n\nEverybody is happy."
)


@pytest.fixture
def ask(passages: Any, make_chunk: Any, scripted: Any) -> Any:
    found = passages(make_chunk(LEAVE), make_chunk(OFFICE, document="d2", title="Office"))

    def run(*pieces: str, **verification: Any) -> list[AnswerEvent]:
        settings = Settings(verification=VerificationSettings(**verification))
        answerer = Answerer(found, scripted(*map(Delta, pieces), STOP) if pieces else None, settings)
        question = Question(
            text="How much paid leave does a parent get?", principal=ANONYMOUS, answer_id="a", conversation_id="c"
        )

        async def collect() -> list[AnswerEvent]:
            return [event async for event in answerer.answer(question)]

        return asyncio.run(collect())

    return run


def only(events: Sequence[AnswerEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def text_of(events: Sequence[AnswerEvent]) -> str:
    return "".join(one.text for one in only(events, Token))


def judged(events: Sequence[AnswerEvent]) -> list[tuple[str, str]]:
    text = text_of(events)
    return [(text[one.answer_start : one.answer_end], one.verdict) for one in only(events, Verdict)]


def test_every_sentence_gets_a_verdict(ask: Any) -> None:
    events = ask(LIES)
    assert judged(events) == [
        ("Parents get 26 weeks of paid leave.", "supported"),
        ("They get 30 vacation weeks too.", "unsupported"),
        ("Visitors have to sign in at the reception desk.", "supported"),
        ("Everybody is happy.", "unsupported"),
    ]
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.groundedness, done.citations_corrected, done.sentences_dropped) == (0.5, 1, 0)
    stages = [(one.name, one.state) for one in only(events, StageEvent)]
    assert stages[-1] == ("verify", "finished")


def test_a_citation_is_corrected_and_one_that_nothing_supports_has_no_quote(ask: Any) -> None:
    first, wrong, corrected = only(ask(LIES), Citation)
    assert first.quote == "Every parent gets 26 weeks of paid leave."
    assert (wrong.number, wrong.quote, wrong.quote_start, wrong.quote_end) == (2, None, None, None)
    assert (corrected.number, corrected.quote) == (2, "Visitors sign in at the reception desk.")


def test_dropped_sentences_are_never_shown_and_spans_fit_what_is(ask: Any) -> None:
    events = ask(LIES, policy="drop")
    assert text_of(events) == "Parents get 26 weeks of paid leave. Visitors have to sign in at the reception desk."
    assert [verdict for _, verdict in judged(events)] == ["supported", "supported"]
    for one in only(events, Citation):
        assert text_of(events)[one.answer_start : one.answer_end].startswith(("Parents", "Visitors"))
    assert (events[-1].sentences_dropped, events[-1].groundedness) == (2, 0.5)


def test_an_answer_of_which_nothing_is_left_abstains(ask: Any) -> None:
    events = ask("They get 30 vacation weeks [2].", policy="drop")
    assert text_of(events) == ""
    assert len(only(events, Abstain)) == 1
    assert events[-1].finish_reason == "abstain"


@pytest.mark.parametrize(("above", "abstains"), [(0.4, True), (0.5, False)])
def test_an_answer_too_much_of_which_is_unsupported_is_none(ask: Any, above: float, abstains: bool) -> None:
    events = ask(LIES, policy="abstain", abstain_above=above)
    assert bool(only(events, Abstain)) is abstains
    assert text_of(events) == ("" if abstains else LIES.replace(" [1]", "").replace(" [2]", ""))


def test_extracts_are_supported_word_for_word_without_a_model(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generation.verification.verifier.Verifier.judge", None)
    events = ask()
    assert judged(events)
    assert {verdict for _, verdict in judged(events)} == {"supported"}
    assert events[-1].groundedness == 1.0


def test_it_can_be_switched_off(ask: Any) -> None:
    events = ask(LIES, enabled=False)
    assert only(events, Verdict) == []
    assert events[-1].groundedness is None
    assert only(events, Citation)[1].quote is None


@limits(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(st.lists(st.integers(0, len(LIES)), max_size=12), st.sampled_from(["mark", "drop", "abstain"]))
def test_how_the_stream_is_cut_does_not_matter(ask: Any, cuts: list[int], policy: str) -> None:
    places = sorted(cuts)
    pieces = [LIES[a:b] for a, b in zip([0, *places], [*places, len(LIES)], strict=True)]
    whole, cut = ask(LIES, policy=policy), ask(*pieces, policy=policy)
    assert text_of(cut) == text_of(whole)
    assert judged(cut) == judged(whole)
    assert only(cut, Citation) == only(whole, Citation)
    assert all(0 <= one.answer_start < one.answer_end <= len(text_of(cut)) for one in only(cut, Verdict))


class Hanging:
    """A support model that answers once it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def probabilities(self, statement: str, passages: Sequence[str]) -> list[float]:
        assert self.go.wait(60)
        return [1.0]


class Counting:
    def __init__(self) -> None:
        self.read = 0

    def probabilities(self, statement: str, passages: Sequence[str]) -> list[float]:
        self.read += len(statement)
        return [1.0]


async def stream(*pieces: str) -> AsyncGenerator[AnswerEvent]:
    for piece in pieces:
        yield Token(text=piece)


def check(
    make_chunk: Any, support: Any, pieces: Sequence[str], after: Any = None, **more: Any
) -> tuple[Draft, list[AnswerEvent]]:
    settings = Settings()
    lanes = Lanes.of(settings)
    draft = Draft(
        Question(text="?", principal=ANONYMOUS, answer_id="a", conversation_id="c"), chunks=[make_chunk(LEAVE)]
    )
    verify = Verify(VerificationSettings(**more), support, Placing(None, lanes), lanes)

    async def cited() -> AsyncGenerator[AnswerEvent]:
        at = 0
        for piece in pieces:
            yield Token(text=piece)
            yield Citation(number=1, answer_start=at, answer_end=at + len(piece.rstrip()), quote=None, quote_start=None,
                           quote_end=None, document_id="d1", ordinal=0, page=None)  # fmt: skip
            at += len(piece)

    async def run() -> list[AnswerEvent]:
        found = [event async for event in verify.over(cited(), draft)]
        if after:
            after()
        return found

    return draft, asyncio.run(run())


def test_a_check_that_takes_too_long_is_done_by_words(make_chunk: Any) -> None:
    model = Hanging()
    pieces = ["Each parent gets twenty-six weeks of paid leave. ", "Each parent gets 3 weeks of paid leave. "]
    draft, events = check(make_chunk, model, pieces, model.go.set, timeout_s=0.01)
    assert [one.verdict for one in only(events, Verdict)] == ["supported", "unsupported"]
    (said,) = draft.tally.degraded
    assert said.startswith("verify: ")


def test_work_grows_with_the_answer_and_nothing_else(make_chunk: Any) -> None:
    model = Counting()
    pieces = [f"Every single parent in group {n} gets 26 weeks of leave that is paid. " for n in range(100)]
    small = [piece.replace(f"group {n}", "our group") for n, piece in enumerate(pieces)]
    check(make_chunk, model, small)
    once = model.read
    model.read = 0
    _, events = check(make_chunk, model, small * 20)
    assert once > 0
    assert model.read == 20 * once
    assert len(only(events, Verdict)) == 2000
