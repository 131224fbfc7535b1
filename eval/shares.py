"""A share of counted things, and how sure one can be of it."""

from __future__ import annotations

import math

_Z = 1.959964
"""The normal quantile of a 95 % interval."""


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of ``hits / of`` (Wilson, Probable inference, JASA 1927).

    Raises:
        ValueError: of nothing, or more hits than there can be.
    """
    if not 0 <= hits <= of or of == 0:
        raise ValueError(f"{hits} of {of} is not a share")
    share, spread = hits / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def told(hits: int, of: int) -> str:
    """As ``98.1 % (412 of 420; 95 % interval 96.3 to 99.0 %)``."""
    low, high = wilson(hits, of)
    return f"{100 * hits / of:.1f} % ({hits} of {of}; 95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
