"""Whether an arm's 99th percentile is above a limit: whether more than one answer of a hundred takes longer.

A quantile of few answers swings, so what is tested is the share of slow answers, by an e-process of likelihood ratios
(Ramdas, Gruenwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid inference", Statistical Science
38, 2023). With ``p = 0.01`` and any ``q > p`` fixed before, an answer multiplies the evidence by ``q / p`` if it was
slow and by ``(1 - q) / (1 - p)`` if not. If answers are slow with a chance of at most ``p``, given all before, each
factor expects at most 1: it is linear in the chance, rising, and 1 at ``p``. So products are test supermartingales. So
is their mean over a grid of ``q``, and over the day ``d`` on which answers may have become slow, with the weights
``1 / (d (d + 1))``, which sum to 1::

    E = sum over d of  1 / (d (d + 1)) * mean over q of  product over the answers since day d

Without the sum, weeks of quick answers would have to be made up for by slow ones. By Ville's inequality ``E`` ever
reaches ``1 / alpha`` with a chance of at most ``alpha``, whenever one looks, today's answers included.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from api.canary.evidence import ALPHA

SHARE = 0.01
"""Of answers that may be slow."""
_SHARES = np.array([0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5])


def log_slowness(days: Sequence[tuple[int, int]]) -> float:
    """The logarithm of the evidence that more than :data:`SHARE` of the answers are slow.

    Args:
        days: in order, today the last: slow answers, and all answers.
    """
    if not days:
        return 0.0
    slow, all_ = np.array(days, dtype=float).T
    logs = np.outer(slow, np.log(_SHARES / SHARE)) + np.outer(all_ - slow, np.log((1 - _SHARES) / (1 - SHARE)))
    since = np.logaddexp.reduce(np.cumsum(logs[::-1], axis=0)[::-1], axis=1) - np.log(len(_SHARES))
    day = np.arange(1, len(days) + 1)
    return float(np.logaddexp.reduce(since - np.log(day * (day + 1.0))))


def is_slow(days: Sequence[tuple[int, int]], alpha: float = ALPHA) -> bool:
    """Whether it is shown; see :func:`log_slowness`."""
    return bool(log_slowness(days) >= -np.log(alpha))
