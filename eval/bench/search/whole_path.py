"""Retrieval quality through the whole path: ``footnote bench whole-path --data FOLDER --api URL --key KEY``.

Writes the collection as Markdown files, ingests them through ``/v1/sources``, asks every judged query through
``/v1/search`` on each pipeline, and prints nDCG@10 and Recall@100. A document counts at its best passage.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from eval.bench.report import markdown, write_json
from eval.cli.shared import FILE, FOLDER
from eval.client import ApiClient, ApiError
from eval.corpus_folder import names_to_ids, ranking, write_corpus
from eval.datasets import Collection, read_collection
from eval.metrics import Estimate, mean_with_interval
from eval.progress import Progress, bars
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
    source, run = client.ingest(f"{collection.name} {time.time():.0f}", folder, progress=progress)
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
    for number, (query, text) in enumerate(collection.queries.items(), start=1):
        response = client.search(text, pipeline=pipeline, limit=LIMIT, source=source)
        places = (place["uri"] for hit in response["hits"] for place in (hit, *hit.get("duplicates", ())))
        rankings[query] = ranking(places, names)
        degraded += bool(response["degraded"])
        progress(f"{collection.name}: {pipeline}", number, len(collection.queries))
    scores = measure(rankings, collection.qrels).values()
    ndcg, recall, mrr = (mean_with_interval([row[name] for row in scores]) for name in (NDCG, "recall@100", "mrr@10"))
    return Result(collection.name, pipeline, len(scores), ndcg, recall, mrr, degraded)


@click.command()
@click.option("--data", type=FOLDER, multiple=True, required=True, help="A collection in the BEIR layout. Repeatable.")
@click.option("--api", default="http://127.0.0.1:8321", show_default=True, help="A running Footnote on this machine.")
@click.option("--key", help="An administrator's key: the one in <data_dir>/admin.key.")
@click.option("--pipeline", "pipelines", multiple=True, default=PIPELINES, show_default=True, help="Repeatable.")
@click.option("--split", default="test", show_default=True, help="Which judgments: qrels/SPLIT.tsv.")
@click.option("--keep", is_flag=True, help="Leave the sources in the index.")
@click.option("--out", type=FILE, help="Write the figures as JSON.")
def whole_path(
    *,
    data: tuple[Path, ...],
    api: str,
    key: str | None,
    pipelines: tuple[str, ...],
    split: str,
    keep: bool,
    out: Path | None,
) -> None:
    """Ingest collections as files through a running Footnote, and ask their questions through its search."""
    results = []
    with ApiClient(api, key) as client, bars() as progress:
        for one in data:
            collection = read_collection(one, split=split)
            with tempfile.TemporaryDirectory(prefix=f"footnote-{collection.name}-") as folder:
                source = ingest(client, collection, Path(folder), progress)
                try:
                    results += [evaluate(client, collection, source, name, progress) for name in pipelines]
                finally:
                    if not keep:
                        client.remove(source)
    rows = [
        (
            r.collection,
            r.pipeline,
            r.queries,
            r.ndcg_10,
            f"{r.recall_100.value:.3f}",
            f"{r.mrr_10.value:.3f}",
            r.degraded,
        )
        for r in results
    ]
    head = ("collection", "pipeline", "queries", "nDCG@10 (95 %)", "Recall@100", "MRR@10", "degraded")
    click.echo(markdown(head, rows))
    write_json([asdict(result) for result in results], out)
