"""Whether what was found is an answer.

One number decides: the score of the best sentence (:mod:`generation.extractive.scoring`), which already holds its
similarity, its heading's, the question's words and its form. Where it must be to be an answer was set on the tuning
halves of the questions over both handbooks (85 with an answer, 32 without). Logistic regressions on more were tried
twice and were no better, left one out: docs/answers.md has the figures. Cosines of other embedders are brought to the
packaged one's scale before (:mod:`generation.extractive.calibration`).
"""

from __future__ import annotations

from collections.abc import Sequence

from generation.extractive.scoring import Scored

_ANSWERS = 0.5
_COVERED_ALONE = 0.7
"""Of the question's words, by weight, where there is no embedder to judge."""


def answers(scored: Sequence[Scored]) -> bool:
    """Whether the first of ``scored``, best first, is close enough to the question to be an answer to it."""
    if not scored:
        return False
    best = scored[0]
    if best.cosine is None:
        return best.candidate.lexical >= _COVERED_ALONE
    return best.score >= _ANSWERS
