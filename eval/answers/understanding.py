"""Whether questions that leave something out, are misspelt, vague, or several at once, find their documents.

The cases are in ``eval/questions/``, written before the code that is measured on them: half are for tuning.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.principal import ANONYMOUS
from core.settings import RewriteSettings, Settings
from eval.datasets import DatasetError, read_rows
from eval.progress import Progress, tracked
from generation.answerer import Answerer
from generation.events import Abstain, Citation, Done, Sources, StageEvent
from generation.models.port import ChatModel, Delta, Message
from generation.question import Question
from generation.steps.retrieve import PassageSearch

QUESTIONS = Path(__file__).parents[1] / "questions"
KINDS = ("single", "follow-up", "parts", "misspelt", "vague")
_SETS = {
    "single": ("sourcegraph.jsonl", "18f.jsonl"),
    "follow-up": ("conversations.jsonl",),
    "parts": ("parts.jsonl",),
    "misspelt": ("misspelt.jsonl",),
    "vague": ("vague.jsonl",),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what it should find.

    Attributes:
        turns: what was asked and answered before it, in turn.
        expected: ends of URIs; of each group one must be found.
        in_path: parts of URIs, of which a document must have one that a vague question is answered from.
        meant: the question as it would be without its fault: by itself, or spelt rightly.
    """

    kind: str
    split: str
    question: str
    turns: tuple[str, ...] = ()
    expected: tuple[tuple[str, ...], ...] = ()
    in_path: tuple[str, ...] = ()
    meant: str = ""


@dataclass(slots=True)
class Understood:
    """What became of a question: URIs of the passages in their order, of those cited, and what was said of it."""

    found: list[str] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)
    queries: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    abstained: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case asked in one way, and whether it went well."""

    case: Case
    way: str
    right: bool
    understood: Understood


class _Scripted:
    """Rewrites a question into what was written by hand for it: as well as any model could."""

    name = "by hand"

    def __init__(self, meant: str) -> None:
        self._meant = meant

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:  # noqa: ARG002
        yield Delta(text=self._meant, finish_reason="stop")

    async def close(self) -> None:
        """There is nothing to let go of."""


def read_cases(kinds: Sequence[str] = KINDS, folder: Path = QUESTIONS) -> list[Case]:
    """The cases of these kinds; single questions are those that have an answer.

    Raises:
        DatasetError: a file is missing, or a line isn't a case.
    """
    return [
        case
        for kind in kinds
        for name in _SETS[kind]
        for where, row in read_rows(folder / name)
        if (case := _case(kind, where, row)) is not None
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks cases in every way that there is for their kind.

    Attributes:
        model: rewrites follow-ups too; None: there is none.
        first: how many passages count.
    """

    search: PassageSearch
    settings: Settings
    model: ChatModel | None = None
    first: int = 5

    async def ask_all(self, cases: Sequence[Case], progress: Progress) -> list[Outcome]:
        """Ask each; right: what it expects is among the first passages.

        Raises:
            IndexUnavailable: nothing can be found right now.
        """
        plain = self._answerer(None)
        off = RewriteSettings(enabled=False, parts=False, spelling=False, vague=False)
        as_is = Answerer(self.search, None, self.settings.model_copy(update={"rewrite": off}))
        before = ""
        found: list[Outcome] = []
        for case in tracked(cases, "asking", progress):
            for way, answerer, asked in self._ways(case, plain, as_is, before):
                understood = await _understood(answerer, asked, whole=case.kind == "vague")
                found.append(Outcome(case, way, _is_right(case, understood, self.first), understood))
            before = case.question if case.kind == "single" else ""
        return found

    def _answerer(self, model: ChatModel | None) -> Answerer:
        return Answerer(self.search, model, self.settings)

    def _ways(
        self, case: Case, plain: Answerer, as_is: Answerer, before: str
    ) -> Iterator[tuple[str, Answerer, Question]]:
        alone, whole = _asked(case.question), _asked(case.question, case.turns)
        yield "its words alone", as_is, alone
        if case.kind == "follow-up":
            yield "by rule", plain, whole
            yield "rewritten by hand", self._answerer(_Scripted(case.meant)), whole
            if self.model is not None:
                yield f"rewritten by {self.model.name}", self._answerer(self.model), whole
            return
        yield "understood", plain, alone
        if before:
            yield "after another question", plain, _asked(case.question, (before, "That is in the handbook."))
        if case.kind == "misspelt":
            yield "spelt rightly", as_is, _asked(case.meant)


async def _understood(answerer: Answerer, question: Question, *, whole: bool) -> Understood:
    """What an answer begins with; ``whole``: and how it ends."""
    found = Understood()
    uris: dict[int, str] = {}
    async with aclosing(answerer.answer(question)) as events:
        async for event in events:
            if isinstance(event, StageEvent) and event.queries:
                found.queries = event.queries
            elif isinstance(event, Sources):
                uris = {one.number: one.uri for one in event.sources}
                found.found = list(uris.values())
                if not whole:
                    break
            elif isinstance(event, Citation):
                found.cited.append(uris[event.number])
            elif isinstance(event, Abstain):
                found.abstained = True
            elif isinstance(event, Done):
                found.notices = event.notices
    return found


def _is_right(case: Case, understood: Understood, first: int) -> bool:
    if case.in_path:
        cited = set(understood.cited)
        return len(cited) > 1 and any(part in uri.casefold() for part in case.in_path for uri in cited)
    head = understood.found[:first]
    return all(any(uri.endswith(group) for uri in head) for group in case.expected)


def _asked(text: str, turns: Sequence[str] = ()) -> Question:
    history = [Message("assistant" if at % 2 else "user", turn) for at, turn in enumerate(turns)]
    return Question(
        text=text, principal=ANONYMOUS, answer_id="eval", conversation_id="eval", history=history, fresh=True
    )


def _case(kind: str, where: str, row: Mapping[str, Any]) -> Case | None:
    *turns, last = row.get("turns") or [""]
    question, files = row.get("question") or last, row.get("files")
    if not isinstance(question, str) or not question.strip() or not isinstance(files, list):
        raise DatasetError(f"{where}: a case has 'question' (or 'turns', the question last) and 'files'.")
    if kind == "single" and not files:
        return None
    expected = tuple(tuple(group) for group in (files, row.get("and_files") or []) if group)
    if not expected and not row.get("in_path"):
        raise DatasetError(f"{where}: nothing is expected: name 'files', or parts of their paths as 'in_path'.")
    meant = row.get("standalone") or question.replace(row.get("misspelt", "\0"), row.get("meant", ""))
    return Case(
        kind, str(row.get("split", "")), question, tuple(turns), expected, tuple(row.get("in_path") or ()), str(meant)
    )
