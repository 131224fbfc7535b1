"""What periodic tasks and claims cost in a large catalog: ``footnote bench catalog --url URL``.

The URL is that of an empty database in PostgreSQL (postgresql+psycopg://...), which is filled with generated rows; one
that holds them already is used as it is. Each figure is the time of a method that a task calls, its statements and
commit included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from core.clock import SystemClock
from core.metadata import Metadata
from eval.bench.ingestion.catalog_data import BACKFILL, LAST_OPEN, RUN_OF_BACKFILL, generate
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.database import Database
from ingestion.catalog.migrate import migrate
from ingestion.catalog.queue import Ticket
from ingestion.catalog.tables import DOCUMENTS

PERIODIC_MS = 50
CLAIM_MS = 5
REPEATS = 5
CLAIMS = 40
LEASE_S = 600.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """Times of one method, and the most that they may be; None: people ask for it, and nothing periodic does."""

    name: str
    times_ms: list[float]
    goal_ms: float | None

    @property
    def median_ms(self) -> float:
        """The median."""
        return statistics.median(self.times_ms)


class _Stopwatch:
    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}

    def time(self, name: str, goal_ms: float | None, call: Callable[[], T]) -> T:
        begun = time.perf_counter()
        result = call()
        spent = (time.perf_counter() - begun) * 1000
        self.figures.setdefault(name, Figure(name, [], goal_ms)).times_ms.append(spent)
        return result


@click.command(epilog="Example:  footnote bench catalog --url postgresql+psycopg://user@host/empty")
@click.option("--documents", type=click.IntRange(1), default=10_000_000, show_default=True, help="To generate.")
@click.option("--url", required=True, help="Of an empty database: postgresql+psycopg://user@host/database.")
def catalog(documents: int, url: str) -> None:
    """Fill a catalog if it is empty, and print what its methods cost; status 1 when one takes longer than it may."""
    console = Console()
    database = Database(url)
    begun = time.perf_counter()
    migrate(database)
    console.print(f"Schema brought up to date in {time.perf_counter() - begun:.1f} s.")
    with database.read() as connection:
        is_empty = connection.execute(select(DOCUMENTS.c.id).limit(1)).first() is None
    if is_empty:
        generate(database, documents, lambda done: console.print(f"{done:,} documents"))
    figures = measure(Catalog(database, SystemClock()))
    with database.read() as connection:
        held = connection.execute(select(func.count()).select_from(DOCUMENTS)).scalar_one()
    console.print(_table(figures, held))
    database.close()
    if any(figure.goal_ms is not None and figure.median_ms > figure.goal_ms for figure in figures):
        raise click.exceptions.Exit(1)


def measure(kept: Catalog) -> list[Figure]:
    """Time each method."""
    watch = _Stopwatch()
    for name, call in periodic(kept).items():
        for _ in range(REPEATS):
            watch.time(name, PERIODIC_MS, call)
    for name, call in shown(kept).items():
        for _ in range(REPEATS):
            watch.time(name, None, call)
    _claims(kept, watch)
    return list(watch.figures.values())


def periodic(catalog: Catalog) -> dict[str, Callable[[], Any]]:
    """What ``recover``, ``sync_due``, and the tasks that go on by themselves ask, in their order."""
    nobody: Callable[[str | None], bool] = lambda _: False  # noqa: E731
    return {
        "runs.take_lost": lambda: catalog.runs.take_lost(LEASE_S, nobody),
        "runs.start_queued": lambda: catalog.runs.start_queued(LEASE_S),
        "queue.take_lost": lambda: catalog.queue.take_lost(LEASE_S, nobody),
        "rebuilds.take_lost": lambda: catalog.rebuilds.take_lost(LEASE_S, nobody),
        "queue.sources_with_pending": catalog.queue.sources_with_pending,
        "queue.backlog": catalog.queue.backlog,
        "index_due.any": catalog.index_due.any,
        "index_due.cleared": lambda: catalog.index_due.cleared(1),
        "index_due.next": lambda: catalog.index_due.next(200, 4096),
        "index_due.next of a source": lambda: catalog.index_due.next(200, 4096, BACKFILL, "8" * 32),
        "runs.active": catalog.runs.active,
        "runs.done, backfill": lambda: catalog.runs.done(BACKFILL),
        "runs.done, last one open": lambda: catalog.runs.done(LAST_OPEN),
        "standings.measure": catalog.standings.measure,
        "sources.due": catalog.sources.due,
        "sources.claim_deleting": lambda: catalog.sources.claim_deleting(LEASE_S),
        "comparisons.get": catalog.comparisons.get,
        "comparisons.known, a page": lambda: catalog.comparisons.known("8" * 32, None, 500),
    }


def shown(catalog: Catalog) -> dict[str, Callable[[], Any]]:
    """What people and their status pages ask."""
    return {
        "runs.get, unfinished": lambda: catalog.runs.get(RUN_OF_BACKFILL),
        "runs.list": lambda: catalog.runs.list(BACKFILL),
        "standings.list": catalog.standings.list,
        "documents.totals": catalog.documents.totals,
        "rebuilds.moving": catalog.rebuilds.moving,
        "retries.sources": catalog.retries.sources,
    }


def _claims(catalog: Catalog, watch: _Stopwatch) -> None:
    """Bring documents through their states, as the tasks do."""

    def take() -> list[Ticket]:
        return catalog.queue.take_pending(BACKFILL, CLAIMS, LEASE_S)

    tickets = watch.time("queue.take_pending, 40 documents", PERIODIC_MS, take)
    watch.time("queue.take_pending, no room", PERIODIC_MS, take)
    works = []
    for ticket in tickets:

        def claim(ticket: Ticket = ticket) -> Any:
            return catalog.queue.claim_for_parsing(ticket, "bench", LEASE_S)

        works.append(watch.time("queue.claim_for_parsing", CLAIM_MS, claim))
    said: dict[str, Any] = {"chunks": 3, "media_type": "text/plain", "own": Metadata(), "name": "n"}
    for work in works:

        def parsed(work: Any = work) -> bool:
            return catalog.outcomes.parsed(work, "bench", content_hash="h", **said)

        watch.time("outcomes.parsed", CLAIM_MS, parsed)
    for _ in works:
        held = watch.time("queue.claim_for_embedding", CLAIM_MS, lambda: catalog.queue.claim_for_embedding("b", 1, 60))

        def indexed(ids: list[str]) -> set[str]:
            return catalog.outcomes.indexed("b", ids)

        ids = [work.record.id for work in held]
        watch.time("outcomes.indexed", CLAIM_MS, lambda ids=ids: indexed(ids))  # type: ignore[misc]


def _table(figures: list[Figure], documents: int) -> Table:
    table = Table(title=f"Milliseconds in a catalog of {documents:,} documents")
    for heading in ("method", "best", "median", "worst", "goal"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for figure in figures:
        goal = "" if figure.goal_ms is None else f"{figure.goal_ms:g}"
        times = (min(figure.times_ms), figure.median_ms, max(figure.times_ms))
        table.add_row(figure.name, *(f"{time_ms:.1f}" for time_ms in times), goal)
    return table
