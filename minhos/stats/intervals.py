"""How sure a measured share or mean is: Wilson, day-block bootstrap and exact binomial.

Bars of one trade date are not independent of each other, so means of bars and bets get their interval by
resampling whole trade dates.  Not for sequential looks at a growing sample: see `eprocess`.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_NORMAL = NormalDist()


class Interval(NamedTuple):
    """A two-sided interval.  Both ends are NaN where the sample cannot carry one, so that every comparison fails."""

    low: float
    high: float


UNKNOWN_INTERVAL = Interval(math.nan, math.nan)


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share of n independent trials (Wilson 1927); NaN at n = 0."""
    _check_level(level)
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie between 0 and n, got {successes} of {n}")
    if n == 0:
        return UNKNOWN_INTERVAL
    z2 = _NORMAL.inv_cdf(0.5 + level / 2.0) ** 2
    share = successes / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


AT_ONCE = 100
"""Repetitions of a resampling that are in memory together."""


def day_block_interval(
    values: npt.ArrayLike, trade_dates: npt.ArrayLike, level: float = 0.95, seed: int = 0, reps: int = 2000
) -> Interval:
    """Interval of the mean of `values` by resampling whole trade dates with replacement.

    values, trade_dates: shape (n,); values of one date form one block.  Dates keep their number of values, so
    the mean is that of all values drawn.  The percentiles are spread about the mean as Student's t asks of so few
    dates (after Hesterberg 2015): without it four dates of pure noise would look like an edge one time in ten.
    Within the range of the values; the same seed gives the same interval.  Fewer than three dates: NaN.
    """
    _check_level(level)
    x = np.asarray(values, dtype=np.float64)
    dates = np.asarray(trade_dates)
    if x.shape != dates.shape or x.ndim != 1:
        raise ValueError(f"values and trade_dates must have one common length, got {x.shape} and {dates.shape}")
    _, day = np.unique(dates, return_inverse=True)
    counts = np.bincount(day)
    n_days = len(counts)
    if n_days < 3 or not np.isfinite(x).all():
        return UNKNOWN_INTERVAL
    sums = np.bincount(day, weights=x)
    rng, evenly = np.random.default_rng(seed), np.full(n_days, 1.0 / n_days)
    means = np.empty(reps)
    for start in range(0, reps, AT_ONCE):  # all at once would be 16 bytes a date and repetition
        drawn = rng.multinomial(n_days, evenly, size=min(AT_ONCE, reps - start)).astype(np.float64)
        means[start : start + len(drawn)] = (drawn @ sums) / (drawn @ counts)
    mean, spread = float(x.mean()), few_dates_factor(n_days, level)
    ends = np.quantile(means, [0.5 - level / 2.0, 0.5 + level / 2.0])
    low, high = np.clip(mean + spread * (ends - mean), x.min(), x.max())
    return Interval(float(low), float(high))


def few_dates_factor(n: int, level: float) -> float:
    """By how much a percentile interval of a mean of n dates must be wider, n at least 3 (after Hesterberg 2015).

    t of n - 1 degrees of freedom over z, times sqrt(n / (n - 1)); t is its expansion in z, 3 % off at n = 3.
    """
    z, v = _NORMAL.inv_cdf(0.5 + level / 2.0), n - 1.0
    t = z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    return t / z * math.sqrt(n / v)


def binomial_tail(successes: int, n: int, p: float = 0.5) -> float:
    """Exact P(X >= successes) of n independent trials with probability p."""
    if not 0.0 < p < 1.0:
        raise ValueError(f"p must lie between 0 and 1, got {p}")
    if successes <= 0:
        return 1.0
    log_p, log_q, top = math.log(p), math.log1p(-p), math.lgamma(n + 1)
    terms = (
        math.exp(top - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * log_p + (n - k) * log_q)
        for k in range(successes, n + 1)
    )
    return min(1.0, math.fsum(terms))


def trials_needed(accuracy: float, benchmark: float = 0.5, alpha: float = 0.05, power: float = 0.8) -> int:
    """Independent trials until a one-sided test of `accuracy` against `benchmark` succeeds with that power.

    Normal approximation with the variance under each hypothesis; `accuracy` must lie above `benchmark`.
    """
    if not 0.0 < benchmark < accuracy < 1.0:
        raise ValueError(f"accuracy {accuracy} must lie between benchmark {benchmark} and 1")
    z_alpha, z_power = _NORMAL.inv_cdf(1.0 - alpha), _NORMAL.inv_cdf(power)
    spread = z_alpha * math.sqrt(benchmark * (1 - benchmark)) + z_power * math.sqrt(accuracy * (1 - accuracy))
    return math.ceil((spread / (accuracy - benchmark)) ** 2)


def finite(value: float) -> float | None:
    """The number; None for what is no finite one: a figure that the sample cannot carry."""
    return float(value) if math.isfinite(value) else None
