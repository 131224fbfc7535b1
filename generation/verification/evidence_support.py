"""The evidence model as the judge of statements, weighed together with the words that statement and passage share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from generation.evidence_model.model import EvidenceModel
from generation.verification.overlap import OverlapSupport

_WEIGHTS = (0.0, 1.0, 1.0)
"""1, the model's log odds, and those of shared words: a logistic regression fitted by ``footnote bench verification
--fit``."""
_LEAST = 1e-4


class EvidenceSupport:
    """A :class:`generation.verification.port.SupportModel`.

    Args:
        words: what shared words, and the embedder if it has one, say.
    """

    def __init__(self, model: EvidenceModel, words: OverlapSupport) -> None:
        self._model = model
        self._words = words

    def warm_up(self) -> None:
        """Load the model; see the port."""
        self._model.warm_up()

    def probabilities(self, statement: str, passages: Sequence[str]) -> list[float]:
        """How likely each passage supports the statement; see the port."""
        read = self._model.logits([(statement, passage) for passage in passages])
        shared = self._words.probabilities(statement, passages)
        return [_together(one, _log_odds(other)) for one, other in zip(read, shared, strict=True)]


def _together(read: float, shared: float) -> float:
    bias, one, other = _WEIGHTS
    return 1 / (1 + math.exp(-bias - one * read - other * shared))


def _log_odds(probability: float) -> float:
    kept = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(kept / (1 - kept))
