"""A question with the candidates that a search found for it: what a reranker is trained and measured on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.datasets import DatasetError
from eval.training.recipe import Teacher

_SHARES = 2**32


@dataclass(frozen=True, slots=True)
class Group:
    """A question and its candidates, in the order of the search.

    Attributes:
        documents, passages: of each candidate; ``passages`` as the index reads them, context included.
        first: each candidate's score before any reranker, on whatever scale the pipeline has.
        relevant: grades by document, of all that are relevant, found or not.
    """

    id: str
    source: str
    question: str
    documents: tuple[str, ...]
    passages: tuple[str, ...]
    first: tuple[float, ...]
    relevant: dict[str, int]

    @property
    def positives(self) -> list[int]:
        """Places of the relevant documents' best passages."""
        found: dict[str, int] = {}
        for place, document in enumerate(self.documents):
            if self.relevant.get(document, 0) > 0:
                found.setdefault(document, place)
        return list(found.values())

    @property
    def negatives(self) -> list[int]:
        """Places of the candidates whose documents nobody called relevant; a relevant document's other passages are
        neither."""
        return [place for place, document in enumerate(self.documents) if document not in self.relevant]


def write_groups(groups: Iterable[Group], file: Path) -> None:
    """Write groups as JSONL, whole or not at all."""
    unfinished = file.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8") as out:
        for group in groups:
            out.write(json.dumps(asdict(group), ensure_ascii=True) + "\n")
    unfinished.replace(file)


def read_groups(file: Path) -> list[Group]:
    """Read what :func:`write_groups` wrote.

    Raises:
        DatasetError: it can't be read as that.
    """
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return [_group(row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DatasetError(f"{file} is damaged ({error}): delete it, and it is made again.") from error


def _group(row: dict[str, object]) -> Group:
    return Group(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})  # type: ignore[arg-type]


def split(groups: Sequence[Group], dev: float, seed: int) -> tuple[list[Group], list[Group]]:
    """Groups to train on, and a share of about ``dev`` to measure on.

    A relevant document (a section's document with all its sections) is on one side only: questions about one thing are
    much alike, and would measure memory.
    """
    sides: tuple[list[Group], list[Group]] = ([], [])
    for group in groups:
        sides[_share(f"{seed}:{group.source}:{_family(group)}") < dev].append(group)
    return sides


def _family(group: Group) -> str:
    return min(document.rpartition("#")[0] or document for document in group.relevant)


def _share(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / _SHARES


def z_scores(scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and deviation 1; all 0 where they are alike."""
    values: NDArray[np.float64] = np.asarray(scores, np.float64)
    deviation = float(values.std()) if len(values) else 0.0
    return (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)


def teacher_scores(group: Group, teacher: Teacher) -> NDArray[np.float64]:
    """What a reranker learns to give, one score a candidate: the pipeline's z-score, and more where it is relevant."""
    total: NDArray[np.float64] = teacher.fused * z_scores(group.first)
    total[group.positives] += teacher.relevant
    return total
