"""Makes a set: questions by rule, and where a model is named those that it writes, until there are enough."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest

from core.errors import ConfigurationError
from core.principal import Principal
from core.settings import Settings
from eval.answers.questions import EvalQuestion, Reader
from eval.datasets import DatasetError
from eval.judging.asking import Asker, Failure
from eval.judging.budget import BudgetSpent
from eval.progress import Progress
from eval.question_sets.by_model import Task, tasks, write
from eval.question_sets.by_rule import by_rule
from eval.question_sets.checking import Checker
from eval.question_sets.draft import Draft
from eval.question_sets.material import Section, sections
from generation.prompts.prompt import Prompt
from retrieval.retriever import Retriever

_SECTIONS_A_QUESTION = 6
_LEAST_SECTIONS = 200


def asking_prompt() -> Prompt:
    """What a model is told that writes questions."""
    return Prompt.read("asking", package="eval.question_sets.prompts", placeholders=("sources", "kind"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What set is to be made.

    Attributes:
        limit: how many questions, of those by rule and of those by a model each.
        kinds: of a model's questions.
        source: only documents of this one.
    """

    limit: int
    seed: int
    reader: Principal
    kinds: tuple[str, ...] = ()
    source: str | None = None


@dataclass(slots=True)
class Made:
    """What came of it.

    Attributes:
        failures: of the model, by kind.
        stopped: why it ended early, if it did.
    """

    questions: list[EvalQuestion]
    documents: int
    dropped: Counter[str]
    failures: Counter[str] = field(default_factory=Counter)
    stopped: str = ""


def make(wanted: Wanted, settings: Settings, checker: Checker, asker: Asker | None, progress: Progress) -> Made:
    """Make the set from the knowledge base in use. Blocks.

    Raises:
        DatasetError: nothing to make questions of, or none passed.
    """
    most = max(_LEAST_SECTIONS, _SECTIONS_A_QUESTION * wanted.limit)
    read = list(islice(sections(settings, wanted.reader, source=wanted.source, seed=wanted.seed), most))
    made = Made([], len({section.document for section in read}), checker.dropped)

    def enough(limit: int) -> Callable[[], bool]:
        def told() -> bool:
            progress("questions", len(checker.kept), wanted.limit * (2 if asker else 1))
            return len(checker.kept) >= limit

        return told

    checker.take(_in_turn(by_rule(read)), enough(wanted.limit))
    if asker is not None:
        plan = tasks(read, wanted.kinds, _neighbour(checker.retriever, read, wanted.reader))
        limit = len(checker.kept) + wanted.limit
        asyncio.run(_written(plan, asker, checker, made, enough(limit)))
    reader = Reader(user=wanted.reader.user, groups=tuple(sorted(wanted.reader.groups)))
    made.questions = [draft.asked.model_copy(update={"reader": reader}) for draft in checker.kept]
    if not made.questions and not made.stopped:
        told = ", ".join(f"{count} {why}" for why, count in checker.dropped.items()) or "there were none to check"
        raise DatasetError(
            f"No question passed its checks ({told}). Take documents with headings, tables or longer text."
        )
    return made


def _in_turn(drafts: Iterator[Draft]) -> Iterator[Draft]:
    """Of each kind in turn, so that a set of few has all kinds."""
    by_kind: dict[str, list[Draft]] = {}
    for draft in drafts:
        by_kind.setdefault(draft.asked.kind, []).append(draft)
    for together in zip_longest(*by_kind.values()):
        yield from (draft for draft in together if draft is not None)


async def _written(
    plan: Iterator[Task], asker: Asker, checker: Checker, made: Made, enough: Callable[[], bool]
) -> None:
    prompt, at_once = asking_prompt(), asker.settings.concurrency
    try:
        while not enough():
            batch = list(islice(plan, at_once))
            if not batch:
                return
            found = await asyncio.gather(*(write(asker, prompt, task) for task in batch), return_exceptions=True)
            for one in found:
                if isinstance(one, BudgetSpent | ConfigurationError):
                    made.stopped = one.message
                elif isinstance(one, BaseException):
                    raise one
                elif isinstance(one, Failure):
                    made.failures[one.kind] += 1
            drafts = [one for one in found if isinstance(one, Draft)]
            await asyncio.to_thread(checker.take, drafts, enough)
            if made.stopped:
                return
    finally:
        await asker.close()


def _neighbour(retriever: Retriever, read: Sequence[Section], reader: Principal) -> Callable[[Section], Section | None]:
    """Finds a section of another document that a search for this one's heading brings up."""
    by_document: dict[str, list[Section]] = {}
    for section in read:
        by_document.setdefault(section.document, []).append(section)

    def near(section: Section) -> Section | None:
        query = " ".join(filter(None, (section.title, section.heading))) or section.text[:200]
        for hit in retriever.search(query, reader, limit=20).hits:
            if hit.chunk.document_id == section.document:
                continue
            for other in by_document.get(hit.chunk.document_id, ()):
                if other.text[:100] in hit.chunk.text or hit.chunk.text[:100] in other.text:
                    return other
        return None

    return near
