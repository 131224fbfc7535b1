"""The evidence model as the judge of statements, weighed together with the words that statement and passage share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from generation.evidence_model.model import EvidenceModel
from generation.verification.overlap import OTHER_WORDS, OverlapSupport

_LEAST = 1e-4
"""How near to 0 and to 1 shared words may be sure."""


class EvidenceSupport:
    """A :class:`generation.verification.port.SupportModel`.

    What shared words refuse stays refused: of 93 sentences with another subject than their source's the model let 73
    pass that words had told to be doubtful.

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
        bias, own, other = self._model.beside_words
        found = []
        for one, word in zip(read, shared, strict=True):
            both = 1 / (1 + math.exp(-bias - own * one - other * log_odds(word)))
            found.append(both if word > OTHER_WORDS else min(both, word))
        return found


def log_odds(probability: float) -> float:
    """The logarithm of a probability's odds, at most some nine either way."""
    kept = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(kept / (1 - kept))
