"""``footnote eval drift``."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from eval.cli.shared import json_option, print_json, settings
from eval.drift.reading import Drift, drift_of
from eval.drift.weeks import SHARES
from eval.progress import bars
from ingestion.catalog.build import open_catalog
from retrieval.embedding.build import build_embedder


@click.command(epilog="Example:  footnote eval drift --weeks 8")
@click.option("--weeks", type=click.IntRange(2, 52), default=8, show_default=True, help="Finished weeks to look at.")
@click.option("--documents", type=click.IntRange(1, 100), default=10, show_default=True, help="Old documents to list.")
@click.option("--publish", is_flag=True, help="Also show it on the service's page, in its metrics and alerts.")
@json_option
def drift(*, weeks: int, documents: int, publish: bool, as_json: bool) -> None:
    """Show how answers and questions moved, week by week, from the conversations that are kept.

    Figures and ids of documents alone: no question, no answer, no name.
    """
    current = settings()
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=today.weekday())
    catalog = open_catalog(current)
    try:
        with bars() as progress:
            embedder = build_embedder(current)
            found = drift_of(catalog, embedder, until=monday, weeks=weeks, documents=documents, progress=progress)
        if publish:
            told = {"published_at": datetime.now(UTC).isoformat(), **_plain(found)}
            catalog.published.publish("drift", f"until {monday}", json.dumps(told).encode())
    finally:
        catalog.close()
    if as_json:
        print_json(_plain(found))
    else:
        _show(found)


def _plain(found: Drift) -> dict[str, Any]:
    weeks = [
        {
            "monday": week.monday.isoformat(),
            "answers": week.answers,
            "p95_ms": week.p95_ms,
            **{name: asdict(share) for name, share in week.shares.items()},
        }
        for week in found.weeks
    ]
    old = [{**asdict(one), "changed": one.changed.isoformat()} for one in found.old]
    return {"weeks": weeks, "topics": asdict(found.topics) if found.topics else None, "oldest": old}


def _show(found: Drift) -> None:
    click.echo("week        answers  " + "  ".join(f"{name:>19}" for name in SHARES) + "  p95 ms")
    for week in found.weeks:
        shares = "  ".join(f"{f'{one.value:.1%} ({one.low:.1%}-{one.high:.1%})':>19}" for one in week.shares.values())
        click.echo(f"{week.monday}  {week.answers:>7,}  {shares}  {week.p95_ms:>6.0f}")
    if not found.weeks:
        click.echo("No conversation of these weeks is kept.")
    if found.topics is None:
        click.echo("Topics: too few questions, in the latest week or in the four before.")
    else:
        one = found.topics
        click.echo(
            f"Topics of the latest week beside the four before: PSI {one.psi:.3f} over {one.clusters} clusters (up to "
            f"{one.usual:.3f} is usual); "
            f"{one.new:.1%} of the questions are new (5 % is usual); one cluster went from {one.grown[0]:.1%} to "
            f"{one.grown[1]:.1%}."
        )
    for old in found.old:
        click.echo(f"  {old.document_id}: last changed on {old.changed:%Y-%m-%d}, cited by {old.answers:,} answers")
