"""What retrieval costs on top of its parts: ``python -m eval.bench latency --data ../shared/data/scifact``.

Reads the same settings as the service, whose index must be filled (``whole_path --keep``, or any ingestion). For each
query, by turns: ``Retriever.search`` (hybrid, no reranker), against embedding the query plus one raw ``_msearch`` with
the same two leg bodies, sent and not even parsed. With ``--api``, also through HTTP. On the embedded index, which has
no protocol of its own, the raw part is one call of ``SearchIndex.both``. Ratios are of medians, with 95 % intervals.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.errors import FootnoteError
from core.filters import visible_to
from core.principal import ANONYMOUS
from core.settings import OpenSearchSettings, Settings
from core.settings_source import load_settings
from eval.client import ApiClient, ApiError
from eval.datasets import DatasetError, read_collection
from eval.metrics import Estimate, bootstrap
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder
from retrieval.index.build import build_index
from retrieval.retriever import HYBRID, Retriever

Way = Callable[[str], object]
RAW, SEARCH, HTTP = "embed + raw search", "Retriever.search", "POST /v1/search"


def raw_opensearch(settings: Settings, embedder: Embedder) -> Way:
    """Embed, and send one ``_msearch`` with the bodies of both legs on a kept connection. Nothing is parsed.

    Raises:
        FootnoteError: SigV4 is set: the raw way signs nothing.
    """
    from retrieval.index.opensearch.client import dumps  # noqa: PLC0415 - only where OpenSearch is the index
    from retrieval.index.opensearch.filters import inside_knn, to_query  # noqa: PLC0415
    from retrieval.index.opensearch.index import OpenSearchIndex  # noqa: PLC0415
    from retrieval.index.opensearch.queries import ANSWER_FIELDS, lexical_search, vector_search  # noqa: PLC0415
    from retrieval.index.opensearch.vectors import VectorLayout  # noqa: PLC0415

    opensearch = settings.index.opensearch
    http, layout = _http(opensearch), VectorLayout.of_settings(opensearch)
    live = next(g for g in OpenSearchIndex(settings.index).generations() if g.live)
    visible, depth = visible_to(ANONYMOUS), settings.retrieval.depth
    path, header = f"/{live.name}/_msearch", b"{}\n"

    def ask(query: str) -> None:
        bodies = (
            lexical_search(query, to_query(visible), depth),
            vector_search(embedder.embed_query(query), inside_knn(visible), depth, opensearch, layout),
        )
        content = b"".join(header + dumps(body) + b"\n" for body in bodies)
        http.post(path, params={"filter_path": ANSWER_FIELDS}, content=content).raise_for_status()

    return ask


def _http(settings: OpenSearchSettings) -> httpx.Client:
    if settings.aws is not None:
        raise FootnoteError(
            "eval.bench.search.latency can't sign requests: run it against an OpenSearch with a user or none."
        )
    login = (settings.user, settings.password.get_secret_value()) if settings.user and settings.password else None
    verify: Any = True
    if settings.ca_file is not None:
        import ssl  # noqa: PLC0415

        verify = ssl.create_default_context(cafile=str(settings.ca_file))
    headers = {"Content-Type": "application/x-ndjson"}
    return httpx.Client(base_url=settings.url, auth=login, verify=verify, headers=headers, timeout=settings.timeout_s)


def ways(settings: Settings, api: ApiClient | None, limit: int) -> dict[str, Way]:
    """The ways to measure, over one embedder and one index."""
    embedder, index = build_embedder(settings), build_index(settings)
    index.ensure(embedder.name, embedder.dimensions)
    retriever = Retriever(index, embedder, None, settings)
    retriever.warm_up()
    visible, depth = visible_to(ANONYMOUS), settings.retrieval.depth

    def raw_embedded(query: str) -> None:
        index.both(query, embedder.embed_query(query), visible, depth)

    def search(query: str) -> None:
        found = retriever.search(query, ANONYMOUS, limit=limit, pipeline=HYBRID)
        if not found.hits or len(found.degraded) > 1:
            raise FootnoteError(f"Nothing to measure: {len(found.hits)} hits, {found.degraded}. Fill the index first.")

    opensearch = settings.index.kind == "opensearch"
    measured = {RAW: raw_opensearch(settings, embedder) if opensearch else raw_embedded, SEARCH: search}
    if api is not None:
        measured[HTTP] = lambda query: api.search(query, pipeline=HYBRID, limit=limit)
    return measured


def measure(measured: Mapping[str, Way], queries: Sequence[str], *, console: Console) -> NDArray[np.float64]:
    """Milliseconds, one row a query and one column a way. The order of the ways turns with each query."""
    times = np.empty((len(queries), len(measured)))
    order = list(enumerate(measured.values()))
    for row, query in enumerate(track(queries, "measuring", console=console)):
        turn = row % len(order)
        for column, way in order[turn:] + order[:turn]:
            began = time.perf_counter()
            way(query)
            times[row, column] = (time.perf_counter() - began) * 1000
    return times


def ratio(times: NDArray[np.float64], column: int, percentile: float = 50) -> Estimate:
    """A way's percentile over the raw way's (column 0), with its bootstrap interval over queries."""

    def statistic(rows: NDArray[np.float64]) -> float:
        return float(np.percentile(rows[:, column], percentile) / np.percentile(rows[:, 0], percentile))

    return bootstrap(statistic, times)


def report(names: Sequence[str], times: NDArray[np.float64]) -> list[dict[str, Any]]:
    """A row a way: p50, p95 in ms, and the ratio of medians to the raw way."""
    return [
        {
            "way": name,
            "p50_ms": float(np.percentile(times[:, column], 50)),
            "p95_ms": float(np.percentile(times[:, column], 95)),
            "p50_ratio": asdict(ratio(times, column)),
        }
        for column, name in enumerate(names)
    ]


def _table(rows: Sequence[Mapping[str, Any]], queries: int) -> Table:
    shown = Table("way", "p50 ms", "p95 ms", "p50 ratio (95 % CI)", title=f"{queries} queries")
    for row in rows:
        r = row["p50_ratio"]
        interval = f"{r['value']:.2f} ({r['low']:.2f}-{r['high']:.2f})"
        shown.add_row(row["way"], f"{row['p50_ms']:.1f}", f"{row['p95_ms']:.1f}", interval)
    return shown


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder in the BEIR layout, for its queries")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--warm", type=int, default=20, help="queries before the clock starts")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--api", help="also measure through this Footnote")
    parser.add_argument("--key", help="an API key for it")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    args, console = _arguments(argv), Console(stderr=True)
    try:
        queries = list(read_collection(args.data).queries.values())
        measured = ways(load_settings(), ApiClient(args.api, args.key) if args.api else None, args.limit)
        measure(measured, queries[-args.warm :], console=console)
        times = measure(measured, queries[: args.queries], console=console)
    except (FootnoteError, ApiError, DatasetError, httpx.HTTPError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    rows = report(list(measured), times)
    Console().print(_table(rows, len(times)))
    if args.out:
        args.out.write_text(json.dumps({"queries": len(times), "ways": rows}, indent=2) + "\n", encoding="utf-8")
    return 0
