"""What a long answer takes: ``footnote bench streams``. Its time should grow with its length, and its memory not."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import click

from core.chunk import Chunk
from core.principal import ANONYMOUS
from core.settings import Settings
from eval.bench.report import machine_line, markdown, write_json
from eval.cli.shared import FILE, json_option, print_json
from generation.answerer import Answerer
from generation.events import Token
from generation.models.port import Delta, Message
from generation.question import Question
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder
from retrieval.hit import Ranks, Scores, SearchHit, SearchResponse

TOPICS = ("leave", "travel", "equipment", "payroll", "security", "training", "hiring", "parking")
_GUARDS = {
    "pii": {"answers": {"EMAIL_ADDRESS": "mask", "PHONE_NUMBER": "mask"}},
    "safety": {"rules": [{"category": "weapons", "words": ["nerve gas"], "patterns": [r"\bbomb(?:s|ing)?\b"]}]},
}


def prose() -> Iterator[str]:
    """Sentences with a citation each, no two alike: some are in their source, some nearly so, some not."""
    for at in count():
        topic = TOPICS[at % len(TOPICS)]
        said = (f"The {topic} team answers within {at} days", f"Ask about {topic} number {at} at the {topic} desk")
        yield f"{said[at % 2]}, as the handbook says [{at % len(TOPICS) + 1}]. "


def endless() -> Iterator[str]:
    """A sentence that doesn't end."""
    return (f"and {TOPICS[at % len(TOPICS)]} number {at}, " for at in count())


def marks() -> Iterator[str]:
    """No words at all."""
    return (". * " for _ in count())


SHAPES: Mapping[str, Callable[[], Iterator[str]]] = {"prose": prose, "endless": endless, "marks": marks}


@dataclass(frozen=True, slots=True)
class Streamed:
    """What an answer of so many tokens took; ``peak`` is what was in use at most beyond the beginning, in MB."""

    shape: str
    tokens: int
    seconds: float
    peak: float
    characters: int


class _Talker:
    """A model that says so many tokens of four characters, as fast as they are taken."""

    name = "talker"

    def __init__(self, text: Iterator[str], tokens: int) -> None:
        self._text = text
        self._tokens = tokens

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:  # noqa: ARG002
        held = ""
        for _ in range(self._tokens):
            while len(held) < 4:  # noqa: PLR2004 - as tokens of English are
                held += next(self._text)
            piece, held = held[:4], held[4:]
            yield Delta(text=piece)
            await asyncio.sleep(0)
        yield Delta(finish_reason="stop")

    async def close(self) -> None:
        """There is nothing to let go of."""


class _Found:
    """Finds a passage of each topic, whatever is asked."""

    generation = "g"

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._hits = tuple(SearchHit(_passage(topic), 1.0, Ranks(), Scores()) for topic in TOPICS)

    def check(self, query: str, pipeline: str | None = None) -> None:
        """Anything can be asked."""

    def search(self, query: str, principal: Any, **options: Any) -> SearchResponse:  # noqa: ARG002
        """The passages."""
        return SearchResponse(self._hits, len(self._hits), {"total": 0.0}, (), "g", "hybrid")

    def spelt_nearly(self, *asked: Any) -> Sequence[Chunk]:  # noqa: ARG002
        """No word is misspelt."""
        return ()


def _passage(topic: str) -> Chunk:
    lines = [f"The {topic} team answers within {at} days, as the handbook says." for at in range(3, 40, 4)]
    text = " ".join([*lines, f"Ask about {topic} at the {topic} desk."])
    return Chunk(
        id=topic, document_id=topic, source_id="s", uri=f"{topic}.md", ordinal=0, text=text, start=0, end=len(text)
    )


@click.command(epilog="Example:  footnote bench streams --tokens 10000 --tokens 100000  (docs/answers.md)")
@click.option("--tokens", "sizes", type=click.IntRange(100), multiple=True, default=(10_000, 50_000, 100_000))
@click.option("--shape", "shapes", type=click.Choice(list(SHAPES)), multiple=True, default=("prose",))
@click.option("--guards/--no-guards", default=True, show_default=True, help="Personal data and content by rules.")
@click.option("--memory/--no-memory", default=True, help="Stream each once more to see what memory it takes.")
@click.option("--out", type=FILE, help="Write the figures as JSON.")
@json_option
def streams(
    *, sizes: tuple[int, ...], shapes: tuple[str, ...], guards: bool, memory: bool, out: Path | None, as_json: bool
) -> None:
    """Stream answers of a model that writes without an end, every sentence checked and guarded."""
    embedder = build_embedder(Settings())
    embedder.warm_up()
    asyncio.run(_streamed(embedder, "prose", min(sizes), guards=guards))  # what is loaded once
    found = [_measured(embedder, shape, size, guards=guards, memory=memory) for shape in shapes for size in sizes]
    rows = [
        (one.shape, one.tokens, f"{one.seconds:.1f}", f"{1e6 * one.seconds / one.tokens:.0f}", f"{one.peak:.1f}")
        for one in found
    ]
    head = ("shape", "tokens", "seconds", "microseconds a token", "peak MB")
    told = {"machine": machine_line(), "guards": guards, "figures": [dict(zip(head, row, strict=True)) for row in rows]}
    write_json(told, out)
    if as_json:
        print_json(told)
    else:
        click.echo(f"{machine_line()}; guards {'on' if guards else 'off'}\n\n{markdown(head, rows)}")


def _measured(embedder: Embedder, shape: str, tokens: int, *, guards: bool, memory: bool) -> Streamed:
    began = time.perf_counter()
    characters = asyncio.run(_streamed(embedder, shape, tokens, guards=guards))
    seconds = time.perf_counter() - began
    peak = 0.0
    if memory:
        tracemalloc.start()
        asyncio.run(_streamed(embedder, shape, tokens, guards=guards))
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    return Streamed(shape, tokens, seconds, peak, characters)


async def _streamed(embedder: Embedder, shape: str, tokens: int, *, guards: bool) -> int:
    """Take an answer as a reader does who keeps nothing of it; how many characters it had."""
    settings = Settings.model_validate(
        {
            "llm": {"max_tokens": tokens, "total_timeout_s": 86_400},
            "verification": {"timeout_s": 60},
            **({"guard": _GUARDS} if guards else {}),
        }
    )
    answerer = Answerer(_Found(embedder), _Talker(SHAPES[shape](), tokens), settings)
    question = Question(
        text="Which team answers within a few days?", principal=ANONYMOUS, answer_id="b", conversation_id="b"
    )
    characters = 0
    async with aclosing(answerer.answer(question)) as events:
        async for event in events:
            characters += len(event.text) if isinstance(event, Token) else 0
    await answerer.close()
    return characters
