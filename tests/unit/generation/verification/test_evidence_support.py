"""The evidence model and shared words, weighed together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError
from core.verification_settings import EvidenceSettings
from generation.build import build_support
from generation.verification.evidence_support import EvidenceSupport
from generation.verification.overlap import OverlapSupport


class Reads:
    """Gives the same log odds to every pair."""

    def __init__(self, logit: float) -> None:
        self.logit = logit
        self.pairs: list[tuple[str, str]] = []

    beside_words = (0.0, 1.0, 1.0)

    def warm_up(self) -> None:
        pass

    def logits(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        self.pairs += pairs
        return [self.logit] * len(pairs)


def _support(logit: float) -> Any:
    return EvidenceSupport(Reads(logit), OverlapSupport(None))  # type: ignore[arg-type]


def test_the_model_and_shared_words_both_count() -> None:
    statement, passage = "The office opens at eight.", "The office opens at eight every day."
    likely, unlikely = (_support(logit).probabilities(statement, [passage])[0] for logit in (3.0, -3.0))
    assert 0 < unlikely < likely < 1
    about, other = _support(0.0).probabilities(statement, [passage, "Lunch is served from noon."])
    assert about > other


def test_what_words_refuse_stays_refused() -> None:
    assert _support(9.0).probabilities("Zebras graze.", ["The office opens at eight every day."])[0] < 0.2


def test_each_passage_is_read_with_the_statement() -> None:
    support = _support(0.0)
    assert len(support.probabilities("A b.", ["one", "two"])) == 2
    assert support._model.pairs == [("A b.", "one"), ("A b.", "two")]


def test_settings_choose_what_judges(tmp_path: Path, embedder: Any) -> None:
    assert isinstance(build_support(EvidenceSettings(), embedder), OverlapSupport)
    with pytest.raises(ConfigurationError, match=r"evidence\.model"):
        build_support(EvidenceSettings(model=str(tmp_path)), embedder)
