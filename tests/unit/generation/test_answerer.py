from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from core.errors import ConfigurationError, IndexUnavailable, InvalidRequest, ModelUnavailable, Overloaded
from core.lanes import Lanes
from core.model_settings import PromptSettings
from core.place import Place
from core.principal import ANONYMOUS
from core.settings import ApiSettings, LlmSettings, Settings
from generation.answerer import Answerer
from generation.answering.writing import CHARS_PER_TOKEN, MAX_CITATIONS, Writing
from generation.events import Abstain, AnswerEvent, Citation, Done, Meta, Sources, StageEvent, Token
from generation.models.port import Delta, Message, StandIn, Usage
from generation.prompts.prompt import Prompts
from generation.question import Question

LEAVE = "Every employee gets 25 days of paid leave a year. Leave that is not taken expires in March."
STOP = Delta(finish_reason="stop", usage=Usage(11, 5))
QUESTION = "How many days of paid leave does an employee get?"


def question(text: str = QUESTION, **more: Any) -> Question:
    return Question(text=text, principal=ANONYMOUS, answer_id="a", conversation_id="c", **more)


def answer(answerer: Answerer, asked: Question | None = None) -> list[AnswerEvent]:
    async def run() -> list[AnswerEvent]:
        return [event async for event in answerer.answer(asked or question())]

    return asyncio.run(run())


def only(events: list[AnswerEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def text(events: list[AnswerEvent]) -> str:
    return "".join(token.text for token in only(events, Token))


def outcomes(outcome: str) -> float:
    return REGISTRY.get_sample_value("footnote_answers_total", {"outcome": outcome}) or 0.0


@pytest.fixture
def found(passages: Any, make_chunk: Any) -> Any:
    return passages(make_chunk(LEAVE), make_chunk("The canteen opens at noon every day.", document="d2", title=""))


@pytest.fixture
def answerer(found: Any, scripted: Any) -> Callable[..., Answerer]:
    return lambda *script: Answerer(found, scripted(*script) if script else None, Settings())


def test_events_come_in_order(answerer: Any) -> None:
    events = answer(answerer(Delta("You get 25 days [1]"), Delta(", at noon [2]."), STOP))
    kinds = [type(event) for event in events]
    assert kinds[0] is Meta
    assert kinds[-1] is Done
    assert kinds.count(Done) == 1
    stages = [(event.name, event.state) for event in only(events, StageEvent)]
    assert stages == [
        ("retrieve", "started"), ("retrieve", "finished"), ("generate", "started"), ("verify", "started"),
        ("generate", "finished"), ("verify", "finished"),
    ]  # fmt: skip
    assert kinds.index(Sources) < kinds.index(Token) < kinds.index(Citation) < len(kinds) - 2
    assert events[0] == Meta(
        answer_id="a",
        conversation_id="c",
        model="scripted",
        index_generation="gen-0",
        prompts=Prompts.of(PromptSettings()).versions,
    )
    assert only(events, Sources)[0].index_generation == "gen-1"


def test_sources_are_numbered_and_untitled_ones_go_by_their_file(answerer: Any) -> None:
    (sources,) = only(answer(answerer()), Sources)
    assert [(one.number, one.document_id, one.title) for one in sources.sources] == [
        (1, "d1", "Handbook"),
        (2, "d2", "d2.md"),
    ]


def test_a_model_s_citations_carry_claim_and_quote(answerer: Any) -> None:
    events = answer(answerer(Delta("What is not used expires in March [1"), Delta("]. It "), Delta("does [7]."), STOP))
    assert text(events) == "What is not used expires in March. It does."
    (citation,) = only(events, Citation)
    assert text(events)[citation.answer_start : citation.answer_end] == "What is not used expires in March"
    assert citation.quote == "Leave that is not taken expires in March."
    assert LEAVE[citation.quote_start - 50 : citation.quote_end - 50] == citation.quote
    assert (citation.number, citation.document_id, citation.page) == (1, "d1", 3)
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.finish_reason, done.usage, done.citations_dropped, done.degraded) == ("stop", Usage(11, 5), 1, ())
    assert set(done.timings_ms) == {"retrieve", "generate", "verify"}


def test_without_a_model_the_answer_is_the_sources_own_words(answerer: Any) -> None:
    before = outcomes("extracted")
    events = answer(answerer())
    assert events[0].model == "extractive"
    assert "25 days" in text(events)
    citations = only(events, Citation)
    assert citations
    for one in citations:
        assert text(events)[one.answer_start : one.answer_end] == one.quote
        assert LEAVE[one.quote_start - 50 : one.quote_end - 50] == one.quote
    assert events[-1].degraded == ()
    assert outcomes("extracted") == before + 1


@pytest.mark.parametrize(
    "script",
    [
        [],
        [Delta("NO")],
        [Delta("NO ANSWER")],
        [Delta("\n" * 99), Delta(" [9] ")],
        [Delta("\u200b\ufeff")],
    ],
    ids=["at once", "in NO ANSWER", "after NO ANSWER", "after no words", "after nothing visible"],
)
def test_a_model_that_fails_before_its_first_word_is_stood_in_for(answerer: Any, script: list[Delta]) -> None:
    events = answer(answerer(*script, ModelUnavailable("It is down.")))
    assert "25 days" in text(events)
    for one in only(events, Citation):
        assert text(events)[one.answer_start : one.answer_end] == one.quote
    assert events[-1].degraded == ("llm: It is down.",)
    assert events[-1].finish_reason == "stop"


def test_a_wrong_setting_is_not_told_to_readers(answerer: Any) -> None:
    events = answer(answerer(ConfigurationError("The key at http://inner.example is wrong.")))
    assert "25 days" in text(events)
    (said,) = events[-1].degraded
    assert said.startswith("llm: ")
    assert "inner.example" not in said


def test_a_model_that_fails_in_the_middle_leaves_what_it_wrote_and_says_so(answerer: Any) -> None:
    before = outcomes("interrupted")
    events = answer(answerer(Delta("You get 25 days [1]. And then"), Delta(" ["), ModelUnavailable("It broke off.")))
    assert text(events) == "You get 25 days. And then ["
    assert len(only(events, Citation)) == 1
    assert events[-1].degraded == ("incomplete: It broke off.",)
    assert events[-1].finish_reason == "interrupted"
    assert outcomes("interrupted") == before + 1


@pytest.mark.parametrize(
    "piece", ["x" * 5_000, "Yes. [1] " * 20_000, "\n" * 5_000_000], ids=["words", "marks", "blanks"]
)
def test_an_answer_has_a_greatest_length(found: Any, scripted: Any, piece: str) -> None:
    model = scripted(*[Delta(piece)] * 10, STOP)
    events = answer(Answerer(found, model, Settings(llm=LlmSettings(max_tokens=100))))
    assert len(text(events)) <= CHARS_PER_TOKEN * 100
    assert model.closed_early, "the rest is not read"
    if "x" in piece or "Y" in piece:
        assert events[-1].finish_reason == "length"


def test_an_answer_has_so_many_citations_and_no_more(found: Any, scripted: Any) -> None:
    events = answer(Answerer(found, scripted(Delta("Yes. [1] " * (MAX_CITATIONS + 7)), STOP), Settings()))
    assert len(only(events, Citation)) == MAX_CITATIONS
    assert events[-1].citations_dropped == 7


@given(
    st.lists(st.text(st.characters(categories=["Cs", "Lu", "Cc", "Cf", "Nd"], include_characters="[]. "), max_size=8))
)
def test_whatever_a_model_writes_can_be_encoded(pieces: list[str]) -> None:
    writing = Writing([], max_tokens=9)
    events = [event for piece in pieces for event in writing.take(Delta(piece))] + list(writing.finish())
    written = "".join(event.text for event in events if isinstance(event, Token))
    written.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\u200b]", written)


def test_a_link_that_no_source_has_is_taken_out_and_said_to_be(answerer: Any) -> None:
    pieces = "You get 25 days ![x](https://ev", "il.example/?q=25) [1]. So says hr/d1.md [1]."
    events = answer(answerer(*map(Delta, pieces), STOP))
    assert text(events) == "You get 25 days ! [x]((…)). So says hr/d1.md."
    (said,) = events[-1].degraded
    assert said.startswith("links: 1 ")
    first, _ = only(events, Citation)
    assert text(events)[first.answer_start : first.answer_end] == "You get 25 days ! [x]((…))"


def test_a_character_may_be_cut_into_its_surrogates(answerer: Any) -> None:
    events = answer(answerer(Delta("25 days \ud83d"), Delta("\ude00 [1] \ude00. \ud83d"), STOP))
    assert text(events) == "25 days \U0001f600 \ufffd. \ufffd"


def test_an_answer_without_citations_says_so(answerer: Any) -> None:
    events = answer(answerer(Delta("Twenty-five [9]."), STOP))
    assert text(events) == "Twenty-five."
    assert events[-1].degraded == ("uncited",)
    assert events[-1].citations_dropped == 1


@pytest.mark.parametrize("script", [["NO ANSWER"], ["NO", " ANS", "WER."], ["**NO ANSWER**\n"]])
def test_a_model_may_abstain(answerer: Any, script: list[str]) -> None:
    events = answer(answerer(*(Delta(piece) for piece in script), STOP))
    assert text(events) == ""
    (abstain,) = only(events, Abstain)
    assert [one.source.document_id for one in abstain.nearest] == ["d1", "d2"]
    assert events[-1].finish_reason == "abstain"


@pytest.mark.parametrize("start", ["NO ANSWER was given by HR [1].", "No", "NO ANS"])
def test_what_only_begins_like_abstaining_is_an_answer(answerer: Any, start: str) -> None:
    events = answer(answerer(*(Delta(character) for character in start), STOP))
    assert text(events) == start.replace(" [1]", "")
    assert not only(events, Abstain)


@pytest.mark.parametrize("script", ["", " \n ", "...", "[1][2]", " [99] ", "\u202e\u2066"])
def test_a_model_that_writes_nothing_is_stood_in_for(answerer: Any, script: str) -> None:
    events = answer(answerer(Delta(script), STOP))
    assert "25 days" in text(events)
    assert events[-1].degraded == ("llm: The model wrote nothing.",)


def test_nothing_found(passages: Any, scripted: Any) -> None:
    before = outcomes("abstained")
    events = answer(Answerer(passages(), scripted(Delta("hi"), STOP), Settings()))
    (abstain,) = only(events, Abstain)
    assert abstain.nearest == ()
    assert text(events) == ""
    assert events[-1].finish_reason == "abstain"
    assert outcomes("abstained") == before + 1


def test_nothing_fits(answerer: Any) -> None:
    events = answer(answerer(), question("What is the capital of France?"))
    (abstain,) = only(events, Abstain)
    assert [one.source.number for one in abstain.nearest] == [1, 2]


def test_what_retrieval_did_without_is_passed_on(answerer: Any, found: Any) -> None:
    found.degraded, found.notices = ("reranker: off", "vector: down"), ("Only stop words.",)
    done = answer(answerer())[-1]
    assert (done.degraded, done.notices) == (("reranker: off", "vector: down"), ("Only stop words.",))


def test_the_stream_opens_before_the_search(found: Any) -> None:
    async def run() -> None:
        async with aclosing(Answerer(found, None, Settings()).answer(question())) as events:
            assert isinstance(await anext(events), Meta)
            assert await anext(events) == StageEvent(name="retrieve", state="started")
            assert found.asked == []
            stage = await anext(events)
            assert (stage.name, stage.state, len(found.asked)) == ("retrieve", "finished", 1)

    asyncio.run(run())


def test_what_cannot_be_searched_for_is_refused_before_the_stream_opens(found: Any) -> None:
    async def run() -> None:
        with pytest.raises(InvalidRequest):
            await anext(Answerer(found, None, Settings()).answer(question(pipeline="magic")))

    asyncio.run(run())


def test_a_search_without_a_turn_is_refused_before_the_stream_opens(found: Any) -> None:
    lanes = Lanes.of(Settings(api=ApiSettings(searches=1, queue_s=0.01)))

    async def run() -> None:
        async with lanes.searches.place():
            with pytest.raises(Overloaded):
                await anext(Answerer(found, None, Settings(), lanes=lanes).answer(question()))

    asyncio.run(run())


def test_retrieval_that_fails_raises(answerer: Any, found: Any) -> None:
    found.error = IndexUnavailable("The index is down.")
    with pytest.raises(IndexUnavailable):
        answer(answerer())


def test_question_filters_and_history_reach_their_places(found: Any, scripted: Any) -> None:
    model = scripted(Delta("Yes [1]."), STOP)
    history = (Message("user", "Hello"), Message("assistant", "Hello to you"))
    asked = question("How many days of leave are there?", history=history, pipeline="lexical")
    answer(Answerer(found, model, Settings()), asked)
    assert found.asked == [("How many days of leave are there?", ANONYMOUS, None, "lexical")]
    assert [message.content for message in model.messages[1:3]] == ["Hello", "Hello to you"]


def test_closing_the_answer_closes_the_model_s_stream(found: Any, scripted: Any) -> None:
    model = scripted(Delta("You get "), Delta("25 days [1]."), STOP)
    before = outcomes("cancelled")

    async def run() -> None:
        async with aclosing(Answerer(found, model, Settings()).answer(question())) as events:
            async for event in events:
                if isinstance(event, Token):
                    return

    asyncio.run(run())
    assert model.closed_early
    assert outcomes("cancelled") == before + 1


def test_a_model_that_never_ends_meets_the_deadline(found: Any, scripted: Any) -> None:
    class Silent(scripted):  # type: ignore[misc, valid-type]
        async def stream(self, messages: Any) -> Any:
            await asyncio.Event().wait()
            yield STOP

    settings = Settings(llm=LlmSettings(total_timeout_s=0.1))
    events = answer(Answerer(found, Silent(), settings))
    assert "llm.total_timeout_s" in events[-1].degraded[0]
    assert "25 days" in text(events)


def test_closing_closes_the_model(found: Any, scripted: Any) -> None:
    model = scripted()
    asyncio.run(Answerer(found, model, Settings()).close())
    assert model.closed


def test_quotes_and_what_comes_nearest_are_placed(passages: Any, make_chunk: Any, scripted: Any) -> None:
    texts = [f"Every employee gets {days} days of paid leave a year." for days in (25, 26, 27)]
    paged, prose, gone = (make_chunk(text, document=f"d{number}") for number, text in enumerate(texts, start=1))
    found = passages(paged, replace(prose, page=None, heading_path=("Where the passage begins",)), gone)

    def locate(document: str, start: int, end: int) -> Place | None:
        assert (start, end) == (50, 50 + len(texts[0]))
        places = {"d1": Place(4, heading_path=("Leave",)), "d2": Place(None, heading_path=("Leave", "Paid"))}
        return places.get(document)

    def where(one: Any) -> tuple[int | None, tuple[str, ...]]:
        return one.page, one.heading_path

    wanted = [(4, ("Leave",)), (None, ("Leave", "Paid")), (3, ())]
    script = (Delta("25 days a year [1]. 26 days a year [2]. 27 days a year [3]."), STOP)
    cited = only(answer(Answerer(found, scripted(*script), Settings(), locate)), Citation)
    assert [where(one) for one in cited] == wanted
    (abstain,) = only(answer(Answerer(found, scripted(Delta("NO ANSWER"), STOP), Settings(), locate)), Abstain)
    assert [where(one.source) for one in abstain.nearest] == wanted
    assert [one.quote for one in abstain.nearest] == texts


def test_a_stand_in_is_named_with_the_reason(answerer: Any) -> None:
    stand_in = StandIn("second", "The model 'first' answers HTTP 503.")
    done = answer(answerer(Delta("You get 25 days [1].", stand_in=stand_in), STOP))[-1]
    assert done.model == "second"
    assert "model: second wrote. The model 'first' answers HTTP 503." in done.degraded
    assert done.finish_reason == "stop"


def test_prompts_of_the_settings_are_what_the_model_is_told(found: Any, scripted: Any, tmp_path: Any) -> None:
    file = tmp_path / "mine.md"
    file.write_text("Be terse, or write {no_answer}.\n---\n{sources}\nThey ask: {question}")
    model = scripted(Delta("25 days [1]."), STOP)
    events = answer(Answerer(found, model, Settings(prompts=PromptSettings(answering=file))))
    assert re.fullmatch(r"answering-[0-9a-f]{8}", events[0].prompts[0])
    assert events[0].prompts[0] != Prompts.of(PromptSettings()).versions[0]
    assert "".join(token.text for token in only(events, Token)).strip()
