"""Ways of cutting measured: ``python -m eval.chunking --covidqa ../shared/data/covidqa --cache /tmp/vectors.db``.

The share of questions whose answer stands whole in one passage within the first 3,000 tokens of what the service's own
search retrieves, for passages cut by structure, by meaning, at a fixed size, and recursively, all of one average size,
with McNemar's exact test. ``--incremental`` measures what an edit of a long document costs instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from core.settings import ChunkingSettings, Settings
from eval.chunking.baselines import FixedChunker, RecursiveChunker, RememberingTokenizer
from eval.chunking.edits import report_edits
from eval.chunking.measuring import Measured, mcnemar, measure
from eval.chunking.questions import Collection, covidqa, handbooks
from eval.chunking.searching import PIPELINES, CachedEmbedder
from eval.metrics import mean_with_interval
from ingestion.chunking.build import build_chunker
from ingestion.chunking.port import Chunker
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder

_TRIES = 8
NAMES = ("structural", "semantic", "fixed", "recursive")


def _mean_tokens(collection: Collection, chunker: Chunker) -> float:
    tokens = [passage.tokens for one in collection.documents.values() for passage in chunker.chunk(one).passages]
    return sum(tokens) / len(tokens)


def _strategies(collection: Collection, embedder: Embedder, names: Sequence[str]) -> Iterator[tuple[str, Chunker]]:
    """Of these, ours, and the baselines at the size that gives the structural passages' average."""
    structural = build_chunker(ChunkingSettings(strategy="structural"), embedder)
    wanted, tokenizer = _mean_tokens(collection, structural), RememberingTokenizer(embedder.tokenizer)
    make: dict[str, Callable[[], Chunker]] = {
        "structural": lambda: structural,
        "semantic": lambda: build_chunker(ChunkingSettings(strategy="semantic"), embedder),
        "fixed": lambda: _sized(collection, lambda size: FixedChunker(tokenizer, size), wanted),
        "recursive": lambda: _sized(collection, lambda size: RecursiveChunker(tokenizer, size), wanted),
    }
    for name in names:
        yield name, make[name]()


def _sized(collection: Collection, make: Callable[[int], Chunker], wanted: float) -> Chunker:
    """The chunker whose passages have this average, by bisection on its size."""
    low, high = 100, 2000
    for _ in range(_TRIES):
        middle = (low + high) // 2
        if _mean_tokens(collection, make(middle)) < wanted:
            low = middle
        else:
            high = middle
    return make(high)


def _report(title: str, collection: Collection, measured: Sequence[Measured]) -> None:
    print(f"\n## {title}: {len(collection.documents)} documents, {len(collection.asked)} questions\n")
    print("| cut | passages | tokens each | found by | whole answers | 95 % | only it, only structural, p |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    base = measured[0]
    for one in measured:
        for way, hits in one.hits.items():
            estimate = mean_with_interval([float(hit) for hit in hits])
            versus = "" if one is base else "{}, {}, {:.3f}".format(*mcnemar(hits, base.hits[way]))
            print(
                f"| {one.name} | {one.passages} | {one.tokens:.0f} | {way} | {estimate.value:.3f} "
                f"| {estimate.low:.3f} to {estimate.high:.3f} | {versus} |"
            )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m eval.chunking", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--covidqa", type=Path)
    parser.add_argument("--articles", type=int, default=98, help="how many of the articles, drawn by the seed")
    parser.add_argument("--handbooks", type=Path)
    parser.add_argument("--files", type=int, default=1000, help="how many of the handbooks' long files")
    parser.add_argument("--pipelines", nargs="+", default=PIPELINES, help="ways of searching")
    parser.add_argument("--cache", type=Path, required=True, help="file that keeps vectors between runs")
    parser.add_argument("--without", choices=NAMES[1:], nargs="*", default=(), help="strategies to leave out")
    parser.add_argument("--edits", type=int, default=50, help="of each kind, with --incremental")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--incremental", action="store_true", help="what an edit costs, with --covidqa's text")
    arguments = parser.parse_args(argv)
    embedder = CachedEmbedder(build_embedder(Settings()), arguments.cache)
    collections = {}
    if arguments.covidqa:
        collections["covidqa"] = covidqa(arguments.covidqa, arguments.articles, arguments.seed)
    if arguments.handbooks:
        collections["handbooks"] = handbooks(arguments.handbooks, arguments.files, arguments.seed)
    for title, collection in collections.items():
        if arguments.incremental:
            report_edits(title, collection, embedder, arguments.edits, arguments.seed)
            continue
        names = [name for name in NAMES if name not in arguments.without]
        measured = [
            measure(name, collection, chunker, embedder, arguments.pipelines)
            for name, chunker in _strategies(collection, embedder, names)
        ]
        _report(title, collection, measured)


if __name__ == "__main__":
    main()
