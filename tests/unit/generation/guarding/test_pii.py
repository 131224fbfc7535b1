from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.guard_settings import PiiSettings
from core.principal import ANONYMOUS
from core.settings import Settings
from generation.answerer import Answerer
from generation.events import Abstain, Citation, Done, Token
from generation.guarding.pii import Policy
from generation.guarding.presidio import PATTERNS, PresidioFinder
from generation.guarding.pseudonyms import Pseudonyms
from generation.guarding.sentences import Sentences
from generation.models.port import Delta, Message, Usage
from generation.question import Question

STOP = Delta(finish_reason="stop", usage=Usage(1, 1))
PEOPLE = "Anna Berg leads the team. Write to anna.berg@example.com or call +47 22 33 44 55."
PARTS = st.lists(
    st.sampled_from([
        "Anna Berg", "Tom Okafor", " met ", "anna@example.com", "x@y.example.org", " ", ". ", "\n", "<", ">",
        "<PERSON_1>", "<PERSON_9>", "<EMAIL_ADDRESS_2>", "PERSON_", "4111 1111 1111 1111",
        "GB82 WEST 1234 5698 7654 32", "10.20.30.40", "Leave is 25 days",
    ])
)  # fmt: skip


@pytest.fixture(scope="module")
def finder() -> PresidioFinder:
    return PresidioFinder(PiiSettings())


def everything(action: str, *more: str) -> dict[str, Any]:
    return dict.fromkeys((*PATTERNS, *more), action)


@given(parts=PARTS)
def test_what_is_pseudonymised_comes_back_as_it_was(finder: PresidioFinder, parts: list[str]) -> None:
    text = "".join(parts)
    names = Pseudonyms(Policy(finder, everything("pseudonymise")))
    hidden = names.hide(text)
    assert names.restored(hidden) == text
    restorer = names.restorer()
    assert "".join([*map(restorer.feed, hidden), restorer.feed("", last=True)]) == text


def test_the_same_name_is_the_same_throughout_and_a_made_up_one_is_nobody(finder: PresidioFinder) -> None:
    names = Pseudonyms(Policy(finder, {"PERSON": "pseudonymise", "EMAIL_ADDRESS": "redact"}))
    assert names.hide("Anna Berg met Tom Okafor.") == "<PERSON_1> met <PERSON_2>."
    assert names.hide("Ask Anna Berg, a@example.com.") == "Ask <PERSON_1>, [EMAIL_ADDRESS]."
    assert names.restored("<PERSON_2> and <PERSON_9>!") == "Tom Okafor and !"


@given(parts=PARTS, data=st.data())
def test_nothing_of_a_redacted_entity_goes_out_however_the_stream_is_cut(
    finder: PresidioFinder, parts: list[str], data: st.DataObject
) -> None:
    text = "".join(parts)
    policy = Policy(finder, everything("redact"))

    async def look(sentence: str) -> str:
        return policy.cleared(sentence)

    async def through(pieces: Sequence[str]) -> str:
        sentences = Sentences(look)
        out = [piece for text in pieces for piece in await sentences.feed(text)] + await sentences.finish()
        return "".join(piece.text for piece in out)

    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    cut = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    whole = asyncio.run(through([text]))
    assert asyncio.run(through(cut)) == asyncio.run(through(text)) == whole
    assert not policy.found(whole)


def test_a_long_sentence_is_cut_beside_numbers(finder: PresidioFinder) -> None:
    policy = Policy(finder, everything("redact"))

    async def run(lead: int) -> str:
        async def look(sentence: str) -> str:
            return policy.cleared(sentence)

        sentences = Sentences(look)
        text = "word " * lead + "card 4111 1111 1111 1111 and more " + "word " * 300
        return "".join(piece.text for piece in [*await sentences.feed(text), *await sentences.finish()])

    for lead in range(190, 202):
        assert "1111" not in asyncio.run(run(lead))


def test_masks_keep_the_end_of_a_card_alone(finder: PresidioFinder) -> None:
    policy = Policy(finder, everything("mask"))
    assert policy.cleared("Card 4111 1111 1111 1111, a@example.com") == f"Card {'*' * 15}1111, {'*' * 13}"


def test_own_recognisers_need_their_context_where_they_are_unsure() -> None:
    own = {"name": "EMPLOYEE_ID", "regex": r"\bE-\d{6}\b", "score": 0.2, "context": ["badge"]}
    settings = PiiSettings.model_validate({"recognisers": [own], "answers": {"EMPLOYEE_ID": "redact"}})
    policy = Policy(PresidioFinder(settings), settings.answers)
    assert policy.cleared("The badge E-123456 and nothing else.") == "The badge [EMPLOYEE_ID] and nothing else."
    assert policy.cleared("Part E-123456") == "Part E-123456"


def test_finding_asks_no_server(finder: PresidioFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("asked for an address"))
    assert len(PresidioFinder(PiiSettings()).find(PEOPLE, (*PATTERNS, "PERSON"))) == 3


def asked(answerer: Answerer, text: str, *history: Message) -> list[Any]:
    question = Question(text=text, principal=ANONYMOUS, answer_id="a", conversation_id="c", history=history)

    async def run() -> list[Any]:
        return [event async for event in answerer.answer(question)]

    return asyncio.run(run())


def shown(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def with_pii(**pii: Any) -> Settings:
    return Settings.model_validate({"guard": {"pii": pii}})


def test_a_model_sees_placeholders_and_the_reader_names(passages: Any, make_chunk: Any) -> None:
    class Echo:
        name = "echo"
        told = ""

        async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
            self.told = messages[-1].content
            for piece in ("Ask <PER", "SON_1> at <EMAIL_ADDRESS", "_1> [1], not <PERSON_9>.", ""):
                yield Delta(piece)
            yield STOP

        async def close(self) -> None: ...

    model = Echo()
    found = passages(make_chunk(PEOPLE))
    context = {"PERSON": "pseudonymise", "EMAIL_ADDRESS": "pseudonymise"}
    events = asked(Answerer(found, model, with_pii(context=context)), "Who leads the team?")
    assert shown(events) == "Ask Anna Berg at anna.berg@example.com, not ."
    assert "Anna" not in model.told
    assert "anna.berg@" not in model.told
    assert "<PERSON_1>" in model.told
    assert [event.quote for event in events if isinstance(event, Citation)]


def test_a_blocked_context_is_sent_to_no_model(passages: Any, make_chunk: Any, scripted: Any) -> None:
    model = scripted(Delta("x"), STOP)
    found = passages(make_chunk("The team has 25 days of leave. Write to anna@example.com."))
    events = asked(Answerer(found, model, with_pii(context={"EMAIL_ADDRESS": "block"})), "How many days has the team?")
    assert model.messages == []
    assert any("guard.pii.context" in entry for entry in events[-1].degraded)


def test_answers_and_quotes_are_redacted_with_a_model_and_without(
    passages: Any, make_chunk: Any, scripted: Any
) -> None:
    leave = "Every employee gets 25 days of paid leave a year, says anna.berg@example.com, or call +47 22 33 44 55."
    found = passages(make_chunk(leave))
    written = Delta("Write to anna.berg@exa"), Delta("mple.com [1]. Call +47 22 33 44 55 [1]."), STOP
    for model in (None, scripted(*written)):
        answerer = Answerer(found, model, with_pii(answers=everything("redact")))
        events = asked(answerer, "How many days of paid leave does an employee get?")
        everything_shown = shown(events) + "".join(event.quote for event in events if isinstance(event, Citation))
        assert "anna.berg" not in everything_shown
        assert "33 44" not in everything_shown
        assert "[EMAIL_ADDRESS]" in shown(events)
        for event in events:
            if isinstance(event, Citation):
                assert 0 <= event.answer_start < event.answer_end <= len(shown(events))


def test_a_question_is_searched_for_without_what_is_redacted(passages: Any, make_chunk: Any) -> None:
    found = passages(make_chunk(PEOPLE))
    asked(Answerer(found, None, with_pii(questions={"EMAIL_ADDRESS": "redact"})), "What does a@example.com lead?")
    assert [query for query, *_ in found.asked] == ["What does [EMAIL_ADDRESS] lead?"]


@pytest.mark.parametrize("action", ["redact", "mask"])
def test_a_question_of_personal_data_alone_is_told_so(passages: Any, make_chunk: Any, action: str) -> None:
    found = passages(make_chunk(PEOPLE))
    events = asked(Answerer(found, None, with_pii(questions=everything(action))), "a@example.com, +47 22 33 44 55?")
    (abstain,) = [event for event in events if isinstance(event, Abstain)]
    assert "nothing but personal data" in abstain.reason
    assert found.asked == []
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason == "abstain"


def test_a_blocked_question_is_refused(passages: Any, make_chunk: Any) -> None:
    found = passages(make_chunk(PEOPLE))
    events = asked(Answerer(found, None, with_pii(questions={"US_SSN": "block"})), "Whose SSN is 536-90-4399?")
    assert events[-1].finish_reason == "content_filter"
    assert found.asked == []


def test_without_a_policy_nothing_changes(passages: Any, make_chunk: Any, scripted: Any) -> None:
    model = scripted(Delta("Write to anna.berg@example.com [1]."), STOP)
    events = asked(Answerer(passages(make_chunk(PEOPLE)), model, Settings()), "Whom do I write to?")
    assert shown(events) == "Write to anna.berg@example.com."


@pytest.mark.parametrize("stage", ["questions", "answers"])
def test_a_stage_where_nobody_restores_refuses_pseudonyms(stage: str) -> None:
    with pytest.raises(ValueError, match=f"guard.pii.{stage}"):
        PiiSettings.model_validate({stage: {"PERSON": "pseudonymise"}})


def test_an_entity_that_nothing_recognises_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"guard\.pii\.answers names 'SHOE_SIZE'.*EMAIL_ADDRESS"):
        PresidioFinder(PiiSettings.model_validate({"answers": {"SHOE_SIZE": "redact"}}))


def test_a_missing_presidio_is_said_with_the_way_out(
    passages: Any, make_chunk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name.startswith("presidio"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    found = passages(make_chunk(PEOPLE))
    Answerer(found, None, Settings())  # nothing is needed where no policy is set
    with pytest.raises(ConfigurationError, match=r"presidio_analyzer isn't installed.*pii"):
        Answerer(found, None, with_pii(answers={"PERSON": "redact"}))
