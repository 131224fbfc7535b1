"""``footnote eval retrieval``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from core.errors import InvalidRequest
from core.principal import Principal
from eval.cli.generations import live_collection
from eval.cli.shared import FILE, FOLDER, json_option, print_json, runs_folder, settings
from eval.datasets import Collection, read_collection
from eval.progress import bars
from eval.retrieval import keeping, running
from eval.retrieval.pipelines import Entry, read_pipelines
from eval.retrieval.record import RUN_FILE, Run
from eval.retrieval.report import write_report
from eval.retrieval.scoring import DocumentScore
from eval.retrieval.tables import show, summary

EITHER = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of the command."""

    data: tuple[Path, ...]
    split: str
    live: bool
    questions: Path | None
    qrels: Path | None
    pipelines: Path
    baseline: str | None
    out: Path
    cache: Path | None
    runs: Path | None
    document_score: str
    user: str | None
    groups: tuple[str, ...]
    allow_missing: bool
    stale_index: bool
    note: str


@click.command(
    epilog="Example:  footnote eval retrieval --data scifact --pipelines pipelines.yaml --baseline hybrid --out out"
)
@click.option("--data", type=FOLDER, multiple=True, help="A collection in the BEIR layout. Repeatable.")
@click.option("--split", default="test", show_default=True, help="Which judgments: qrels/SPLIT.tsv.")
@click.option("--live", is_flag=True, help="Measure the knowledge base in use, with --questions.")
@click.option("--questions", type=EITHER, help="Judged questions about it: JSONL, or a folder in the BEIR layout.")
@click.option("--qrels", type=FILE, help="More judgments of these questions, as judge-pool --read writes them.")
@click.option("--pipelines", type=FILE, required=True, help="The pipelines to compare, as YAML.")
@click.option("--baseline", help="The pipeline to compare with; without it, the first.")
@click.option("--out", type=FOLDER, required=True, help="Where run.json, report.html and the rankings go.")
@click.option("--cache", type=FOLDER, help="Where indexes are kept; without it, in the data directory.")
@click.option("--runs", type=FOLDER, help="Where runs are kept; without it, in the data directory.")
@click.option(
    "--document-score", default="max", show_default=True, help="How passages rank documents: max, or sum:N of N best."
)
@click.option("--as", "user", metavar="USER", help="With --live: search as this user.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="With --live: who is in this group.")
@click.option("--allow-missing", is_flag=True, help="Let judgments of documents that aren't there count as not found.")
@click.option("--stale-index", is_flag=True, help="Reuse an index although the code that builds it has changed.")
@click.option("--note", default="", help="What this run tries, for the history.")
@json_option
def retrieval(*, as_json: bool, **options: Any) -> None:
    """Run pipelines over judged questions: quality with intervals, paired tests, phases and latency."""
    asked = Asked(**options)
    current = settings()
    entries = read_pipelines(asked.pipelines)
    for folder in (asked.out, runs_folder(asked.runs, current)):
        _make(folder)
    sets = _live(asked) if asked.live else _collections(asked)
    with bars() as progress:
        plan = running.Plan(
            settings=current,
            entries=entries,
            baseline=_baseline(asked, entries),
            cache=asked.cache or current.data_dir / "eval",
            progress=progress,
            rule=DocumentScore(asked.document_score),
            principal=Principal(asked.user, frozenset(asked.groups)),
            stale=asked.stale_index,
        )
        run = _run(plan, sets, asked)
    kept = keeping.keep(run, runs_folder(asked.runs, current))
    page = write_report(run, asked.out / "report.html")
    if as_json:
        print_json(summary(run))
        return
    show(run)
    click.echo(f"Report: {page}\nRun:    {asked.out / 'run.json'} (kept as {kept})")


def _run(plan: running.Plan, sets: Sequence[tuple[Collection, int | None]], asked: Asked) -> Run:
    models, rows = running.Models(), []
    for collection, documents in sets:
        outcome = running.run_set(plan, collection, models, documents=documents)
        keeping.write_rankings(outcome, asked.out / "rankings")
        rows.append(outcome.row)
    run = keeping.make_run(plan, rows, note=asked.note)
    run.save(asked.out / RUN_FILE)
    return run


def _make(folder: Path) -> None:
    """Make a folder now: that it can't be written shouldn't come out after an hour's work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(
            f"{folder} can't be made ({error.strerror}): name another with --out or --runs."
        ) from error


def _baseline(asked: Asked, entries: Sequence[Entry]) -> str:
    names = [entry.config.name for entry in entries]
    if asked.baseline is not None and asked.baseline not in names:
        raise InvalidRequest(
            f"--baseline is {asked.baseline!r}, and {asked.pipelines} has no pipeline of that name; it has: "
            f"{', '.join(names)}."
        )
    return asked.baseline or names[0]


def _collections(asked: Asked) -> list[tuple[Collection, int | None]]:
    if not asked.data:
        raise InvalidRequest("Nothing to measure: name a collection with --data, or the knowledge base with --live.")
    if asked.questions or asked.qrels or asked.user or asked.groups:
        raise InvalidRequest("--questions, --qrels, --as and --group go with --live.")
    names = [folder.resolve().name for folder in asked.data]
    if len(set(names)) < len(names):
        raise InvalidRequest(f"--data names two folders of one name ({', '.join(names)}): rename one.")
    return [(read_collection(f, split=asked.split, allow_missing=asked.allow_missing), None) for f in asked.data]


def _live(asked: Asked) -> list[tuple[Collection, int | None]]:
    if asked.questions is None or asked.data:
        raise InvalidRequest("--live takes --questions FILE.jsonl, and no --data.")
    return [live_collection(asked.questions, asked.qrels, allow_missing=asked.allow_missing)]
