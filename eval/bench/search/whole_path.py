"""Retrieval quality through the whole path: ``python -m eval.bench whole_path --data FOLDER --api URL --key KEY``.

Writes the collection as Markdown files, ingests them through ``/v1/sources``, asks every judged query through
``/v1/search`` on each pipeline, and prints nDCG@10 and Recall@100. A document counts at its best passage.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from eval.client import ApiClient, ApiError
from eval.corpus_folder import names_to_ids, ranking, write_corpus
from eval.datasets import Collection, DatasetError, read_collection
from eval.metrics import Estimate, mean_with_interval
from eval.retrieval.scoring import NDCG, measure

PIPELINES = ("lexical", "vector", "hybrid")
LIMIT = 100


@dataclass(frozen=True, slots=True)
class Result:
    """What one pipeline reached on one collection; ``degraded`` is how many queries did without a part."""

    collection: str
    pipeline: str
    queries: int
    ndcg_10: Estimate
    recall_100: Estimate
    mrr_10: Estimate
    degraded: int


def ingest(client: ApiClient, collection: Collection, folder: Path, progress: Progress) -> str:
    """Write a collection into the folder and ingest it; the source's id.

    Raises:
        ApiError: the sync failed, or didn't take in every document.
    """
    written = write_corpus(collection.documents, folder)
    task = progress.add_task(f"{collection.name}: ingesting", total=written)
    source, run = client.ingest(
        f"{collection.name} {time.time():.0f}",
        folder,
        progress=lambda run: progress.update(task, completed=run["indexed"] + run["failed"] + run["unchanged"]),
    )
    if run["indexed"] != written:
        raise ApiError(f"{written} files were written, but the run says: {json.dumps(run)}")
    return source


def evaluate(
    client: ApiClient, collection: Collection, source: str | None, pipeline: str, progress: Progress
) -> Result:
    """Ask every judged query and score the rankings."""
    names = names_to_ids(collection.documents)
    rankings: dict[str, list[str]] = {}
    degraded = 0
    task = progress.add_task(f"{collection.name}: {pipeline}", total=len(collection.queries))
    for query, text in collection.queries.items():
        response = client.search(text, pipeline=pipeline, limit=LIMIT, source=source)
        places = (place["uri"] for hit in response["hits"] for place in (hit, *hit.get("duplicates", ())))
        rankings[query] = ranking(places, names)
        degraded += bool(response["degraded"])
        progress.advance(task)
    scores = measure(rankings, collection.qrels).values()
    figures = {metric: mean_with_interval([row[metric] for row in scores]) for metric in (NDCG, "recall@100", "mrr@10")}
    return Result(
        collection.name,
        pipeline,
        len(scores),
        figures[NDCG],
        figures["recall@100"],
        figures["mrr@10"],
        degraded,
    )


def table(results: Sequence[Result]) -> Table:
    """The results for a terminal."""
    shown = Table("collection", "pipeline", "queries", "nDCG@10 (95 % CI)", "Recall@100", "MRR@10", "degraded")
    for result in results:
        quality = f"{result.ndcg_10.value:.3f} ({result.ndcg_10.low:.3f}-{result.ndcg_10.high:.3f})"
        rest = f"{result.recall_100.value:.3f}", f"{result.mrr_10.value:.3f}", str(result.degraded)
        shown.add_row(result.collection, result.pipeline, str(result.queries), quality, *rest)
    return shown


def run(args: argparse.Namespace, progress: Progress) -> list[Result]:
    """Ingest and evaluate every collection that was named; sources go at the end unless they are to be kept."""
    results = []
    with ApiClient(args.api, args.key) as client:
        for data in args.data:
            collection = read_collection(data, split=args.split)
            with tempfile.TemporaryDirectory(prefix=f"footnote-{collection.name}-") as folder:
                source = ingest(client, collection, Path(folder), progress)
                try:
                    results += [evaluate(client, collection, source, name, progress) for name in args.pipelines]
                finally:
                    if not args.keep:
                        client.remove(source)
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders in the BEIR layout")
    parser.add_argument("--api", default="http://127.0.0.1:8321", help="a running Footnote on this machine")
    parser.add_argument("--key", help="an administrator's key: the one in <data_dir>/admin.key")
    parser.add_argument("--pipelines", nargs="+", default=list(PIPELINES))
    parser.add_argument("--split", default="test")
    parser.add_argument("--keep", action="store_true", help="leave the sources in the index")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    args = parser.parse_args(argv)
    console = Console(stderr=True)
    try:
        with Progress(console=console) as progress:
            results = run(args, progress)
    except (ApiError, DatasetError, LookupError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    Console(width=None if sys.stdout.isatty() else 120).print(table(results))
    if args.out:
        rows: list[dict[str, Any]] = [asdict(result) for result in results]
        args.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0
