"""Is one Sharpe ratio really higher than another, on the same periods?  Ledoit & Wolf 2008.

The delta method on the first two moments of both records with a HAC covariance, and the studentised circular block
bootstrap of the same paper.  Both records must cover the same periods, in order.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.stats.intervals import Interval

Floats = npt.NDArray[np.float64]
_NORMAL = NormalDist()


class SharpeDifference(NamedTuple):
    """Ratio of a less ratio of b, per period; standard error; two-sided p-value against no difference."""

    difference: float
    se: float
    p_value: float


def _moments(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Columns r1, r2, r1^2, r2^2; shape (n, 4)."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or first.size < 2:
        raise ValueError(f"a and b must have one common length from 2, got {first.shape} and {second.shape}")
    return np.column_stack([first, second, first**2, second**2])


def _difference(mean: Floats) -> float:
    """Difference of the ratios from the four mean moments; NaN without variation."""
    variances = mean[2] - mean[0] ** 2, mean[3] - mean[1] ** 2
    if min(variances) <= 0.0:
        return math.nan
    return float(mean[0] / math.sqrt(variances[0]) - mean[1] / math.sqrt(variances[1]))


def _gradient(mean: Floats) -> Floats:
    """Derivative of the difference by the four mean moments."""
    v1, v2 = (mean[2] - mean[0] ** 2) ** 1.5, (mean[3] - mean[1] ** 2) ** 1.5
    return np.array([mean[2] / v1, -mean[3] / v2, -0.5 * mean[0] / v1, 0.5 * mean[1] / v2])


def _bartlett(centred: Floats, lags: int) -> Floats:
    """Newey-West covariance of the moments' mean, times n."""
    n = len(centred)
    covariance = centred.T @ centred / n
    for lag in range(1, lags + 1):
        gamma = centred[lag:].T @ centred[:-lag] / n
        covariance = covariance + (1.0 - lag / (lags + 1.0)) * (gamma + gamma.T)
    return np.asarray(covariance)


def sharpe_difference(a: npt.ArrayLike, b: npt.ArrayLike, lags: int = 5) -> SharpeDifference:
    """Difference of the Sharpe ratios (population variance) of paired returns, shape (n,).

    lags: of the Bartlett kernel; 0 takes periods as independent.
    """
    moments = _moments(a, b)
    mean = moments.mean(axis=0)
    difference = _difference(mean)
    if math.isnan(difference):
        return SharpeDifference(math.nan, math.nan, math.nan)
    gradient = _gradient(mean)
    se = math.sqrt(max(0.0, float(gradient @ _bartlett(moments - mean, lags) @ gradient)) / len(moments))
    p_value = 2.0 * _NORMAL.cdf(-abs(difference) / se) if se > 0.0 else (1.0 if difference == 0.0 else 0.0)
    return SharpeDifference(difference, se, p_value)


def _block_se(moments: Floats, mean: Floats, block: int) -> float:
    """Standard error of the difference in a resample made of whole blocks (Ledoit & Wolf, section 3.2.2)."""
    n_blocks = len(moments) // block
    sums = (moments[: n_blocks * block] - mean).reshape(n_blocks, block, 4).sum(axis=1) / math.sqrt(block)
    gradient = _gradient(mean)
    return math.sqrt(max(0.0, float(gradient @ (sums.T @ sums / n_blocks) @ gradient)) / len(moments))


def sharpe_difference_interval(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    block: int = 5,
    level: float = 0.95,
    reps: int = 1000,
    seed: int = 0,
    lags: int = 5,
) -> Interval:
    """Symmetric studentised interval of the difference by the circular block bootstrap; NaN without variation.

    block: periods that stay together, at most half of the record.  The same seed gives the same interval.
    """
    moments = _moments(a, b)
    n = len(moments)
    if not 1 <= block <= n // 2:
        raise ValueError(f"block must lie between 1 and half of the {n} periods, got {block}")
    observed = sharpe_difference(a, b, lags)
    if math.isnan(observed.difference):
        return Interval(math.nan, math.nan)
    rng, studentised = np.random.default_rng(seed), []
    for _ in range(reps):
        starts = rng.integers(0, n, size=-(-n // block))
        rows = ((starts[:, None] + np.arange(block)) % n).ravel()[:n]
        sample = moments[rows]
        mean = sample.mean(axis=0)
        difference = _difference(mean)
        se = 0.0 if math.isnan(difference) else _block_se(sample, mean, block)
        if se > 0.0:
            studentised.append(abs(difference - observed.difference) / se)
    if not studentised:
        return Interval(observed.difference, observed.difference)
    half = float(np.quantile(studentised, level)) * observed.se
    return Interval(observed.difference - half, observed.difference + half)
