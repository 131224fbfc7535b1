"""The answer cache in a real Valkey: what is given again, to whom, and what happens when it isn't there."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import redis

from core.chunk import Chunk
from core.epoch import Epoch
from core.errors import ModelUnavailable, StorageUnavailable
from core.filters import AnyOf
from core.metadata import Metadata
from core.principal import Principal
from core.settings import Settings
from generation.answerer import Answerer
from generation.build import build_memory
from generation.caching.store import PREFIX, clear
from generation.events import AnswerEvent, Citation, Done, Meta, Sources, StageEvent, Token
from generation.models.port import Delta, Message, Usage
from generation.question import Question
from tests.integration.valkey import serving
from tests.unit.generation.conftest import GivenPassages, WordEmbedder

QUESTION = "How many days of paid leave does an employee get?"
ADA, BOB = Principal("ada"), Principal("bob")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as (address, _):
        yield address


class CountingModel:
    """A chat model that counts how often it was asked, and writes when it is let."""

    name = "counting"

    def __init__(self, *script: Delta | Exception) -> None:
        self.script = script or (Delta("You get 25 days [1]."), Delta(finish_reason="stop", usage=Usage(11, 5)))
        self.asked = 0
        self.let = asyncio.Event()
        self.let.set()

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        self.asked += 1
        await self.let.wait()
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            yield step

    async def close(self) -> None:
        pass


@dataclass
class Given:
    """What the catalog would say."""

    number: int = 1
    age_s: float = 100.0
    hidden: set[str] = field(default_factory=set)
    down: bool = False

    def epoch(self, terms: Collection[str]) -> Epoch:
        if self.down:
            raise StorageUnavailable("The catalog doesn't answer.")
        return Epoch(self.number, self.age_s)

    def readable(self, document_ids: Collection[str], terms: Collection[str]) -> bool:
        return self.hidden.isdisjoint(document_ids)


class World:
    """An answerer with a cache. Others with the same home share what is kept, as further processes would."""

    def __init__(self, url: str, home: Path, model: CountingModel | None = None, **cache: Any) -> None:
        text = "Every employee gets 25 days of paid leave a year."
        chunk = Chunk(
            id="c", document_id="d1", source_id="s", uri="hr/leave.md", ordinal=0, text=text, start=0, end=len(text),
            page=None, tokens=10, metadata=Metadata(title="Leave"),
        )  # fmt: skip
        self.model = model or CountingModel()
        self.passages = GivenPassages([chunk], WordEmbedder())
        self.passages.generation = "gen-1"  # type: ignore[misc]
        self.catalog = Given()
        more = {"timeout_s": 1.0, **cache}
        settings = Settings.model_validate({"data_dir": home, "cache": {"enabled": True, **more}})
        memory = build_memory(settings, self.catalog, url)
        self.answerer = Answerer(self.passages, self.model, settings, memory=memory)

    async def ask(self, text: str = QUESTION, principal: Principal = ADA, **more: Any) -> list[AnswerEvent]:
        question = Question(text=text, principal=principal, answer_id="a", conversation_id="c", **more)
        return [event async for event in self.answerer.answer(question)]


def run(world: World, *questions: dict[str, Any]) -> list[list[AnswerEvent]]:
    async def all_of_them() -> list[list[AnswerEvent]]:
        try:
            return [await world.ask(**one) for one in questions]
        finally:
            await world.answerer.close()

    return asyncio.run(all_of_them())


def done(events: list[AnswerEvent]) -> Done:
    assert isinstance(events[-1], Done)
    return events[-1]


def content(events: list[AnswerEvent]) -> list[Any]:
    kept = [event for event in events if isinstance(event, Sources | Citation)]
    return [*kept, "".join(event.text for event in events if isinstance(event, Token))]


def test_the_same_question_is_answered_once(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path)
    first, second = run(world, {}, {"text": f"  {QUESTION} "})
    assert world.model.asked == 1
    assert (done(first).cached, done(second).cached) == (False, True)
    assert content(first) == content(second)
    assert isinstance(second[0], Meta)
    assert done(second).usage is None
    stages = [(event.name, event.state) for event in second if isinstance(event, StageEvent)]
    assert stages == [("remember", "started"), ("remember", "finished")]


@pytest.mark.parametrize(
    "other",
    [
        {"principal": BOB},
        {"principal": Principal("ada", frozenset({"hr"}))},
        {"principal": Principal("ada", synced=frozenset({"f" * 32 + "/hr"}))},
        {"filters": AnyOf("department", frozenset({"HR"}))},
        {"pipeline": "lexical"},
        {"text": "How many days of unpaid leave does an employee get?"},
        {"history": (Message("user", "Hello"), Message("assistant", "Hello."))},
    ],
)
def test_what_differs_in_anything_is_answered_anew(url: str, tmp_path: Path, other: dict[str, Any]) -> None:
    world = World(url, tmp_path)
    _, second, third = run(world, {}, other, {})
    assert not done(second).cached
    assert done(third).cached


def test_the_same_in_other_words_is_given_again_unless_a_fact_differs(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path, similarity=0.7)
    asked = ["How many days of paid leave does each employee get?", "How many days of paid leave do 2 employees get?"]
    _, alike, other = run(world, {}, *({"text": text} for text in asked))
    assert (done(alike).cached, done(other).cached) == (True, False)


def test_a_change_of_what_a_reader_may_find_ends_it(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path)

    async def sequence() -> list[bool]:
        cached = []
        for number, hidden in [(1, set()), (1, set()), (1, {"d1"}), (2, set()), (2, set())]:
            world.catalog.number, world.catalog.hidden = number, hidden
            cached.append(done(await world.ask()).cached)
        await world.answerer.close()
        return cached

    assert asyncio.run(sequence()) == [False, True, False, False, True]


def test_an_answer_is_not_kept_while_changes_settle_or_the_catalog_is_down(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path)
    world.catalog.age_s = 0.5
    assert not done(run(world, {}, {})[1]).cached
    world.catalog.age_s, world.catalog.down = 100, True
    assert not done(run(world, {}, {})[1]).cached


@pytest.mark.parametrize(
    "script",
    [
        (ModelUnavailable("down"),),
        (Delta("You get 25 days"), ModelUnavailable("down")),
        (Delta("You get 25 days [1]."), Delta(finish_reason="length")),
        (Delta("You get 25 days."), Delta(finish_reason="stop")),
    ],
    ids=["failed", "broken off", "cut", "uncited"],
)
def test_what_failed_or_is_not_whole_is_not_kept(url: str, tmp_path: Path, script: tuple[Any, ...]) -> None:
    world = World(url, tmp_path, CountingModel(*script))
    assert not done(run(world, {}, {})[1]).cached
    assert world.model.asked == 2


def test_one_works_it_out_and_the_others_wait(url: str, tmp_path: Path) -> None:
    model = CountingModel()
    worlds = [World(url, tmp_path, model) for _ in range(4)]

    async def together() -> list[list[AnswerEvent]]:
        model.let.clear()
        tasks = [asyncio.create_task(world.ask()) for world in worlds]
        async with asyncio.timeout(10):
            while not model.asked:
                await asyncio.sleep(0.01)
        model.let.set()
        answers = await asyncio.gather(*tasks)
        for world in worlds:
            await world.answerer.close()
        return answers

    answers = asyncio.run(together())
    assert model.asked == 1
    assert sorted(done(events).cached for events in answers) == [False, True, True, True]
    assert all(sum(isinstance(event, Meta) for event in events) == 1 for events in answers)
    assert len({repr(content(events)) for events in answers}) == 1


def test_others_go_on_when_the_first_leaves_or_fails(url: str, tmp_path: Path) -> None:
    async def after(leaving: bool) -> tuple[int, bool]:
        model = CountingModel(*(() if leaving else (Delta("25 days."), Delta(finish_reason="stop"))))
        first, second = World(url, tmp_path / str(leaving), model), World(url, tmp_path / str(leaving), model)
        model.let.clear()
        leader = asyncio.create_task(first.ask())
        async with asyncio.timeout(10):
            while not model.asked:
                await asyncio.sleep(0.01)
        follower = asyncio.create_task(second.ask())
        if leaving:
            leader.cancel()
        model.let.set()
        events = await asyncio.wait_for(follower, 8)
        await asyncio.gather(leader, return_exceptions=True)
        await first.answerer.close()
        await second.answerer.close()
        return model.asked, done(events).cached

    for leaving in (True, False):
        assert asyncio.run(after(leaving)) == (2, False)


def test_waiting_ends_and_a_dead_leader_is_replaced(url: str, tmp_path: Path) -> None:
    """Somebody holds the lead who never says another word."""
    world = World(url, tmp_path, wait_s=0.3)

    async def ask() -> list[AnswerEvent]:
        remember = world.answerer._remember
        assert remember is not None
        question = Question(text=QUESTION, principal=ADA, answer_id="a", conversation_id="c")
        key = remember._keys.of(question, "gen-1", Epoch(1, 100))
        await remember._store.lead(key.name, "dead")
        events = await asyncio.wait_for(world.ask(), 5)
        with redis.Redis.from_url(url) as valkey:
            left_ms = valkey.pttl(f"{PREFIX}lead:{key.name}")
        await world.answerer.close()
        assert 0 < left_ms <= 3000  # then the next one takes over
        return events

    assert content(asyncio.run(ask()))[-1] == "You get 25 days."


def test_there_is_an_end_to_what_is_kept(url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(url) as valkey:
        valkey.flushall()
        world = World(url, tmp_path, max_bytes=4000, semantic=False)
        run(world, *({"text": f"Is {number} the number of days of leave?"} for number in range(30)))
        kept = list(valkey.scan_iter(match=f"{PREFIX}answer:*"))
        assert 1 < len(kept) < 15
        assert int(valkey.get(f"{PREFIX}bytes") or 0) <= 4000  # type: ignore[arg-type]
        assert all(0 < valkey.ttl(key) <= 3600 for key in valkey.scan_iter(match=f"{PREFIX}*"))
        assert asyncio.run(clear(url)) > len(kept)
        assert valkey.dbsize() == 0


def test_an_entry_that_is_none_is_left_aside(url: str, tmp_path: Path) -> None:
    run(World(url, tmp_path), {})
    with redis.Redis.from_url(url) as valkey:
        for key in valkey.scan_iter(match=f"{PREFIX}answer:*"):
            valkey.set(key, b"x" * 20, keepttl=True)
    assert not done(run(World(url, tmp_path), {})[0]).cached


def test_answers_go_on_while_the_cache_is_absent_stopped_or_full(tmp_path: Path) -> None:
    absent = World(f"unix://{tmp_path}/none.sock", tmp_path)
    assert [done(events) for events in run(absent, {}, {})][1].degraded == ()
    with serving("--maxmemory", "1mb", "--maxmemory-policy", "noeviction") as (full, process):
        assert not done(run(World(full, tmp_path), {}, {})[1]).cached
        process.send_signal(signal.SIGSTOP)
        slow = World(full, tmp_path, timeout_s=0.05)
        assert content(run(slow, {})[0])[-1] == "You get 25 days."
        process.send_signal(signal.SIGCONT)


def test_questions_are_kept_of_other_settings_apart(url: str, tmp_path: Path) -> None:
    run(World(url, tmp_path), {})
    world = World(url, tmp_path)
    settings = Settings.model_validate({"data_dir": tmp_path, "llm": {"temperature": 0.7}, "cache": {"enabled": True}})
    world.answerer = Answerer(
        world.passages, world.model, settings, memory=build_memory(settings, replace(world.catalog), url)
    )
    assert not done(run(world, {})[0]).cached
