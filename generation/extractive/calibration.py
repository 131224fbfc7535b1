"""What an embedder's cosines mean, on the scale of the packaged embedder that the numbers of an answer were set with.

Embedders spread their cosines differently: with one, sentences that have nothing in common are at 0, with another at
.6. A few questions, each with a sentence that answers it and one that doesn't, tell where an embedder has the two, once
per embedder. Its cosines are then stretched and shifted so that both means are where the packaged embedder has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ModelUnavailable
from core.logs import get_logger
from retrieval.embedding.model_files import PACKAGED_NAME

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder

log = get_logger(__name__)

_ANSWERING, _OTHER = 0.658, 0.032
"""The packaged embedder's mean cosines of the pairs below, in fp32."""
_MISTAKES = 1
"""Of so many questions an embedder may like the other sentence better, and still be used."""
_PACKAGED = re.compile(re.escape(PACKAGED_NAME) + r"-[0-9a-f]{8}")
_NEARLY_ONE = 0.995
_PAIRS = (
    (
        "How many days of leave does an employee get?",
        "Every employee has 25 days of paid leave a year.",
        "The printer on the second floor takes A3 paper.",
    ),
    (
        "Who approves travel expenses?",
        "Travel expenses are approved by your manager before the trip.",
        "Unit tests run on every pull request.",
    ),
    (
        "How do I reset my password?",
        "To set a new password, open the sign-in page and choose Forgot password.",
        "The canteen serves lunch from noon to two.",
    ),
    (
        "When is payroll run?",
        "Salaries are paid on the last working day of each month.",
        "Our logo is blue and must not be stretched.",
    ),
    (
        "What is the budget for equipment?",
        "You may spend up to 1,500 dollars on equipment for your desk.",
        "The database is migrated at the start of a release.",
    ),
    (
        "How do I report a security incident?",
        "Security incidents are reported to the security team by phone at once.",
        "Interviews for designers have three rounds.",
    ),
    (
        "Where are backups kept?",
        "Backups are stored in a second region for thirty days.",
        "New colleagues get a mentor in their first week.",
    ),
    (
        "Can I work from another country?",
        "Working from abroad is allowed for at most four weeks a year.",
        "The API returns errors as JSON with a code.",
    ),
)
"""A question, a sentence that answers it, and one that has nothing to do with it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Turns an embedder's cosines into what the packaged embedder would about give."""

    factor: float = 1.0
    shift: float = 0.0

    def usual(self, cosine: float) -> float:
        """An embedder's cosine on the usual scale."""
        return self.factor * cosine + self.shift

    def own(self, usual: float) -> float:
        """A cosine of the usual scale on the embedder's; never so high that only equal texts reach it."""
        return min((usual - self.shift) / self.factor, _NEARLY_ONE)


def scale_of(embedder: Embedder) -> Scale:
    """The embedder's scale; measured at its first use, by two dozen short texts.

    Raises:
        ModelUnavailable: it can't be run, or doesn't tell answers from other sentences; words have to judge then.
    """
    if _PACKAGED.fullmatch(embedder.name):
        return Scale()
    return _measured(embedder)  # type: ignore[arg-type]  # one is itself and equals no other


@lru_cache(maxsize=8)
def _measured(embedder: Embedder) -> Scale:
    questions = np.stack([embedder.embed_query(question) for question, _, _ in _PAIRS])
    answering = (questions * embedder.embed_passages([one for _, one, _ in _PAIRS])).sum(axis=1)
    other = (questions * embedder.embed_passages([one for _, _, one in _PAIRS])).sum(axis=1)
    if int((answering <= other).sum()) > _MISTAKES:
        raise ModelUnavailable(
            f"{embedder.name} doesn't tell answers from other sentences, so its cosines aren't used to judge any."
        )
    factor = (_ANSWERING - _OTHER) / float(answering.mean() - other.mean())
    scale = Scale(factor, _OTHER - factor * float(other.mean()))
    log.info("embedder.calibrated", model=embedder.name, factor=round(scale.factor, 3), shift=round(scale.shift, 3))
    return scale
