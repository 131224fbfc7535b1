"""What is compared: two ways of searching with Footnote, and three of building and running the peer's pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

LIMIT = 10
"""Results that every arm is asked for: the depth of nDCG@10."""

FOOTNOTE: Final = "footnote"
HAYSTACK: Final = "haystack"


@dataclass(frozen=True, slots=True)
class Arm:
    """A configuration of a side.

    Attributes:
        name: of the arm, in tables.
        index: ends the name of the index that it searches; arms that share one fill it once.
        options: what its side makes of it.
        files: takes part in the measure of the whole path only.
    """

    name: str
    side: Literal["footnote", "haystack"]
    index: str
    options: Mapping[str, Any] = field(default_factory=dict)
    files: bool = False


TUNED = {"dtype": "bfloat16", "depth": 100, "analyzer": "english", "refresh": False}
"""What the peer's parameters offer to reach Footnote's precision, analysis and depth."""

ARMS = (
    Arm("footnote", FOOTNOTE, "footnote"),
    Arm("footnote, RRF", FOOTNOTE, "footnote", {"pipeline": "hybrid"}),
    Arm("haystack, documented", HAYSTACK, "haystack"),
    Arm("haystack, tuned", HAYSTACK, "haystack-tuned", TUNED),
    Arm("haystack, tuned, run_async", HAYSTACK, "haystack-tuned", {**TUNED, "concurrent": True}),
)
FILES = Arm("haystack, files", HAYSTACK, "haystack-files", {"dtype": "bfloat16"}, files=True)
BASE = ARMS[0].name
"""The arm that the others are compared with."""


def writers(arms: tuple[Arm, ...] = ARMS) -> tuple[Arm, ...]:
    """The arms that fill an index: the first of each."""
    first: dict[str, Arm] = {}
    for arm in arms:
        first.setdefault(arm.index, arm)
    return tuple(first.values())
