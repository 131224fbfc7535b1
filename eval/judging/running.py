"""Several judges over many answers: what was judged before isn't asked again, and what fails is kept as a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import FootnoteError
from eval.judging.asking import Reply
from eval.judging.budget import BudgetSpent
from eval.judging.judge import Case, Identity, Judge
from eval.judging.records import PairRow, RagasRow, Row, ScoreRow, append, read_judgments
from eval.judging.rubric import CRITERIA, Preference, Scores
from eval.progress import Progress, unseen

if TYPE_CHECKING:
    from eval.judging.ragas_metrics import RagasMetrics

Job = Callable[[], Awaitable[Row]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is now.

    Attributes:
        rows: all judgments of the file, earlier ones included.
        unjudged: answers that were empty, so that there was nothing to judge, by configuration.
        stopped: why not everything was judged, if so: the budget, or a judge that is set up wrongly.
    """

    rows: Sequence[Row]
    unjudged: Mapping[str, int]
    stopped: str = ""


async def score_all(
    judges: Sequence[Judge], cases: Mapping[str, Sequence[Case]], file: Path, progress: Progress = unseen
) -> Outcome:
    """Have each judge score each answer of each configuration.

    Args:
        cases: the answers by configuration.
        file: the judgments, appended to. Those that failed are asked for again.
    """
    known = {(row.judge, row.configuration, row.item) for row in kept(file) if isinstance(row, ScoreRow)}
    jobs: list[Job] = []
    for judge in judges:
        identity = judge.identity()
        for configuration, answers in cases.items():
            jobs += [
                _scoring(judge, identity, configuration, case)
                for case in answers
                if case.answer.strip() and (identity, configuration, case.id) not in known
            ]
    stopped = await run_jobs(jobs, file, "judging", progress)
    return Outcome(read_judgments(file), _empty(cases), stopped)


async def compare_all(
    judges: Sequence[Judge],
    pair: tuple[str, str],
    cases: tuple[Sequence[Case], Sequence[Case]],
    file: Path,
    progress: Progress = unseen,
) -> Outcome:
    """Have each judge compare two configurations' answers to the same questions, in both orders."""
    known = {(row.judge, row.a, row.b, row.item) for row in kept(file) if isinstance(row, PairRow)}
    others = {case.id: case for case in cases[1]}
    both = [(case, others[case.id]) for case in cases[0] if case.id in others]
    jobs: list[Job] = []
    for judge in judges:
        identity = judge.identity(pairs=True)
        jobs += [
            _comparing(judge, identity, pair, one, other)
            for one, other in both
            if one.answer.strip() and other.answer.strip() and (identity, *pair, one.id) not in known
        ]
    empty = sum(not (one.answer.strip() and other.answer.strip()) for one, other in both)
    stopped = await run_jobs(jobs, file, "comparing", progress)
    return Outcome(read_judgments(file), {" and ".join(pair): empty}, stopped)


async def measure_all(
    metrics: RagasMetrics, cases: Mapping[str, Sequence[Case]], file: Path, progress: Progress = unseen
) -> Outcome:
    """Have ragas measure each answer of each configuration by each metric that says something of it."""
    known = {(row.judge, row.metric, row.configuration, row.item) for row in kept(file) if isinstance(row, RagasRow)}
    jobs: list[Job] = [
        partial(metrics.measure, name, configuration, case)
        for configuration, answers in cases.items()
        for case in answers
        if case.answer.strip()
        for name in metrics.applicable(case)
        if (metrics.identity, name, configuration, case.id) not in known
    ]
    stopped = await run_jobs(jobs, file, "measuring with ragas", progress, at_once=metrics.at_once)
    return Outcome(read_judgments(file), _empty(cases), stopped)


def _empty(cases: Mapping[str, Sequence[Case]]) -> dict[str, int]:
    return {name: sum(not case.answer.strip() for case in answers) for name, answers in cases.items()}


def kept(file: Path) -> Sequence[Row]:
    """What needn't be asked again. Failures are dropped from the file: each is there once, as it was last."""
    rows = read_judgments(file)
    fine = [row for row in rows if row.failure is None]
    if len(fine) != len(rows):
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        append(part, fine)
        part.replace(file)
    return fine


def _scoring(judge: Judge, identity: Identity, configuration: str, case: Case) -> Job:
    async def job() -> Row:
        reply = await judge.score(case)
        return score_row(identity, configuration, case, reply)

    return job


def score_row(identity: Identity, configuration: str, case: Case, reply: Reply[Scores]) -> ScoreRow:
    """A reply as it is kept."""
    found = {} if reply.value is None else {name: getattr(reply.value, name) for name in CRITERIA}
    return ScoreRow(
        item=case.id,
        configuration=configuration,
        judge=identity,
        scores={name: score.score for name, score in found.items()},
        reasons={name: score.reason for name, score in found.items()},
        failure=reply.failure.kind if reply.failure else None,
        detail=reply.failure.detail if reply.failure else "",
        length=len(case.answer),
        input_tokens=reply.usage.input_tokens,
        output_tokens=reply.usage.output_tokens,
        cost=reply.cost,
        attempts=reply.attempts,
        ms=reply.ms,
    )


def _comparing(judge: Judge, identity: Identity, pair: tuple[str, str], one: Case, other: Case) -> Job:
    async def job() -> Row:
        found = await judge.compare(one, other)
        replies: Sequence[Reply[Preference]] = found.replies
        failure = next((reply.failure for reply in replies if reply.failure), None)
        named = dict(zip(("a first", "b first"), replies, strict=True))
        return PairRow(
            item=one.id,
            a=pair[0],
            b=pair[1],
            judge=identity,
            winner=found.winner,
            orders={"a first": found.orders[0], "b first": found.orders[1]},
            reasons={order: reply.value.reason for order, reply in named.items() if reply.value},  # type: ignore[misc]
            failure=failure.kind if failure else None,
            detail=failure.detail if failure else "",
            lengths=(len(one.answer), len(other.answer)),
            input_tokens=sum(reply.usage.input_tokens for reply in replies),
            output_tokens=sum(reply.usage.output_tokens for reply in replies),
            cost=sum(reply.cost for reply in replies),
            attempts=sum(reply.attempts for reply in replies),
            ms=sum(reply.ms for reply in replies),
        )

    return job


async def run_jobs(jobs: Sequence[Job], file: Path, what: str, progress: Progress, at_once: int = 64) -> str:
    """Run them, keeping each result as it comes; why it stopped before the last one, if it did."""
    waiting, done, stopped = iter(jobs), 0, ""
    progress(what, 0, len(jobs))

    async def work() -> None:
        nonlocal done, stopped
        for job in waiting:
            if stopped:
                return
            try:
                row = await job()
            except BudgetSpent as error:
                stopped = error.message
                return
            except FootnoteError as error:
                stopped = f"{error.told_operators} What was judged is kept: the same command goes on."
                return
            append(file, [row])
            done += 1
            progress(what, done, len(jobs))

    await asyncio.gather(*(work() for _ in range(min(at_once, len(jobs)))))
    return stopped
