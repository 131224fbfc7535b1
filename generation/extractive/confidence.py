"""Whether what was found is an answer.

One number decides: the score of the best sentence (:mod:`generation.extractive.scoring`), which already holds its
similarity, its heading's, the question's words and its form. Where it must be to be an answer was set on the tuning
half of ``eval/questions/sourcegraph.jsonl`` and 24 questions over the demo's documents, 58 answerable and 17 not after
those with missing names. A logistic regression (scikit-learn 1.9.1, L2, balanced classes, leave one out) was tried on
more: the score alone has an area under the curve of .949; with the margin to the next passage .953, with the passage's
own similarity .953, with both .959, with the share of the question's words found .938. None is worth its numbers on so
few questions. Cosines of other embedders are brought to the packaged one's scale before
(:mod:`generation.extractive.calibration`).
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
