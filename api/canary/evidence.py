"""Whether two arms fail equally often: an e-process, that may be looked at every day.

After Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional
stopping" (Journal of Statistical Planning and Inference 230, 2024). A day with ``n_a`` and ``n_b`` outcomes is one
block. For any two rates ``p_a``, ``p_b`` fixed before, with ``p = (n_a p_a + n_b p_b) / (n_a + n_b)``, the likelihood
of the day under ``p_a``, ``p_b`` over that under ``p`` for all has an expectation of at most 1 whenever both arms fail
equally often: each outcome's factor has a mean that is linear in the true rate; by the inequality of arithmetic and
geometric means, the product of all is at most their weighted mean's power, and that mean is 1. So products over days
are a test supermartingale, and so is a mixture of them over pairs of rates. By Ville's inequality it ever reaches ``1
/ alpha`` with a probability of at most ``alpha``, however often one looks and whenever one stops.

Nothing is assumed of the rate itself, which may change from day to day, nor of the share of each arm, as long as it is
set without a look at the day's outcomes. Outcomes have to be independent: those of different conversations are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["worse", "better", "open"]
ALPHA = 0.05
_ODDS = np.linspace(-5.3, 0.85, 16)  # the baseline's log odds: rates from 0.5 % to 70 %
_SHIFTS = np.array([0.25, 0.5, 1.0, 1.5, 2.0])  # of the log odds: from the baseline's rate to the candidate's


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the days say together.

    Attributes:
        verdict: ``worse``: the candidate fails more often; ``open``: nothing is shown.
        e_value: the evidence against "equally often" at the last day; 1 is none.
        p_value: valid at any time, so it never grows.
    """

    verdict: Verdict
    e_value: float
    p_value: float


def log_evidence(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The logarithms of the evidence that the candidate fails more often, and less often, after each day.

    Args:
        counts: (..., days, 4): failures and outcomes of the baseline, failures and outcomes of the candidate.

    Returns:
        Two arrays (..., days). Each is an e-process of its own, and so is the mean of their exponentials.
    """
    return _mixture(counts, _SHIFTS), _mixture(counts, -_SHIFTS)


def _mixture(counts: NDArray[np.int64], shifts: NDArray[np.float64]) -> NDArray[np.float64]:
    failed_a, of_a, failed_b, of_b = np.moveaxis(counts, -1, 0).astype(float)
    odds, moved = (grid.ravel() for grid in np.meshgrid(_ODDS, shifts))
    logs = []
    for rate_a, rate_b in zip(1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-odds - moved)), strict=True):
        rate = (of_a * rate_a + of_b * rate_b) / np.maximum(of_a + of_b, 1)
        rate = np.where(of_a + of_b > 0, rate, rate_a)
        log_rate, log_rest = np.log(rate), np.log1p(-rate)
        day = failed_a * (np.log(rate_a) - log_rate) + (of_a - failed_a) * (np.log1p(-rate_a) - log_rest)
        day += failed_b * (np.log(rate_b) - log_rate) + (of_b - failed_b) * (np.log1p(-rate_b) - log_rest)
        logs.append(np.cumsum(day, axis=-1))
    mixed: NDArray[np.float64] = np.logaddexp.reduce(np.stack(logs), axis=0) - np.log(len(logs))
    return mixed


def evidence_of(days: Sequence[tuple[int, int, int, int]], alpha: float = ALPHA) -> Evidence:
    """What finished days say; a day that isn't over must not be among them.

    Args:
        days: in order: failures and outcomes of the baseline, failures and outcomes of the candidate.
        alpha: how often at most a difference is seen where there is none.
    """
    if not days:
        return Evidence("open", 1.0, 1.0)
    worse, better = log_evidence(np.array(days, dtype=np.int64))
    both = np.logaddexp(worse, better) - np.log(2)
    highest = int(np.argmax(both))
    verdict: Verdict = "open"
    if both[highest] >= -np.log(alpha):
        verdict = "worse" if worse[highest] > better[highest] else "better"
    return Evidence(verdict, float(np.exp(min(both[-1], 700.0))), float(np.exp(-max(min(both[highest], 700.0), 0.0))))
