"""How much a test is given: little in the suite, all of it by ``make scale``."""

from __future__ import annotations

import os

SCALE = "FOOTNOTE_TEST_SCALE"


def sized(whole: int, usual: int) -> int:
    """The whole size where the environment asks for it, the usual one elsewhere."""
    return whole if os.environ.get(SCALE) else usual
