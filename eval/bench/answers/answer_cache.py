"""Which questions the answer cache takes for the same, and how long a hit takes: ``footnote bench answer-cache``."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import click
import numpy as np

from core.cache_settings import CacheSettings
from core.chunk import Vector
from core.settings import Settings
from eval.bench.answers.pairs import Pair, pairs
from eval.bench.report import machine_line, markdown
from eval.metrics import latency
from generation.caching.facts import same_facts
from generation.caching.keys import Key
from generation.caching.recording import KeptAnswer
from generation.caching.store import QUESTIONS, AnswerStore
from generation.events import Citation, Done, Sources, Token
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder

THRESHOLDS = (0.80, 0.84, 0.86, 0.88, 0.90, 0.92, 0.93, 0.94, 0.96)


@click.command(epilog="Example:  footnote bench answer-cache --valkey unix:///path/of/valkey.sock")
@click.option("--count", default=500, show_default=True, help="Pairs of each sort.")
@click.option("--valkey", metavar="URL", help="A Valkey to time hits in; without it, only the decision is measured.")
@click.option("--show", is_flag=True, help="Print what was taken for the same and isn't, at the default threshold.")
def answer_cache(count: int, valkey: str | None, show: bool) -> None:
    """Judge pairs of questions over the handbooks by cosine and facts; half of the questions are for tuning."""
    embedder = build_embedder(Settings())
    embedder.warm_up()
    judged = [(pair, _cosine(embedder, pair), same_facts(pair.one, pair.other)) for pair in pairs(count)]
    click.echo(f"{machine_line()}\n")
    rows = []
    for threshold in THRESHOLDS:
        for tunes in (True, False):
            half = [one for one in judged if one[0].tunes is tunes]
            rows.append((threshold, "tuning" if tunes else "held out", *_rates(half, threshold)))
    click.echo(markdown(("cosine from", "half", "paraphrases hit", "near misses hit", "of them by cosine alone"), rows))
    threshold = CacheSettings().similarity
    taken = [pair for pair, cosine, alike in judged if cosine >= threshold and alike]
    kinds = Counter(pair.kind for pair, *_ in judged)
    click.echo(f"\nAt {threshold}, hits by kind:\n")
    hits = Counter(pair.kind for pair in taken)
    click.echo(markdown(("kind", "pairs", "hits"), [(kind, kinds[kind], hits[kind]) for kind in kinds]))
    if show:
        for pair in taken:
            if not pair.same:
                click.echo(f"{pair.kind}: {pair.one} | {pair.other}")
    if valkey is not None:
        exact, near = asyncio.run(_timed(valkey, embedder))
        click.echo(f"\nA hit among {QUESTIONS} questions, p50 / p95 ms: exact {exact}, in other words {near}")


def _cosine(embedder: Embedder, pair: Pair) -> float:
    return float(embedder.embed_query(pair.one) @ embedder.embed_query(pair.other))


def _rates(judged: Sequence[tuple[Pair, float, bool]], threshold: float) -> tuple[str, str, str]:
    def rate(same: bool, guarded: bool) -> str:
        some = [one for one in judged if one[0].same is same]
        hit = sum(cosine >= threshold and (alike or not guarded) for _, cosine, alike in some)
        return f"{hit}/{len(some)} = {hit / len(some):.3f}"

    return rate(True, guarded=True), rate(False, guarded=True), rate(False, guarded=False)


async def _timed(url: str, embedder: Embedder) -> tuple[str, str]:
    """Times from the question to the unpacked answer, the check of permissions in the catalog left out."""
    store = AnswerStore(url, CacheSettings(timeout_s=1))
    question = "How many days of paid leave do I get?"
    answer = _answer(question)
    choice = np.random.default_rng(0)
    scope = choice.bytes(16).hex()
    others = choice.normal(size=(QUESTIONS - 1, embedder.dimensions)).astype(np.float32)
    vectors: list[Vector] = [*(others / np.linalg.norm(others, axis=1, keepdims=True)), embedder.embed_query(question)]
    names = [choice.bytes(16).hex() for _ in vectors]
    for name, vector in zip(names, vectors, strict=True):
        await store.keep(Key(scope, name), answer, vector)
    exact, near = [], []
    for _ in range(200):
        began = time.perf_counter()
        packed = await store.get(names[-1])
        assert packed is not None
        KeptAnswer.from_bytes(packed)
        exact.append(time.perf_counter() - began)
        began = time.perf_counter()
        other = "How many days of paid leave can I get?"
        found = await store.nearest(scope, await asyncio.to_thread(embedder.embed_query, other))
        assert any(same_facts(other, KeptAnswer.from_bytes(one).question) for one in found)
        near.append(time.perf_counter() - began)
    await store.close()
    return str(latency(np.array(exact) * 1000)), str(latency(np.array(near) * 1000))


def _answer(question: str) -> bytes:
    cited = [
        Citation(
            number=number, answer_start=0, answer_end=9, quote="A sentence of a document. " * 4, quote_start=0,
            quote_end=100, document_id=f"{number:032}", ordinal=0, page=1,
        )
        for number in range(8)
    ]  # fmt: skip
    return KeptAnswer(
        question, [Sources(sources=()), Token(text="words " * 100), *cited, Done(finish_reason="stop")]
    ).to_bytes()
