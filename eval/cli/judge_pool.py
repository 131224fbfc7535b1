"""``footnote eval judge-pool``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from core.errors import InvalidRequest
from core.principal import Principal
from eval.cli.shared import FILE, json_option, print_json, settings
from eval.progress import bars
from eval.retrieval import running
from eval.retrieval.live import read_questions
from eval.retrieval.pipelines import read_pipelines
from eval.retrieval.pooling import GRADES, Row, pool, read_sheet, write_qrels, write_sheet


@click.command(
    "judge-pool",
    epilog="Example:  footnote eval judge-pool --questions asked.jsonl --pipelines pipelines.yaml --out sheet.xlsx",
)
@click.option("--questions", type=FILE, help='The questions, as JSONL: {"id": "q1", "question": "..."}.')
@click.option("--pipelines", type=FILE, help="The pipelines whose results to pool, as YAML.")
@click.option("--depth", type=click.IntRange(1, 10), default=10, show_default=True, help="Documents of each pipeline.")
@click.option("--as", "user", metavar="USER", help="Search as this user.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="... who is in this group. Repeatable.")
@click.option("--read", "sheet", type=FILE, help="Read the grades of this sheet instead.")
@click.option("--out", type=FILE, required=True, help="The sheet (.csv or .xlsx); with --read, the judgments (.tsv).")
@json_option
def judge_pool(
    *,
    questions: Path | None,
    pipelines: Path | None,
    depth: int,
    user: str | None,
    groups: tuple[str, ...],
    sheet: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Write a sheet of what several pipelines found in the knowledge base, for people to judge; or read it back.

    The sheet doesn't say who found what, and its order is random. Grades: 0 not relevant, 1 related, 2 helps to
    answer, 3 answers. Only documents that this user (without --as: everybody) may read are in it.
    """
    if sheet is not None:
        if questions or pipelines:
            raise InvalidRequest("--read takes the sheet and --out, and nothing else.")
        _read(sheet, out, as_json=as_json)
        return
    if questions is None or pipelines is None:
        raise InvalidRequest("A sheet needs --questions FILE.jsonl and --pipelines FILE.yaml; --read reads one back.")
    rows = _pool(questions, pipelines, depth, (user, groups))
    write_sheet(rows, out)
    said = {"sheet": str(out), "questions": len({row.query for row in rows}), "passages": len(rows)}
    if as_json:
        print_json(said)
    else:
        click.echo(f"{out}: {said['passages']} passages for {said['questions']} questions. Grades: {GRADES}.")
        click.echo(f"Then: footnote eval judge-pool --read {out} --out qrels.tsv")


def _read(sheet: Path, out: Path, *, as_json: bool) -> None:
    judged = read_sheet(sheet)
    count = write_qrels(judged.qrels, out)
    if as_json:
        print_json({"qrels": str(out), "questions": len(judged.qrels), "grades": count, "blank": judged.blank})
        return
    click.echo(f"{out}: {count} grades of {len(judged.qrels)} questions.")
    if judged.blank:
        click.echo(f"{judged.blank} rows have no grade: those passages stay unjudged.")


def _pool(questions: Path, pipelines: Path, depth: int, reader: tuple[str | None, Sequence[str]]) -> list[Row]:
    asked, entries, current = read_questions(questions), read_pipelines(pipelines), settings()
    with bars() as progress:
        plan = running.Plan(
            settings=current,
            entries=entries,
            baseline=entries[0].config.name,
            cache=current.data_dir / "eval",
            progress=progress,
            principal=Principal(reader[0], frozenset(reader[1])),
        )
        found = running.ask_live(plan, questions.stem, asked)
    for name, answers in found.items():
        for query, answer in answers.items():
            if answer.error:
                click.echo(f"{name}, question {query}: {answer.error}", err=True)
    return pool(asked, found, depth)
