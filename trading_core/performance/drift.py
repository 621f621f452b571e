"""Whether what comes in, and what is decided on it, still looks as it did: population stability.

PSI = sum over bins of (p - q) ln(p / q), with q the shares of a reference window and p those of the
recent one; bins are the deciles of the reference. Below 0.1 nothing has moved, above 0.2 it has.
Two samples of one population have a PSI above zero by chance alone, on average about
(bins - 1)(1/n + 1/m): that much is taken off, so that few observations do not look like drift.

Source: N. Siddiqi, Credit Risk Scorecards (2006), chapter 9; B. Yurdakul, Statistical Properties of
the Population Stability Index (2018), for what chance alone gives.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

BINS = 10
# Fewer observations than these say nothing about a distribution, or about a share.
OBSERVATIONS_MIN = 50
OUTCOMES_MIN = 30


def stability_of_values(
    reference: Sequence[float] | NDArray[np.float64], recent: Sequence[float] | NDArray[np.float64]
) -> float | None:
    """Return how far numbers have moved; None with too few of them."""
    if min(len(reference), len(recent)) < OBSERVATIONS_MIN:
        return None
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        for values in (reference, recent)
    ]
    return _corrected([int(one) for one in counts[0]], [int(one) for one in counts[1]])


def stability_of_kinds(reference: Sequence[Hashable], recent: Sequence[Hashable]) -> float | None:
    """Return how far the shares of kinds have moved; None with too few observations."""
    if min(len(reference), len(recent)) < OBSERVATIONS_MIN:
        return None
    before, now = Counter(reference), Counter(recent)
    kinds = sorted(before.keys() | now.keys(), key=repr)
    return _corrected([before[one] for one in kinds], [now[one] for one in kinds])


def fall_of_share(wins: int, of: int, recent_wins: int, recent_of: int) -> float | None:
    """Return by how many standard errors a share has fallen; None with too few outcomes.

    The usual test of two proportions, with the variance of both windows together.
    """
    if min(of, recent_of) < OUTCOMES_MIN:
        return None
    together = (wins + recent_wins) / (of + recent_of)
    error = sqrt(together * (1 - together) * (1 / of + 1 / recent_of))
    return 0.0 if not error else (wins / of - recent_wins / recent_of) / error


def _corrected(before: Sequence[int], now: Sequence[int]) -> float:
    """Return the PSI of two histograms with the same bins, less what chance alone gives."""
    of_before, of_now = sum(before), sum(now)
    raw = 0.0
    for one, other in zip(before, now, strict=True):
        # An empty bin is taken for half an observation: its share is small, and not zero.
        q, p = max(one, 0.5) / of_before, max(other, 0.5) / of_now
        raw += (p - q) * log(p / q)
    by_chance = (len(before) - 1) * (1 / of_before + 1 / of_now)
    return max(0.0, raw - by_chance)
