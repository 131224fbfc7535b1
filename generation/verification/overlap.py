"""Today's support model: the words that a statement shares with a passage, and the packaged embedder's cosines.

It tells what a passage is about rather than what it says. Where a statement is nearly a copy of a line it looks closer:
words that stand for others and don't mean the same make it another statement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.chunk import Vectors
from generation.extractive.calibration import scale_of
from generation.verification.differences import Replaced, differences
from generation.verification.evidence import Evidence, Match
from retrieval.embedding.windows import readable

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder

_BY_WORDS = (-1.56, 3.92, -0.05)
_BY_BOTH = (-2.22, 2.74, -0.32, 2.22)
"""Weights of a logistic regression: 1, coverage by the closest line, by all lines, and the highest cosine. Fitted by
``footnote bench verification --fit`` to the training parts of FM2 and WiCE."""
_SURE = 0.95
"""A line that holds as much of a statement's words needs no vectors to be taken for its source."""
_ALIKE = 0.45
"""Cosine from which words that stand for others may mean the same."""
OTHER_WORDS = 0.2
"""The greatest probability of a statement with words in it that don't mean what stands in the source."""
_MAX_CHARS = 480
_LINES = 2


@dataclass(frozen=True, slots=True)
class _Compared:
    """A statement beside a passage: what is to be embedded for it."""

    match: Match
    texts: tuple[str, ...]
    replaced: tuple[Replaced, ...]


class OverlapSupport:
    """A :class:`generation.verification.port.SupportModel`.

    Args:
        embedder: None: words alone decide.
    """

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder

    def warm_up(self) -> None:
        """There is nothing of its own to load."""

    def probabilities(self, statement: str, passages: Sequence[str]) -> list[float]:
        """How likely each passage supports the statement; see the port."""
        compared = [_compare(statement, passage) for passage in passages]
        vectors = self._embedded(statement, compared)
        return [self._probability(statement, one, vectors) for one in compared]

    def features(self, statement: str, passage: str) -> tuple[float, float, float]:
        """Coverage by the closest line, by all lines, and the highest cosine: what the weights are fitted to."""
        one = _compare(statement, passage)
        vectors = self._embedded(statement, [one], always=True)
        return one.match.coverage, one.match.together, self._cosine(statement, one, vectors)

    def _embedded(self, statement: str, compared: Sequence[_Compared], *, always: bool = False) -> dict[str, Vectors]:
        if self._embedder is None:
            return {}
        texts = [text for one in compared if always or not _is_sure(one) for text in one.texts]
        if texts:
            texts.append(statement)
        texts += [text for one in compared for pair in one.replaced for text in (pair.claim, pair.source)]
        texts = list(dict.fromkeys(texts))
        if not texts:
            return {}
        vectors = self._embedder.embed_passages([_fit(text, self._embedder) for text in texts])
        return dict(zip(texts, vectors, strict=True))

    def _probability(self, statement: str, one: _Compared, vectors: dict[str, Vectors]) -> float:
        if not one.match.lines:
            return 0.0
        features = [one.match.coverage, one.match.together]
        weights: Sequence[float] = _BY_WORDS
        if one.texts[0] in vectors and not _is_sure(one):
            features.append(self._cosine(statement, one, vectors))
            weights = _BY_BOTH
        found = _logistic(weights, features)
        if any(pair.opposite or not self._alike(pair, vectors) for pair in one.replaced):
            return min(found, OTHER_WORDS)
        return found

    def _cosine(self, statement: str, one: _Compared, vectors: dict[str, Vectors]) -> float:
        assert self._embedder is not None
        if not one.texts:
            return 0.0
        scale = scale_of(self._embedder)
        return max(scale.usual(float(vectors[text] @ vectors[statement])) for text in one.texts)

    def _alike(self, pair: Replaced, vectors: dict[str, Vectors]) -> bool:
        if self._embedder is None:
            return False
        return scale_of(self._embedder).usual(float(vectors[pair.claim] @ vectors[pair.source])) >= _ALIKE


def _compare(statement: str, passage: str) -> _Compared:
    match = Evidence([(passage, "")]).match(statement)
    lines = [" ".join(line.sentence.text.split()) for line in match.lines]
    together = " ".join(lines[:3])
    found = differences(statement, match.lines[0].sentence.text) if match.lines else None
    texts = tuple(dict.fromkeys([*lines[:_LINES], together])) if lines else ()
    return _Compared(match, texts, found.words if found else ())


def _is_sure(one: _Compared) -> bool:
    return not one.texts or one.match.coverage >= _SURE


def _logistic(weights: Sequence[float], features: Sequence[float]) -> float:
    bias, *rest = weights
    return 1 / (1 + math.exp(-bias - sum(w * f for w, f in zip(rest, features, strict=True))))


def _fit(text: str, embedder: Embedder) -> str:
    return readable(text[:_MAX_CHARS], embedder)
