"""``footnote eval answers``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from core.errors import ConfigurationError, FootnoteError, InvalidRequest
from eval.answers import knowledge, running
from eval.answers.asking import Asker, InProcess, OverHttp
from eval.answers.citing import Citing, support_name
from eval.answers.configurations import Configuration, read_configurations
from eval.answers.figures import make_run, score_citations
from eval.answers.questions import EvalQuestion, read_eval_questions
from eval.answers.record import RUN_FILE, AnswersRun, kept_runs
from eval.answers.report import write_report
from eval.answers.rows import kept_rows
from eval.answers.tables import show, show_answers, summary
from eval.cli.shared import FILE, FOLDER, json_option, print_json, settings
from eval.datasets import DatasetError
from eval.progress import Progress, bars
from generation.build import build_support
from ingestion.catalog.build import open_catalog
from retrieval.embedding.build import build_embedder

_MOST_FAULTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of the command."""

    questions: Path | None
    data: Path | None
    config: tuple[str, ...]
    out: Path
    source: str | None
    split: str | None
    sample: int
    at_once: int
    max_tokens: int | None
    max_cost: float | None
    again: bool
    allow_missing: bool
    note: str
    publish: bool
    stale_index: bool
    runs: Path | None


@click.command(
    epilog="Example:  footnote eval answers asked.jsonl --config now= --config few=retrieval.context_chunks=4 --out out"
)
@click.argument("questions", type=FILE, required=False)
@click.option(
    "--data", type=FOLDER, help="A corpus to ask about (corpus.jsonl, questions.jsonl) in an index of its own."
)
@click.option("--config", multiple=True, metavar="NAME=FILE|KEYS", help="Settings to answer with. Repeatable.")
@click.option("--out", type=FOLDER, required=True, help="Where answers, figures and report go; a run there goes on.")
@click.option("--source", help="Look only in documents of this source (its id).")
@click.option("--split", help="Only questions of this split.")
@click.option("--sample", type=click.IntRange(0), default=0, help="Only so many, evenly from the set; 0: all.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=1, show_default=True, help="Questions under way at a time."
)
@click.option("--max-tokens", type=click.IntRange(1), help="Stop once answers have taken so many tokens.")
@click.option("--max-cost", type=click.FloatRange(0, min_open=True), help="Stop once they have cost so much.")
@click.option("--again", is_flag=True, help="Ask once more what failed.")
@click.option("--allow-missing", is_flag=True, help="Let expected documents that aren't there count as not found.")
@click.option("--note", default="", help="What this run tries, for the history.")
@click.option("--runs", type=FOLDER, help="Where figures are kept; without it, in the data directory.")
@click.option("--stale-index", is_flag=True, help="Reuse the index of --data although the code that builds it changed.")
@click.option("--publish", is_flag=True, help="Also show the report to administrators, on the service's page.")
@click.option("--show", "shown", is_flag=True, help="Print every question with its answers.")
@json_option
def answers(*, as_json: bool, shown: bool, **options: Any) -> None:
    """Ask the questions of a set with one or several configurations, side by side, and measure the answers.

    Without a url in a configuration, questions are answered in this process over the index of the settings. Every
    answer is kept in --out as it comes: the same command goes on where it was cut off.
    """
    asked = Asked(**options)
    configs = _configs(asked)
    questions, name = _questions(asked)
    with bars() as progress:
        run = _run(asked, name, questions, configs, progress)
    kept = asked.runs or settings().data_dir / "eval" / "answers"
    run.save(kept / f"{run.id}.json")
    page = write_report(
        run, questions, kept_rows(asked.out), kept_runs(kept, run.fingerprint), asked.out / "report.html"
    )
    if asked.publish:
        _publish(run.set, page)
    if as_json:
        print_json(summary(run))
    else:
        if shown:
            show_answers(questions, kept_rows(asked.out), run)
        show(run)
        click.echo(f"Report: {page}\nRun:    {asked.out / RUN_FILE}")
    if run.partial:
        click.echo(f"Not all of it: {run.partial}", err=True)


def _publish(name: str, page: Path) -> None:
    """Put the report where the service of the settings shows it to administrators."""
    catalog = open_catalog(settings())
    try:
        catalog.published.publish("answers", name, page.read_bytes())
    finally:
        catalog.close()


def _run(
    asked: Asked, name: str, questions: Sequence[EvalQuestion], configs: Sequence[Configuration], progress: Progress
) -> AnswersRun:
    corpus = knowledge.read_corpus(asked.data) if asked.data else None
    with ExitStack() as stack:
        searches = knowledge.Searches(corpus, settings().data_dir / "eval", progress, stale=asked.stale_index)
        stack.callback(searches.close)
        known = None if all(one.url for one in configs) else knowledge.known_documents(corpus, settings(), stack)
        faults = _faults(asked, questions, known)
        askers = {one.name: _asker(one, searches, known) for one in configs}
        running.open_plan(asked.out, questions, configs)
        partial = ""
        try:
            partial = asyncio.run(_ask(asked, questions, askers, progress))
        except (FootnoteError, KeyboardInterrupt) as error:
            if not kept_rows(asked.out):
                raise
            said = error.message if isinstance(error, FootnoteError) else "It was interrupted."
            partial = f"{said} What was answered is kept: the same command goes on."
        in_process = [one for one in configs if not one.url]
        embedder = searches.of(in_process[0]).embedder if in_process else build_embedder(settings())
        support = build_support(settings().evidence, embedder)
        support.warm_up()
        score_citations(asked.out, questions, Citing(support), support_name(settings().evidence), progress)
    run = make_run(
        asked.out, name, questions, configs, partial=partial, note=asked.note, faults=faults,
        support=support_name(settings().evidence),
    )  # fmt: skip
    run.save(asked.out / RUN_FILE)
    return run


async def _ask(asked: Asked, questions: Sequence[EvalQuestion], askers: dict[str, Asker], progress: Progress) -> str:
    budget = running.Budget(asked.max_tokens, asked.max_cost)
    try:
        return await running.ask_all(
            asked.out, questions, askers, budget=budget, progress=progress, at_once=asked.at_once, again=asked.again
        )
    finally:
        for asker in askers.values():
            await asker.close()


def _faults(asked: Asked, questions: Sequence[EvalQuestion], known: knowledge.Known | None) -> list[str]:
    """What is wrong with what the questions refer to, as far as it may be. A service isn't looked into: None."""
    faults = knowledge.check(questions, known) if known else []
    if faults and not asked.allow_missing:
        rest = f"\n... and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        raise DatasetError("\n".join(faults[:_MOST_FAULTS]) + rest)
    return faults


def _asker(config: Configuration, searches: knowledge.Searches, known: knowledge.Known | None) -> Asker:
    if config.url or known is None:
        return OverHttp(config)
    return InProcess(config, searches.of(config), known.principal)


def _configs(asked: Asked) -> list[Configuration]:
    configs = read_configurations(asked.config)
    if asked.max_cost is not None:
        unpriced = [config.name for config in configs if config.prices is None]
        if unpriced:
            raise ConfigurationError(
                f"--max-cost needs the prices of a million tokens: add price.input=... and price.output=... to "
                f"--config {unpriced[0]}."
            )
    if asked.data and any(config.url for config in configs):
        raise InvalidRequest("--data is asked about in this process: leave it out for a service, which has documents.")
    return configs


def _questions(asked: Asked) -> tuple[list[EvalQuestion], str]:
    """The questions that are to be asked, and the name of their set."""
    file = asked.questions or (asked.data / knowledge.QUESTIONS if asked.data else None)
    if file is None:
        raise InvalidRequest("Nothing to ask: name a file of questions, or a corpus with --data.")
    found = [one for one in read_eval_questions(file) if asked.split in (None, one.split)]
    if not found:
        raise InvalidRequest(f"No question of {file} is of the split {asked.split!r}.")
    if asked.sample and asked.sample < len(found):
        found = [found[at * len(found) // asked.sample] for at in range(asked.sample)]
    if asked.source:
        found = [one.narrowed(asked.source) for one in found]
    return found, asked.data.resolve().name if asked.data and not asked.questions else file.stem
