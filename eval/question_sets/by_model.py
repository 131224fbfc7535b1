"""Questions that a language model writes from sections, of the kinds that rules can't."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from eval.answers.questions import EvalQuestion, Span
from eval.judging.asking import Asker, Failure
from eval.judging.judge import sources
from eval.question_sets.draft import Draft, question_id
from eval.question_sets.material import Section
from generation.models.port import Message
from generation.prompts.prompt import Prompt
from generation.text.word_stems import terms

_SHORTEST, _TURNS = 200, 2
KINDS: Mapping[str, str] = {
    "single-hop": "One question that a colleague could ask and that one passage of source 1 answers.",
    "two documents": "One question that needs both sources: part of the answer stands in source 1 alone, part in "
    "source 2 alone. Give a quote of each.",
    "table": "One question that a single cell or row of a table in source 1 answers.",
    "unanswerable": "One question about the very subject of source 1 that sounds as if it should be answered there, "
    "and isn't. Leave answer and quotes empty; in claim write a sentence that would answer it.",
    "paraphrased": "One question that source 1 answers and that has none of its words in it but names and the smallest "
    "words: a reader who calls everything by other words.",
    "follow-up": "A first question that source 1 answers with its answer, as turns, and then a question that source 1 "
    "answers too and that can't be understood without them (it, there, and for two?).",
}
"""What the model is told of each kind."""


class Written(BaseModel):
    """What the model has to write."""

    model_config = ConfigDict(extra="ignore")

    question: Annotated[str, Field(min_length=8, max_length=400)]
    answer: Annotated[str, Field(max_length=1500)] = ""
    quotes: Annotated[list[str], Field(max_length=4)] = []
    turns: Annotated[list[str], Field(max_length=2)] = []
    claim: Annotated[str, Field(max_length=600)] = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of question, and the sections that one is to be written from."""

    kind: str
    sections: tuple[Section, ...]


def tasks(
    sections: Sequence[Section], kinds: Sequence[str], near: Callable[[Section], Section | None]
) -> Iterator[Task]:
    """What to write, kinds in turn.

    Args:
        near: a section of another document about the same things; None where there is none.
    """
    long = [section for section in sections if len(section.text) >= _SHORTEST]
    for at, section in enumerate(long):
        kind = kinds[at % len(kinds)]
        if kind == "table" and not section.tables:
            continue
        other = near(section) if kind == "two documents" else None
        if kind == "two documents" and other is None:
            continue
        yield Task(kind, (section, other) if other else (section,))


async def write(asker: Asker, prompt: Prompt, task: Task) -> Draft | Failure:
    """One question; why there is none. Raises as :meth:`eval.judging.asking.Asker.ask`."""
    shown = sources([f"{one.title}\n{one.heading}\n\n{one.text}" for one in task.sections])
    system, asked = prompt.filled(sources=shown, kind=KINDS[task.kind])
    reply = await asker.ask([Message("system", system), Message("user", asked)], Written)
    if reply.value is None:
        return reply.failure or Failure("malformed", "no reply")
    return _draft(task, reply.value)


def _draft(task: Task, written: Written) -> Draft | Failure:
    first = task.sections[0]
    unanswerable = task.kind == "unanswerable"
    spans = [] if unanswerable else [_span(quote, task.sections) for quote in written.quotes]
    fault = _fault(task, written, spans)
    if fault:
        return Failure("malformed", fault)
    asked = EvalQuestion(
        id=question_id(task.kind, "\n".join((*written.turns, written.question))),
        question=written.question,
        turns=tuple(written.turns) if task.kind == "follow-up" else (),
        reference="" if unanswerable else written.answer,
        documents=() if unanswerable else tuple(section.document for section in task.sections),
        spans=tuple(span for span in spans if span),
        no_answer=unanswerable,
        kind=task.kind,
        department=first.department,
        type=first.type,
        language=first.language,
        versions={section.document: section.version for section in task.sections},
    )
    return Draft(asked, tuple(section.text for section in task.sections), written.claim)


def _fault(task: Task, written: Written, spans: Sequence[Span | None]) -> str:
    unanswerable = task.kind == "unanswerable"
    quoted = {span.document for span in spans if span}
    found = {
        "a question without an answer needs a claim that would answer it": unanswerable and not written.claim.strip(),
        "the answer or its quotes are missing": not unanswerable and not (written.answer.strip() and spans),
        "a quote isn't in the source": None in spans,
        "one of the two documents isn't quoted": (
            task.kind == "two documents" and quoted != {section.document for section in task.sections}
        ),
        "the question shares words with the source": (
            task.kind == "paraphrased" and bool(terms(written.question) & _plain_terms(task.sections[0].text))
        ),
        "a follow-up needs a question and an answer before it": task.kind == "follow-up"
        and len(written.turns) != _TURNS,
    }
    return next((fault for fault, so in found.items() if so), "")


def _span(quote: str, sections: Sequence[Section]) -> Span | None:
    plain = " ".join(unescape(quote).split())  # the prompt has some characters as references
    for section in sections:
        if plain and plain in " ".join(section.text.split()):
            return Span(text=plain, document=section.document)
    return None


def _plain_terms(text: str) -> frozenset[str]:
    """The words of a text that aren't names: names have no other words."""
    return terms(" ".join(re.findall(r"\b[a-z][\w'-]*", text)))
