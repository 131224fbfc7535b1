"""``footnote eval history``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from eval.cli.shared import FILE, FOLDER, json_option, print_json, runs_folder, settings
from eval.retrieval import keeping, tables
from eval.retrieval.history import points
from eval.retrieval.report import write_history


@click.command(epilog="Example:  footnote eval history --metric ndcg@10 --html history.html")
@click.option("--runs", "folder", type=FOLDER, help="Where runs are kept; without it, in the data directory.")
@click.option("--set", "only", help="Only this set.")
@click.option("--metric", default="ndcg@10", show_default=True, help="Which figure.")
@click.option("--html", "page", type=FILE, help="Also plot it into this file.")
@json_option
def history(*, folder: Path | None, only: str | None, metric: str, page: Path | None, as_json: bool) -> None:
    """Show how figures moved over the runs that were kept."""
    found = points(keeping.kept(runs_folder(folder, settings())), metric, only=only)
    if as_json:
        print_json([{**asdict(point), "created": point.created.isoformat()} for point in found])
    else:
        tables.show_history(found, metric)
    if page is not None:
        click.echo(f"Plot: {write_history(found, metric, page)}", err=as_json)
