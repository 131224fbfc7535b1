"""What retrieval costs on top of its parts: ``footnote bench latency --data ../shared/data/scifact``.

Reads the same settings as the service, whose index must be filled. For each
query, by turns: ``Retriever.search`` (hybrid, no reranker), against embedding the query plus one raw ``_msearch`` with
the same two leg bodies, sent and not even parsed. With ``--api``, also through HTTP. On the embedded index, which has
no protocol of its own, the raw part is one call of ``SearchIndex.both``. Ratios are of medians, with 95 % intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np
from numpy.typing import NDArray

from core.errors import FootnoteError
from core.filters import visible_to
from core.principal import ANONYMOUS
from core.settings import OpenSearchSettings, Settings
from eval.bench.report import machine, machine_line, markdown, write_json
from eval.bench.timing import by_turns, conditions
from eval.cli.shared import FILE, FOLDER, settings
from eval.client import ApiClient
from eval.datasets import read_collection
from eval.metrics import latency as percentiles
from eval.metrics import ratio_of_percentiles
from eval.progress import bars
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
        raise FootnoteError("This can't sign requests: run it against an OpenSearch with a user or none.")
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
    measured: dict[str, Way] = {
        RAW: raw_opensearch(settings, embedder) if opensearch else raw_embedded,
        SEARCH: search,
    }
    if api is not None:
        measured[HTTP] = lambda query: api.search(query, pipeline=HYBRID, limit=limit)
    return measured


def rows_of(names: Sequence[str], found: Mapping[str, NDArray[np.float64]]) -> list[dict[str, Any]]:
    """A row a condition and way: percentiles in ms, and the ratio of its median to the raw way's."""
    return [
        {
            "condition": condition,
            "way": name,
            **asdict(percentiles(times[:, column])),
            "p50_ratio": ratio_of_percentiles(times, column, 0),
        }
        for condition, times in found.items()
        for column, name in enumerate(names)
    ]


@click.command(epilog="Example:  footnote bench latency --data ../shared/data/scifact")
@click.option("--data", type=FOLDER, required=True, help="A collection in the BEIR layout, for its queries.")
@click.option("--queries", default=200, show_default=True)
@click.option("--warm", default=20, show_default=True, help="Queries before the clock starts.")
@click.option("--limit", default=10, show_default=True, help="Results to ask for.")
@click.option("--beside/--idle", default=True, help="Measure beside a busy process too, or idle only.")
@click.option("--api", help="Also measure through this Footnote.")
@click.option("--key", help="An API key for it.")
@click.option("--out", type=FILE, help="Write the figures as JSON.")
def latency(
    *, data: Path, queries: int, warm: int, limit: int, beside: bool, api: str | None, key: str | None, out: Path | None
) -> None:
    """Measure what retrieval costs on top of embedding the question and one raw search."""
    asked = list(read_collection(data).queries.values())
    measured = ways(settings(), ApiClient(api, key) if api else None, limit)
    way = list(measured.values())
    with bars() as progress:
        by_turns(way, asked[-warm:], progress, "warming up")
        found = conditions(lambda: by_turns(way, asked[:queries], progress), beside=beside)
    rows = rows_of(list(measured), found)
    click.echo(f"{machine_line()}; {min(queries, len(asked))} queries\n")
    head = ("condition", "way", "p50 ms", "p95 ms", "p50 ratio (95 %)")
    cells = [
        (r["condition"], r["way"], f"{r['p50_ms']:.1f}", f"{r['p95_ms']:.1f}", r["p50_ratio"].times()) for r in rows
    ]
    click.echo(markdown(head, cells))
    shown = [{**row, "p50_ratio": asdict(row["p50_ratio"])} for row in rows]
    write_json({"machine": machine(), "queries": min(queries, len(asked)), "ways": shown}, out)
