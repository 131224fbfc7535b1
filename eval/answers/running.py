"""Asking every question of every configuration, once; a run that was cut off goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidRequest
from eval.answers.asking import Asker
from eval.answers.configurations import Configuration
from eval.answers.journal import Journal
from eval.answers.questions import EvalQuestion, fingerprint
from eval.answers.rows import ROWS, Row, kept_rows
from eval.progress import Progress
from eval.records import Record

PLAN = "plan.json"


class Plan(Record):
    """What a folder's rows are of: they go on only with the same.

    Attributes:
        questions: fingerprint of the set.
        configs: the digest of each configuration, by name.
    """

    questions: str
    configs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that all answers of a run may take together; None: whatever they take."""

    tokens: int | None = None
    cost: float | None = None

    def spent(self, rows: Sequence[Row]) -> str:
        """Which of the two is used up, for people; empty: neither."""
        tokens = sum((row.input_tokens or 0) + (row.output_tokens or 0) for row in rows)
        if self.tokens is not None and tokens >= self.tokens:
            return f"The budget of {self.tokens} tokens is used up ({tokens}): raise --max-tokens and go on."
        cost = sum(row.cost or 0 for row in rows)
        if self.cost is not None and cost >= self.cost:
            return f"The budget of {self.cost:g} is used up ({cost:.4g}): raise --max-cost and go on."
        return ""


def open_plan(folder: Path, questions: Sequence[EvalQuestion], configs: Sequence[Configuration]) -> None:
    """Make the run's folder, or see to it that what it holds is of the same questions and configurations.

    Further configurations may join.

    Raises:
        InvalidRequest: it holds another run, or can't be written.
        DatasetError: its plan can't be read.
        ConfigurationError: a budget needs prices that a configuration lacks.
    """
    file, print_ = folder / PLAN, fingerprint(questions)
    wanted = {config.name: config.digest for config in configs}
    if file.exists():
        plan = Plan.load(file, "name another folder with --out")
        if plan.questions != print_:
            raise InvalidRequest(f"{folder} holds answers to other questions: name another folder with --out.")
        for name, digest in wanted.items():
            if plan.configs.get(name, digest) != digest:
                raise InvalidRequest(
                    f"--config {name}: {folder} holds answers of another configuration of that name. Give this one "
                    "another name, or name another folder with --out."
                )
        wanted = plan.configs | wanted
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)  # what its readers may read will lie there, and others may not
        Plan(questions=print_, configs=wanted).save(file)
    except OSError as error:
        raise InvalidRequest(f"{folder} can't be written ({error.strerror}): name another with --out.") from error


async def ask_all(
    folder: Path,
    questions: Sequence[EvalQuestion],
    askers: Mapping[str, Asker],
    *,
    budget: Budget,
    progress: Progress,
    at_once: int = 1,
    again: bool = False,
) -> str:
    """Ask what hasn't been asked; each answer is on the disk before its place is given to another question.

    Configurations take turns question by question, so that what else the machine does meets all alike. A question is
    asked again only if its answer wasn't kept: those that are under way when the process is killed.

    Args:
        at_once: how many questions are under way.
        again: ask once more what failed.

    Returns:
        Why the run ended early, for people; empty: it is whole.

    Raises:
        FootnoteError: nothing more can be asked; what was answered is kept.
    """
    journal = Journal(folder / ROWS, Row)
    with journal.alone():
        rows = kept_rows(folder)
        done = {row.key for row in rows if not (again and row.status == "error")}
        pairs = [(one, name) for one in questions for name in askers]
        left = [(one, name) for one, name in pairs if (one.id, name) not in done]
        asking = _Asking(askers, journal, rows, budget)

        def told(count: int) -> None:
            progress("asking", len(pairs) - len(left) + count, len(pairs))

        told(0)
        try:
            async with asyncio.TaskGroup() as group:
                waiting = iter(left)
                for _ in range(at_once):
                    group.create_task(asking.work(waiting, told))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return asking.stopped


@dataclass(slots=True)
class _Asking:
    """What several workers ask together. ``stopped``: why none of them goes on, for people."""

    askers: Mapping[str, Asker]
    journal: Journal[Row]
    rows: list[Row]
    budget: Budget
    stopped: str = ""
    _count: int = 0

    async def work(self, left: Iterator[tuple[EvalQuestion, str]], told: Callable[[int], None]) -> None:
        """Ask one after the other of what is left, until nothing is, or the budget is used up."""
        for one, name in left:
            self.stopped = self.stopped or self.budget.spent(self.rows)
            if self.stopped:
                return
            row = await self.askers[name].ask(one)
            self.journal.append(row)
            self.rows.append(row)
            self._count += 1
            told(self._count)
