"""Which arm answers, what is counted, and how a candidate is taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from api.auth.key_records import Grant
from api.canary.canary import Canary, Ending
from api.canary.candidate import candidate_of
from api.wiring import check_settings
from core.errors import ConfigurationError, IndexUnavailable, Overloaded, StorageUnavailable
from core.roles import Role
from core.settings import Settings
from generation.events import Done, Token, Verdict
from ingestion.catalog.canaries import Outcomes
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import ADMIN_KEY, Stack, an_answer, make_settings

pytestmark = pytest.mark.anyio

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


def trying(folder: Path, **canary: Any) -> Settings:
    values = {"share": 25, "pipeline": "lexical", "after_answers": 5, **canary}
    return Settings.model_validate({**make_settings(folder).model_dump(), "canary": values})


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    made = Stack(trying(tmp_path))
    made.answerer.script = made.candidate.script = an_answer()
    made.canary.refresh()
    yield made
    made.catalog.close()


def of_arm(stack: Stack, arm: str) -> str:
    """A conversation of an arm."""
    return next(name for name in map(str, range(1000)) if stack.canary.arm(name) == arm)


async def ask(client: httpx.AsyncClient, conversation: str, **more: Any) -> httpx.Response:
    return await client.post("/v1/answers", json={"question": "x", "conversation_id": conversation, **more})


def unsupported() -> list[Any]:
    answer = an_answer()
    return [*answer[:-1], Verdict(answer_start=0, answer_end=5, verdict="unsupported"), answer[-1]]


class Days:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.today = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.today

    def monotonic(self) -> float:
        return self.today.timestamp()


async def test_a_conversation_stays_with_its_arm_and_the_answer_names_it(stack: Stack) -> None:
    async with serving(stack) as client:
        for arm, answerer in (("candidate", stack.candidate), ("baseline", stack.answerer)):
            conversation, before = of_arm(stack, arm), answerer.calls
            for _ in range(2):
                assert (await ask(client, conversation)).json()["arm"] == arm
            assert answerer.calls == before + 2
            assert answerer.question.pipeline == ("lexical" if arm == "candidate" else None)
        streamed = await client.post(
            "/v1/answers",
            json={"question": "x", "conversation_id": of_arm(stack, "candidate")},
            headers={"Accept": "text/event-stream"},
        )
        data = [line[6:] for line in streamed.text.splitlines() if line.startswith("data: ")]
        assert json.loads(data[0])["arm"] == "candidate"


async def test_the_arm_is_kept_with_the_turn(stack: Stack) -> None:
    _, key = stack.keys.create("ann", Grant(user="ann"))
    async with serving(stack, headers={"Authorization": f"Bearer {key}"}) as client:
        asked = (await client.post("/v1/answers", json={"question": "x"})).json()
        turn = stack.catalog.conversations.turn(asked["answer_id"])
    assert turn.answer is not None
    assert turn.answer["arm"] == asked["arm"] == stack.canary.arm(asked["conversation_id"])


async def test_who_names_a_pipeline_gets_it_and_is_not_counted(stack: Stack) -> None:
    async with serving(stack) as client:
        answered = await ask(client, of_arm(stack, "candidate"), pipeline="vector")
        assert answered.json()["arm"] == ""
        assert stack.answerer.question.pipeline == "vector"
        stack.canary.refresh()
        assert stack.catalog.canaries.days(stack.canary.id) == {}


def test_shares_are_met_and_grow_without_moving_anybody(tmp_path: Path) -> None:
    stack = Stack(trying(tmp_path))
    names = [str(at) for at in range(4000)]
    chosen = {}
    for share in (5, 25, 100):
        canary = Canary(trying(tmp_path, share=share), lambda: stack.catalog)
        assert canary.arm("1") is None  # the catalog hasn't been asked yet
        canary.refresh()
        chosen[share] = {name for name in names if canary.arm(name) == "candidate"}
        assert len(chosen[share]) / len(names) == pytest.approx(share / 100, abs=0.02)
    assert chosen[5] < chosen[25] < chosen[100]
    stack.catalog.close()


def test_how_an_answer_ended() -> None:
    def ended(*events: Any, first: bool = True) -> tuple[int, ...]:
        ending = Ending()
        for event in events:
            ending.see(event)
        found = ending.outcomes(first=first)
        return found.conversations, found.failures, found.answers, found.errors, found.unsupported

    assert ended(*an_answer()) == (1, 0, 1, 0, 0)
    assert ended(*unsupported()) == (1, 1, 1, 0, 1)
    assert ended(*unsupported(), first=False) == (0, 0, 1, 0, 1)
    assert ended(Token(text="Every")) == (1, 1, 1, 1, 0)
    assert ended(Done(finish_reason="interrupted")) == (1, 1, 1, 1, 0)
    assert ended(Done(finish_reason="stop", degraded=("llm: It doesn't answer.",))) == (1, 1, 1, 1, 0)
    assert ended(Done(finish_reason="stop", sentences_dropped=1)) == (1, 1, 1, 0, 1)
    assert ended(Done(finish_reason="abstain")) == (1, 0, 1, 0, 0)


async def test_a_candidate_that_fails_is_taken_back_by_rule(stack: Stack) -> None:
    conversation = of_arm(stack, "candidate")
    async with serving(stack) as client:
        stack.candidate.script = [*an_answer()[:3], IndexUnavailable("Down.")]
        for _ in range(5):
            await ask(client, conversation)
        stack.canary.refresh()
        assert not stack.canary.running
        assert (await ask(client, conversation)).json()["arm"] == ""
        found = (await client.get("/v1/canary", headers=ADMIN)).json()
    assert found["reason"] == "100% of its last 5 answers were errors: canary.most_errors is 0.1."
    assert found["candidate"] == {
        **{"conversations": 5, "failures": 5, "answers": 5, "errors": 5, "unsupported": 0, "slow": 0}
    }
    other = Canary(stack.settings, lambda: stack.catalog)  # another process, or the same one started anew
    other.refresh()
    assert not other.running


async def test_unsupported_sentences_take_it_back_too(stack: Stack) -> None:
    stack.candidate.script = unsupported()
    async with serving(stack) as client:
        for _ in range(5):
            await ask(client, of_arm(stack, "candidate"))
    stack.canary.refresh()
    stop = stack.catalog.canaries.stopped(stack.canary.id)
    assert stop is not None
    assert "unsupported" in stop.reason


async def test_a_full_lane_is_no_candidates_failure(stack: Stack) -> None:
    stack.candidate.script = [Overloaded("Later.")]
    async with serving(stack) as client:
        assert (await ask(client, of_arm(stack, "candidate"))).status_code == 503
    stack.canary.refresh()
    assert stack.catalog.canaries.days(stack.canary.id) == {}


def test_evidence_over_finished_days_takes_it_back(tmp_path: Path) -> None:
    stack, clock = Stack(trying(tmp_path, most_unsupported=1)), Days()
    canary = Canary(stack.settings, lambda: stack.catalog, clock)
    canary.refresh()

    def answers(arm: Any, events: list[Any], count: int) -> None:
        for _ in range(count):
            ending = Ending()
            for event in events:
                ending.see(event)
            canary.note(arm, ending, first=True)

    for _ in range(3):
        answers("baseline", an_answer(), 90)
        answers("baseline", unsupported(), 10)
        answers("candidate", an_answer(), 20)
        answers("candidate", unsupported(), 15)
        canary.refresh()
        assert canary.running or clock.today.day > 1
        clock.today += timedelta(days=1)
    canary.refresh()
    standing = canary.standing()
    assert standing.evidence.verdict == "worse"
    assert standing.stop is not None
    assert "more often" in standing.stop.reason
    stack.catalog.close()


async def test_administrators_alone_see_and_stop_it(stack: Stack) -> None:
    _, reader = stack.keys.create("ann", Grant(user="ann", roles=(Role.READER,)))
    async with serving(stack) as client:
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {reader}"}, 403)):
            assert (await client.get("/v1/canary", headers=headers)).status_code == status
            assert (await client.post("/v1/canary/stop", headers=headers)).status_code == status
        assert stack.canary.running
        assert (await client.post("/v1/canary/stop", headers=ADMIN)).json() == {"stopped": True}
        assert (await client.post("/v1/canary/stop", headers=ADMIN)).json() == {"stopped": False}
        found = (await client.get("/v1/canary", headers=ADMIN)).json()
    assert not found["running"]
    assert found["reason"] == "An administrator stopped it."


async def test_metrics_and_sums_hold_no_text_and_answers_no_settings(stack: Stack) -> None:
    labels = {"arm": "candidate", "ended": "good"}
    before = REGISTRY.get_sample_value("footnote_canary_answers_total", labels) or 0
    async with serving(stack) as client:
        answered = await ask(client, of_arm(stack, "candidate"))
        stack.canary.refresh()
        told = (await client.get("/v1/canary", headers=ADMIN)).text
    assert REGISTRY.get_sample_value("footnote_canary_answers_total", labels) == before + 1
    assert json.loads(told)["candidate"].keys() == {
        *("conversations", "failures", "answers", "errors", "unsupported", "slow")
    }
    assert "lexical" not in answered.text


def test_while_the_catalog_is_down_the_baseline_answers_and_nothing_is_lost(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise StorageUnavailable("The catalog doesn't answer.")

    ending = Ending()
    ending.see(an_answer()[-1])
    stack.canary.note("candidate", ending, first=True)
    monkeypatch.setattr(stack.catalog.canaries, "add", down)
    with pytest.raises(StorageUnavailable):
        stack.canary.refresh()
    assert stack.canary.arm("any") is None
    monkeypatch.undo()
    stack.canary.refresh()
    assert stack.canary.running
    assert stack.canary.standing().sums["candidate"].answers == 1


async def test_without_a_canary_there_is_nothing_to_stop(tmp_path: Path) -> None:
    made = Stack(make_settings(tmp_path))
    async with serving(made) as client:
        stopped = await client.post("/v1/canary/stop", headers=ADMIN)
        assert stopped.status_code == 409
        assert "canary.share is 0" in stopped.json()["detail"]
        assert (await client.get("/v1/canary", headers=ADMIN)).json()["verdict"] == "open"
    made.catalog.close()


def test_settings_that_try_nothing_or_cannot_be_had_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="need something to try"):
        trying(tmp_path, pipeline=None)
    with pytest.raises(ValidationError):
        trying(tmp_path, share=50)
    with pytest.raises(ConfigurationError, match=r"canary\.pipeline names 'magic'"):
        check_settings(trying(tmp_path, pipeline="magic"))
    with pytest.raises(ConfigurationError, match=r"set llm\.provider"):
        check_settings(trying(tmp_path, model="other"))
    check_settings(trying(tmp_path))


def test_the_candidate_differs_in_what_is_set_alone(tmp_path: Path) -> None:
    llm = {"provider": "openai", "model": "one"}
    settings = trying(tmp_path, model="two", prompts={"answering": "a.md"})
    settings = settings.model_copy(update={"llm": settings.llm.model_validate(llm)})
    other = candidate_of(settings)
    assert other is not None
    assert (other.llm.model, other.llm.provider, str(other.prompts.answering)) == ("two", "openai", "a.md")
    assert other.prompts.rewriting is None
    assert candidate_of(trying(tmp_path)) is None  # its pipeline comes with the question
    same = {"llm", "prompts"}
    assert other.model_dump(exclude=same) == settings.model_dump(exclude=same)
    assert trying(tmp_path).canary.id != trying(tmp_path, pipeline="vector").canary.id
    assert trying(tmp_path).canary.id == trying(tmp_path, share=5).canary.id


def test_a_schedule_takes_its_steps_by_finished_days_and_answers(tmp_path: Path) -> None:
    canary = trying(tmp_path, share=100, step_days=2, after_answers=10).canary
    assert canary.share_after([]) == canary.share_after([100]) == 5
    assert canary.share_after([100, 1]) == 25
    assert canary.share_after([1, 1, 1]) == 5  # too few answers to tell anything
    assert canary.share_after([100, 1, 0, 9, 1]) == 100
    assert canary.share_after([100] * 30) == 100
    assert trying(tmp_path, share=25, step_days=2).canary.share_after([100] * 30) == 25
    assert trying(tmp_path, share=100).canary.share_after([]) == 100


def test_the_share_grows_at_midnight(tmp_path: Path) -> None:
    stack, clock = Stack(trying(tmp_path, share=25, step_days=1, after_answers=1, most_errors=1)), Days()
    canary = Canary(stack.settings, lambda: stack.catalog, clock)
    canary.refresh()
    names = [str(at) for at in range(400)]
    few = {name for name in names if canary.arm(name) == "candidate"}
    canary.note("candidate", Ending(), first=True)
    canary.refresh()
    assert {name for name in names if canary.arm(name) == "candidate"} == few
    clock.today += timedelta(days=1)
    stack.catalog.canaries.add(canary.id, {(clock.today.date() - timedelta(days=1), "candidate"): Outcomes(answers=9)})
    canary.refresh()
    many = {name for name in names if canary.arm(name) == "candidate"}
    assert few < many
    assert len(many) > 3 * len(few)
    stack.catalog.close()


def test_a_candidate_whose_99th_percentile_is_too_high_is_taken_back(tmp_path: Path) -> None:
    stack, times = Stack(trying(tmp_path, slow_s=2, most_errors=1)), iter(range(0, 1000, 3))
    canary = Canary(stack.settings, lambda: stack.catalog)
    canary.refresh()
    for _ in range(3):
        ending = Ending(lambda: next(times))
        ending.see(an_answer()[-1])
        canary.note("candidate", ending, first=True)
        assert canary.running
    canary.refresh()
    standing = canary.standing()
    assert standing.sums["candidate"].slow == 3
    assert standing.stop is not None
    assert standing.stop.reason == "100.0% of its answers took longer than canary.slow_s = 2: surely over 1%."
    stack.catalog.close()


def test_nothing_goes_to_a_generation_that_is_not_there(tmp_path: Path) -> None:
    stack, there = Stack(trying(tmp_path, pipeline=None, generation="g000002")), list[str]()
    canary = Canary(stack.settings, lambda: stack.catalog, generations=lambda: there)
    canary.refresh()
    assert not canary.running
    there.append("g000002")
    canary.refresh()
    assert canary.running
    there.clear()
    canary.refresh()
    assert canary.arm("any") is None
    assert canary.standing().stop is None  # built again, it may go on
    stack.catalog.close()


async def test_nobody_is_sent_to_a_candidate_that_cannot_be_had(stack: Stack) -> None:
    def build() -> Any:
        raise IndexUnavailable("The candidate's model isn't there.")

    conversation = of_arm(stack, "candidate")
    stack.candidate = build  # type: ignore[assignment]
    async with serving(stack) as client:
        answered = await ask(client, conversation)
    assert (answered.status_code, answered.json()["arm"]) == (200, "")
