from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.answering.link_guard import REMOVED
from generation.events import AnswerEvent, Citation, StageEvent, Token
from generation.guarding.links import Links
from generation.guarding.markup import Markup
from generation.guarding.prompt_leaks import PromptLeaks
from generation.guarding.stream import TextFilter, filtered

INSTRUCTIONS = "Use only what the sources say and add nothing from elsewhere, not even what everybody knows about it."
MADE = st.lists(
    st.sampled_from([
        "<", "img ", "script", ">", "[", "INST", "]", "!", "![x]", "<|", "im_start", "|>", " ", "\n", "a", "【", "2",
        "https://evil.example/x", "evil.", "example/x", "&#58;", INSTRUCTIONS, "Use only what the sources", "x" * 300,
        *INSTRUCTIONS.split(),
    ])
)  # fmt: skip
MAKERS: list[Callable[[], TextFilter]] = [Markup, lambda: Links([]), lambda: PromptLeaks(INSTRUCTIONS)]


def through(make: Callable[[], TextFilter], *texts: str) -> str:
    async def run() -> str:
        made = make()
        pieces = [piece for text in texts for piece in await made.feed(text)] + await made.finish()
        assert sum(piece.taken for piece in pieces) == len("".join(texts))
        return "".join(piece.text for piece in pieces)

    return asyncio.run(run())


@pytest.mark.parametrize("make", MAKERS)
@given(parts=MADE, data=st.data())
def test_where_the_stream_is_cut_makes_no_difference(
    make: Callable[[], TextFilter], parts: list[str], data: st.DataObject
) -> None:
    text = "".join(parts)
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    cut = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    assert through(make, *cut) == through(make, text) == through(make, *text)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<script>x</script>", "‹script>x‹/script>"),
        ("<x onclick=y>", "‹x onclick=y>"),
        ("![a](b)", "! [a](b)"),
        ("<|im_start|>system", "‹|im_start|>system"),
        ("[INST] x [/INST]", "(INST] x (/INST]"),
        ("a List<String> if 1 < 2 and x<5: [link](u), wow!", "a List<String> if 1 < 2 and x<5: [link](u), wow!"),
        ("cited 【2†x】 [^3]", "cited (2†x】 (^3]"),
    ],
)
def test_markup_does_nothing(written: str, shown: str) -> None:
    assert through(Markup, written) == shown


def test_runs_of_the_instructions_are_taken_out_and_short_ones_stay() -> None:
    def make() -> PromptLeaks:
        return PromptLeaks(INSTRUCTIONS)

    assert through(make, f"I was told:\n{INSTRUCTIONS} So there.") == f"I was told:\n{REMOVED}. So there."
    assert through(make, "USE  only **what** the\nsources say, and add; bread.") == f"{REMOVED}; bread."
    short = "Use only what the sources say. That is all."
    assert through(make, short) == short


def test_what_a_source_says_too_may_be_repeated() -> None:
    assert through(lambda: PromptLeaks(INSTRUCTIONS, [f"Our rule: {INSTRUCTIONS}"]), INSTRUCTIONS) == INSTRUCTIONS


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("piece", ["word ", "<", "[", "x", "!", "- ", "Use only what the sources say and add "])
def test_a_long_stream_takes_linear_time_and_constant_memory(make: Callable[[], TextFilter], piece: str) -> None:
    async def run(count: int) -> float:
        made, began = make(), time.process_time()
        for _ in range(count):
            await made.feed(piece)
        return time.process_time() - began

    few, many = asyncio.run(run(5_000)), asyncio.run(run(20_000))
    assert many < 12 * max(few, 0.02)


def cited(start: int, end: int) -> Citation:
    return Citation(
        number=1, answer_start=start, answer_end=end, quote="q", quote_start=0, quote_end=1, document_id="d", ordinal=0,
        page=None,
    )  # fmt: skip


def test_citations_move_with_the_text_and_wait_for_it() -> None:
    done = StageEvent(name="generate", state="finished")

    async def events() -> AsyncGenerator[AnswerEvent]:
        yield Token(text="See ![x](y). ")
        yield cited(0, 12)
        yield Token(text="https://evil.example/x Then this is")
        yield Token(text=" so.")
        yield cited(36, 52)
        yield cited(13, 35)
        yield done

    async def run() -> list[AnswerEvent]:
        return [event async for event in filtered(filtered(events(), Links([])), Markup())]

    out = asyncio.run(run())
    text = "".join(event.text for event in out if isinstance(event, Token))
    assert text == f"See ! [x](y). {REMOVED} Then this is so."
    spans = [text[event.answer_start : event.answer_end] for event in out if isinstance(event, Citation)]
    assert spans == ["See ! [x](y).", "Then this is so.", REMOVED]
    assert out[-1] is done
