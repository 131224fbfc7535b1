"""ragas' metrics, called directly, with a judge of ours and Footnote's own embedder.

ragas 0.4 takes any model behind its ``InstructorBaseRagasLLM``: ours asks as judges do, so that replies are checked,
asked for once more, paid from the same budget, and each failure is counted, also those that a metric swallows.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # before it is imported: it would tell its makers of every call

from ragas.embeddings.base import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM
from ragas.metrics.collections import (
    AnswerRelevancy,
    ContextPrecision,
    ContextRecall,
    FactualCorrectness,
    Faithfulness,
    ResponseGroundedness,
    SemanticSimilarity,
)

from core.errors import FootnoteError
from eval.judging.asking import Asker, Failure
from eval.judging.judge import Case, Identity
from eval.judging.records import RagasRow
from generation.models.port import Message, Usage
from retrieval.embedding.port import Embedder

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Metric:
    """How one of them is made, and which parts of a case it is called with."""

    make: Callable[[InstructorBaseRagasLLM, BaseRagasEmbedding], Any]
    takes: tuple[str, ...]


METRICS: Mapping[str, _Metric] = {
    "faithfulness": _Metric(lambda llm, _: Faithfulness(llm=llm), ("user_input", "response", "retrieved_contexts")),
    "response_groundedness": _Metric(
        lambda llm, _: ResponseGroundedness(llm=llm, max_retries=1), ("response", "retrieved_contexts")
    ),
    "answer_relevancy": _Metric(
        lambda llm, embeddings: AnswerRelevancy(llm=llm, embeddings=embeddings), ("user_input", "response")
    ),
    "context_precision": _Metric(
        lambda llm, _: ContextPrecision(llm=llm), ("user_input", "reference", "retrieved_contexts")
    ),
    "context_recall": _Metric(lambda llm, _: ContextRecall(llm=llm), ("user_input", "retrieved_contexts", "reference")),
    "factual_correctness": _Metric(lambda llm, _: FactualCorrectness(llm=llm), ("response", "reference")),
    "semantic_similarity": _Metric(
        lambda _, embeddings: SemanticSimilarity(embeddings=embeddings), ("reference", "response")
    ),
}


@dataclass(slots=True)
class _Tally:
    """What one metric's calls for one answer came to."""

    failures: list[Failure] = field(default_factory=list)
    stopped: FootnoteError | None = None
    tokens: Usage = field(default_factory=lambda: Usage(0, 0))
    cost: float = 0.0


class _CallFailed(Exception):
    """A call of the judge failed within a metric."""


class _AskedJudge(InstructorBaseRagasLLM):
    """A judge of ours as ragas calls it."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.tally: ContextVar[_Tally] = ContextVar("tally")

    def generate(self, prompt: str, response_model: type[T]) -> T:  # noqa: ARG002 - as ragas calls it
        raise TypeError("this judge is only asked asynchronously")

    async def agenerate(self, prompt: str, response_model: type[T]) -> T:
        tally = self.tally.get()
        try:
            reply = await self._asker.ask([Message("user", prompt)], response_model)
        except FootnoteError as error:  # some metrics swallow what is raised
            tally.stopped = error
            raise
        spent = reply.usage
        tally.tokens = Usage(
            tally.tokens.input_tokens + spent.input_tokens, tally.tokens.output_tokens + spent.output_tokens
        )
        tally.cost += reply.cost
        if reply.value is None:
            failure = reply.failure or Failure("malformed", "no reply")
            tally.failures.append(failure)
            raise _CallFailed(failure.detail)
        return reply.value


class OwnEmbeddings(BaseRagasEmbedding):
    """Footnote's embedder as ragas calls it. A text longer than the model reads is the mean of its windows."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self._embedder = embedder

    def embed_text(self, text: str, **_: Any) -> list[float]:
        """The unit vector of a text. Raises ModelUnavailable."""
        size = self._embedder.window_tokens
        offsets = self._embedder.tokenizer.offsets(text)
        starts = range(0, max(1, len(offsets)), size)
        windows = [text[offsets[at][0] : offsets[min(at + size, len(offsets)) - 1][1]] for at in starts if offsets]
        mean = self._embedder.embed_passages(windows or [text]).mean(axis=0)
        return [float(value) for value in mean / (float(np.linalg.norm(mean)) or 1.0)]

    async def aembed_text(self, text: str, **_: Any) -> list[float]:
        """As :meth:`embed_text`, in a thread."""
        return await asyncio.to_thread(self.embed_text, text)


class RagasMetrics:
    """The metrics of ragas with one judge. For the tasks of one event loop.

    Args:
        names: which; all where none is named.
    """

    def __init__(self, asker: Asker, embedder: Embedder, names: Sequence[str] = ()) -> None:
        self.identity = identity_of(asker)
        self.at_once = asker.settings.concurrency
        self._llm = _AskedJudge(asker)
        embeddings = OwnEmbeddings(embedder)
        self._metrics = {name: METRICS[name].make(self._llm, embeddings) for name in names or METRICS}

    def applicable(self, case: Case) -> list[str]:
        """The metrics that say something of a case: those of references need one, those of passages need some."""
        given = _given(case)
        return [name for name in self._metrics if all(given[part] for part in METRICS[name].takes)]

    async def measure(self, name: str, configuration: str, case: Case) -> RagasRow:
        """One metric of one answer; what fails is a row with a failure.

        Raises:
            BudgetSpent, ConfigurationError: no further call can do better.
        """
        tally = _Tally()
        self._llm.tally.set(tally)
        began = time.perf_counter()
        given = _given(case)
        value, failure, detail = None, None, ""
        try:
            found = await self._metrics[name].ascore(**{part: given[part] for part in METRICS[name].takes})
            value = float(found.value)
        except _CallFailed:
            pass
        except Exception as error:  # noqa: BLE001 - whatever ragas does, the run goes on and counts it
            failure, detail = "error", f"{type(error).__name__}: {error}"
        if tally.stopped is not None:
            raise tally.stopped
        if value is None and tally.failures:
            failure, detail = tally.failures[0].kind, tally.failures[0].detail
        elif value is not None and not math.isfinite(value):
            first = tally.failures[0] if tally.failures else Failure("malformed", "ragas gives no number for it")
            failure, detail = (first.kind if tally.failures else "undefined"), first.detail
            value = None
        return RagasRow(
            item=case.id,
            configuration=configuration,
            judge=self.identity,
            metric=name,
            value=value,
            failure=failure,  # type: ignore[arg-type]
            detail=detail,
            failed_calls=len(tally.failures),
            input_tokens=tally.tokens.input_tokens,
            output_tokens=tally.tokens.output_tokens,
            cost=tally.cost,
            ms=1000 * (time.perf_counter() - began),
        )


def identity_of(asker: Asker) -> Identity:
    """Which judge it is that ragas asks: its prompts are those of its version."""
    own = asker.settings
    return Identity(own.called, own.model, f"ragas-{version('ragas')}", own.temperature, own.seed)


def _given(case: Case) -> dict[str, Any]:
    return {
        "user_input": case.question,
        "response": case.answer,
        "reference": case.reference,
        "retrieved_contexts": list(case.passages),
    }
