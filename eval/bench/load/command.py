"""``footnote bench load``: latency against rate, what is refused, and memory over time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np

from core.errors import InvalidRequest
from eval.bench.load.arrivals import FIRST, READY, SEARCH, TIMEOUT_S, WHOLE, Load, Phase, one_by_one, summary, under
from eval.bench.report import machine, machine_line, markdown, write_json
from eval.cli.shared import FILE, json_option, print_json
from eval.datasets import read_queries
from eval.metrics import Estimate
from eval.progress import Progress, bars

SHOWN = (SEARCH, FIRST, WHOLE, READY)
_RESAMPLES = 2000
_SATURATED = 0.01


def p95_ratio(loaded: Sequence[float], leisure: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """The 95th percentile of one divided by the other's, with a 95 % bootstrap interval over both; None without times.

    Both samples are drawn anew, independently: they aren't pairs (Efron and Tibshirani, 1993, chapter 8).
    """
    if not loaded or not leisure:
        return None
    generator = np.random.default_rng(seed)
    above, below = np.asarray(loaded), np.asarray(leisure)
    drawn = [
        np.percentile(generator.choice(above, len(above)), 95) / np.percentile(generator.choice(below, len(below)), 95)
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(float(np.percentile(above, 95) / np.percentile(below, 95)), float(low), float(high))


def rows(phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """A row for each load and thing that was asked; ``ratio`` is of a search's p95 to that of the first phase."""
    found = []
    for phase in phases:
        for what in SHOWN:
            served = phase.served(what)
            if not phase.ended(what):
                continue
            ratio = p95_ratio(served, phases[0].served(SEARCH)) if what == SEARCH and phase is not phases[0] else None
            half, most, last = np.percentile(served, [50, 95, 99]) * 1000 if served else (np.nan,) * 3
            found.append(
                {
                    "load": phase.name,
                    "asked": what,
                    "served": len(served),
                    "a second": round(len(served) / phase.wall_s, 2),
                    "refused": phase.count(what, refused=True),
                    "failed": phase.count(what, refused=False),
                    "p50 ms": round(float(half), 1),
                    "p95 ms": round(float(most), 1),
                    "p99 ms": round(float(last), 1),
                    "p95 to one by one": ""
                    if ratio is None
                    else f"{ratio.value:.2f} ({ratio.low:.2f}-{ratio.high:.2f})",
                }
            )
    return found


def saturation(phases: Sequence[Phase]) -> str:
    """From which load on more than 1 % of the searches weren't served."""
    for phase in phases[1:]:
        lost = phase.count(SEARCH, refused=True) + phase.count(SEARCH, refused=False)
        if lost > _SATURATED * (lost + len(phase.served(SEARCH))):
            return f"Saturated from {phase.name} on: {lost} searches not served."
    return "Not saturated: at each load 99 % of the searches or more were served."


async def measure(
    url: str, key: str | None, load: Load, *, times: Sequence[float], minutes: float, progress: Progress
) -> list[Phase]:
    """At leisure first, then each multiple of the load.

    Raises:
        InvalidRequest: the service isn't there, or doesn't take the key.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=TIMEOUT_S) as client:
        try:
            me = await client.get("/v1/me")
        except httpx.TransportError as error:
            raise InvalidRequest(f"Nothing answers at {url} ({type(error).__name__}): check --url.") from error
        if me.status_code != httpx.codes.OK:
            raise InvalidRequest(f"The service answers {me.status_code}: check --key.")
        phases = [await one_by_one(client, load.questions[:200], progress)]
        for factor in times:
            rate, streams = load.searches_per_s * factor, round(load.streams * factor)
            more = Load(load.questions, rate, streams, load.pids, load.seed)
            name = f"{rate:g} searches a second, {streams} streams"
            phases.append(await under(client, more, name, minutes * 60, progress))
    return phases


@click.command(epilog="Example:  footnote bench load --questions scifact/queries.jsonl --key KEY --times 1 --times 3")
@click.option("--url", default="http://127.0.0.1:8321", show_default=True)
@click.option("--key", help="A reader's API key.")
@click.option("--questions", type=FILE, required=True, help='Lines of JSON with "_id" and "text", as in BEIR.')
@click.option("--searches", default=10.0, show_default=True, help="That arrive in a second.")
@click.option("--streams", default=20, show_default=True, help="Answers that are being read at any time.")
@click.option("--times", multiple=True, default=(1.0,), show_default=True, help="A multiple of both; again for more.")
@click.option("--minutes", default=10.0, show_default=True, help="Of each load.")
@click.option("--pid", "pids", type=int, multiple=True, help="A process whose memory is watched; repeatable.")
@click.option("--out", type=FILE, help="Figures as JSON.")
@json_option
def load(
    *,
    url: str,
    key: str | None,
    questions: Path,
    searches: float,
    streams: int,
    times: tuple[float, ...],
    minutes: float,
    pids: tuple[int, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Ask a Footnote of your own at a given rate, whether or not it keeps up, and see when it doesn't.

    First 200 searches one by one, then each load. Everybody else who asks meanwhile waits longer. A model that streams
    at the pace of a hosted one: footnote bench model.
    """
    asked = Load(list(read_queries(questions).values()), searches, streams, pids)
    with bars() as progress:
        phases = asyncio.run(measure(url, key, asked, times=times, minutes=minutes, progress=progress))
    table = rows(phases)
    found = {"machine": machine(), "rows": table, "phases": [summary(phase) for phase in phases]}
    write_json(found, out)
    if as_json:
        print_json(found)
        return
    click.echo(f"{machine_line()}\n\n{markdown(tuple(table[0]), [tuple(row.values()) for row in table])}\n")
    click.echo(saturation(phases))
    for phase in phases[1:]:
        if phase.memory_mb:
            ends = f"{phase.memory_mb[0]:.0f} MB at the start, {phase.memory_mb[-1]:.0f} at the end"
            click.echo(f"{phase.name}: {ends}, {max(phase.memory_mb):.0f} at most.")
