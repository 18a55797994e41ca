"""Has what was proven stopped holding?  Sequential detectors on hits, and the shift of a feature's distribution.

Shiryaev-Roberts as an e-detector: with threshold A the mean number of hits until a false alarm is at least A, by
construction.  Generic drift detectors (ADWIN, Page-Hinkley) miss losses of a few points of accuracy.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


class _LikelihoodRatio:
    """Log-likelihood ratio of one hit: accuracy `bad` against accuracy `good`."""

    __slots__ = ("log_hit", "log_miss")

    def __init__(self, good: float, bad: float) -> None:
        if not 0.0 < bad < good < 1.0:
            raise ValueError(f"needs 0 < bad < good < 1, got bad {bad} and good {good}")
        self.log_hit = math.log(bad / good)
        self.log_miss = math.log((1.0 - bad) / (1.0 - good))

    def of(self, hit: bool) -> float:
        return self.log_hit if hit else self.log_miss


class ShiryaevRoberts:
    """R = (R + 1) LR(hit): alarm when R reaches `threshold` (2000: a false alarm every 2000 bets or later).

    good: the accuracy that was proven; bad: the accuracy that ends it.  `log_r` is the whole state.
    """

    __slots__ = ("_ratio", "log_r", "threshold")

    def __init__(self, good: float, bad: float, threshold: float = 2000.0) -> None:
        if threshold <= 1.0:
            raise ValueError(f"threshold must lie above 1, got {threshold}")
        self._ratio = _LikelihoodRatio(good, bad)
        self.threshold = threshold
        self.log_r = -math.inf

    def update(self, hit: bool) -> bool:
        """Take one result and say whether there is an alarm."""
        top = max(self.log_r, 0.0)
        plus_one = top + math.log1p(math.exp(-abs(self.log_r)))
        self.log_r = plus_one + self._ratio.of(hit)
        return self.alarm

    @property
    def statistic(self) -> float:
        """R; infinite where a double cannot hold it."""
        return math.exp(self.log_r) if self.log_r < 709.0 else math.inf

    @property
    def alarm(self) -> bool:
        return self.log_r >= math.log(self.threshold)

    def reset(self) -> None:
        """Begin anew, after an alarm was acted on."""
        self.log_r = -math.inf


class Cusum:
    """C = max(0, C + ln LR(hit)): Page's test on hits; `statistic` is the whole state."""

    __slots__ = ("_ratio", "statistic", "threshold")

    def __init__(self, good: float, bad: float, threshold: float = 5.0) -> None:
        self._ratio = _LikelihoodRatio(good, bad)
        self.threshold = threshold
        self.statistic = 0.0

    def update(self, hit: bool) -> bool:
        """Take one result and say whether there is an alarm."""
        self.statistic = max(0.0, self.statistic + self._ratio.of(hit))
        return self.alarm

    @property
    def alarm(self) -> bool:
        return self.statistic >= self.threshold


def population_stability_index(expected: npt.ArrayLike, actual: npt.ArrayLike, n_bins: int = 10) -> float:
    """PSI = sum (a - e) ln(a / e) over equal-mass bins of `expected`; shares are clipped at 1e-4.

    Both of shape (n,), (m,).  Without any shift its mean is (n_bins - 1)(1/n + 1/m): rules of thumb such as 0.1 and
    0.25 need a thousand values on both sides.
    """
    reference, current = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if reference.size < n_bins or current.size == 0:
        raise ValueError(f"needs {n_bins} expected values and one actual, got {reference.size} and {current.size}")
    edges = np.quantile(reference, np.linspace(0.0, 1.0, n_bins + 1)[1:-1])
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, x, side="right"), minlength=n_bins) / x.size, 1e-4)
        for x in (reference, current)
    ]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
