"""Pairs that the evidence model learns from, and is measured with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from generation.verification.evidence import Evidence

Task = Literal["answers", "supports"]
_SHORT_WORDS = 80
_DEV_SHARE = 20
"""Of 256: groups of the training data that only calibrate."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a sentence in its context, or a statement and what a passage has of it.

    Attributes:
        group: one for all sentences of a question; an id of the statement otherwise.
        source: the data set.
    """

    source: str
    group: str
    first: str
    second: str
    label: bool

    @property
    def dev(self) -> bool:
        """Whether it only calibrates; by a hash of its group."""
        return hashlib.sha256(self.group.encode()).digest()[0] < _DEV_SHARE


def said_of(statement: str, passage: str) -> str:
    """What a passage has of a statement: all of a short one, else the lines that the check of answers looks at."""
    if len(passage.split()) <= _SHORT_WORDS:
        return passage
    match = Evidence([(passage, "")]).match(statement)
    said = dict.fromkeys(part for line in match.lines for part in (*line.above, line.sentence.text))
    return "\n\n".join(said)
