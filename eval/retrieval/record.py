"""A run of the evaluation as it is kept: what was measured, on what, with what, and the figures."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.datasets import DatasetError
from eval.metrics import Estimate, Latency

FORMAT = 1
RUN_FILE = "run.json"

Status = Literal["ok", "empty", "failed"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QueryRow(_Part):
    """What one pipeline did with one judged query.

    Attributes:
        ms: time of the whole search.
        status: ``empty`` found nothing, ``failed`` raised; both score 0 and stay in every mean.
        note: why it failed.
        degraded: what the search had to do without, as ``part: why``.
        unjudged_10: documents among the first ten that nobody judged for this query.
        top: the first ten documents.
    """

    id: str
    metrics: dict[str, float]
    ms: float
    status: Status = "ok"
    note: str = ""
    degraded: tuple[str, ...] = ()
    unjudged_10: int = 0
    top: tuple[str, ...] = ()


class PhaseRow(_Part):
    """Quality of the ranking as one phase left it, and how long a query had taken by then.

    Attributes:
        name: ``lexical``, ``vector``, ``fused`` or ``reranked``. The two legs are one round trip: their time is shared.
        queries: how many queries had a ranking from this phase; the others score 0.
        stage: time of the phase alone.
        by_then: time from the beginning of the search to the end of the phase.
    """

    name: str
    metrics: dict[str, Estimate]
    queries: int
    stage: Latency
    by_then: Latency


class PassageRow(_Part):
    """A document that a pipeline ranked, as the report shows it."""

    document: str
    place: int
    title: str
    text: str
    grade: int | None


class MoveRow(_Part):
    """A query whose nDCG@10 moved against the baseline, with what each side put first."""

    query: str
    text: str
    before: float
    after: float
    passages_before: tuple[PassageRow, ...]
    passages_after: tuple[PassageRow, ...]

    @property
    def delta(self) -> float:
        """Gain in nDCG@10."""
        return self.after - self.before


class ComparisonRow(_Part):
    """A pipeline against the baseline, over the same queries.

    Attributes:
        deltas: mean difference of each metric, with its interval over paired queries.
        p_value: of nDCG@10, two-sided, by the paired randomisation test.
        better, worse, equal: queries by the sign of their difference in nDCG@10.
        gained, lost: the queries that moved most, the largest move first.
    """

    baseline: str
    deltas: dict[str, Estimate]
    p_value: float
    better: int
    worse: int
    equal: int
    gained: tuple[MoveRow, ...] = ()
    lost: tuple[MoveRow, ...] = ()


class PipelineRow(_Part):
    """Everything measured of one pipeline on one set."""

    name: str
    config: dict[str, Any]
    embedder: str
    reranker: str | None
    index: str
    metrics: dict[str, Estimate]
    latency: Latency
    stages: dict[str, Latency]
    phases: tuple[PhaseRow, ...]
    failed: int
    empty: int
    degraded: int
    unjudged_10: float
    queries: tuple[QueryRow, ...]
    versus: ComparisonRow | None = None

    def scores(self, metric: str) -> dict[str, float]:
        """The metric by query id."""
        return {row.id: row.metrics[metric] for row in self.queries}


class IndexRow(_Part):
    """The index that was searched.

    Attributes:
        code: fingerprint of the code that cut, embedded and indexed it; empty for a live index.
        reused: whether it was there already.
        seconds: what building it took.
    """

    key: str = ""
    kind: str = ""
    generation: str
    embedder: str
    dimensions: int
    documents: int
    chunks: int
    windows: int
    code: str = ""
    reused: bool = False
    seconds: float = 0.0


class SetRow(_Part):
    """One set of judged questions, and how each pipeline did on it.

    Attributes:
        fingerprint: hash of documents, questions and judgments: runs compare only where it is equal.
        empty_documents: documents without any text, which can't be indexed.
        unjudged: ids of questions without a relevant document; they can't be scored.
        missing: judgments of documents that aren't there.
    """

    name: str
    split: str
    fingerprint: str
    documents: int
    empty_documents: int
    judged: int
    unjudged: tuple[str, ...]
    missing: int
    indexes: tuple[IndexRow, ...]
    pipelines: tuple[PipelineRow, ...]

    def pipeline(self, name: str) -> PipelineRow:
        """The pipeline of that name. Raises DatasetError."""
        for row in self.pipelines:
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.pipelines)
        raise DatasetError(f"The run holds no pipeline {name!r} on {self.name}; it holds: {known}.")


class Run(_Part):
    """One run of ``footnote eval retrieval``."""

    format: int = FORMAT
    id: str
    created: datetime
    commit: str
    note: str = ""
    settings: dict[str, Any]
    baseline: str
    document_score: str
    sets: tuple[SetRow, ...]

    def save(self, file: Path) -> None:
        """Write the run as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def load_run(file: Path) -> Run:
    """Read a run that :meth:`Run.save` wrote; a folder means the ``run.json`` in it.

    Raises:
        DatasetError: it isn't there, or isn't a run.
    """
    path = file / RUN_FILE if file.is_dir() else file
    try:
        return Run.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path} is not there. `footnote eval retrieval --out DIR` writes DIR/{RUN_FILE}."
        ) from error
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        at = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise DatasetError(f"{path} is not a run of `footnote eval retrieval`: {at}: {fault['msg']}.") from error
    except OSError as error:
        raise DatasetError(f"{path} can't be read: {error}") from error
