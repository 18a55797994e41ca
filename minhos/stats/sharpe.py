"""Sharpe ratios and what they are worth after the length of the record and the number of trials.

All ratios are per period of the returns that go in; `annualised` is the only place where years appear.  Kurtosis
is non-excess (3 for a normal).  Formulas: Bailey & Lopez de Prado 2012 (PSR, MinTRL) and 2014 (DSR).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_NORMAL = NormalDist()
_EULER_GAMMA = 0.5772156649015329


class Moments(NamedTuple):
    """Sharpe ratio per period (ddof 1), skewness and non-excess kurtosis of n returns."""

    n: int
    sharpe_ratio: float
    skewness: float
    kurtosis: float


def _column(returns: npt.ArrayLike) -> npt.NDArray[np.float64]:
    x = np.asarray(returns, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"returns must have one dimension, got shape {x.shape}")
    return x


def sharpe_ratio(returns: npt.ArrayLike) -> float:
    """Mean over standard deviation (ddof 1), per period; NaN under two returns or without variation."""
    x = _column(returns)
    sd = float(x.std(ddof=1)) if x.size > 1 else 0.0
    return float(x.mean()) / sd if sd > 0.0 else math.nan


def annualised(ratio: float, periods_per_year: float) -> float:
    """A per-period ratio times the root of the periods in a year."""
    return ratio * math.sqrt(periods_per_year)


def moments(returns: npt.ArrayLike) -> Moments:
    """What the probabilistic ratios need of a record of returns; NaN where there is no variation."""
    x = _column(returns)
    sd = float(x.std()) if x.size else 0.0
    if sd <= 0.0:
        return Moments(x.size, math.nan, math.nan, math.nan)
    z = (x - x.mean()) / sd
    return Moments(x.size, sharpe_ratio(x), float((z**3).mean()), float((z**4).mean()))


def sortino_ratio(returns: npt.ArrayLike, target: float = 0.0) -> float:
    """Mean excess over `target` by the root mean square of the shortfalls; NaN without shortfall."""
    excess = _column(returns) - target
    downside = math.sqrt(float((np.minimum(excess, 0.0) ** 2).mean())) if excess.size else 0.0
    return float(excess.mean()) / downside if downside > 0.0 else math.nan


def max_drawdown(equity: npt.ArrayLike) -> float:
    """Largest loss from a peak as a share of that peak, 0 to 1 (above 1 where equity falls below zero)."""
    x = _column(equity)
    if x.size == 0:
        return 0.0
    peak = np.maximum.accumulate(x)
    if peak[0] <= 0.0:
        raise ValueError(f"equity must start above zero, got {peak[0]}")
    return float((1.0 - x / peak).max())


def calmar_ratio(equity: npt.ArrayLike, periods_per_year: float) -> float:
    """Compound growth a year over the maximum drawdown; NaN without a drawdown or with fewer than two points."""
    x = _column(equity)
    if x.size < 2:
        return math.nan
    drawdown = max_drawdown(x)
    if drawdown <= 0.0 or x[-1] <= 0.0:
        return math.nan
    return float((x[-1] / x[0]) ** (periods_per_year / (x.size - 1)) - 1.0) / drawdown


def profit_factor(pnl: npt.ArrayLike) -> float:
    """Sum of gains over sum of losses; infinite without a loss, NaN without either."""
    x = _column(pnl)
    gains, losses = float(x[x > 0].sum()), float(-x[x < 0].sum())
    if losses > 0.0:
        return gains / losses
    return math.inf if gains > 0.0 else math.nan


def win_rate(pnl: npt.ArrayLike) -> float:
    """Share of results above zero; NaN without results."""
    x = _column(pnl)
    return float((x > 0).mean()) if x.size else math.nan


def payoff_ratio(pnl: npt.ArrayLike) -> float:
    """Mean gain over mean loss; NaN without a gain or without a loss."""
    x = _column(pnl)
    gains, losses = x[x > 0], x[x < 0]
    return float(gains.mean() / -losses.mean()) if gains.size and losses.size else math.nan


def _sharpe_variance(sharpe: float, skewness: float, kurtosis: float) -> float:
    """Variance of the estimated ratio times (n - 1); NaN for moments that no distribution has."""
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    return variance if variance > 0.0 else math.nan


def probabilistic_sharpe_ratio(
    sharpe_ratio: float, benchmark_sharpe_ratio: float, n_observations: float, skewness: float, kurtosis: float
) -> float:
    """P(true Sharpe ratio > benchmark) given the observed one; per-period values; NaN under two observations."""
    variance = _sharpe_variance(sharpe_ratio, skewness, kurtosis)
    if n_observations < 2 or not math.isfinite(variance):
        return math.nan
    z = (sharpe_ratio - benchmark_sharpe_ratio) * math.sqrt(n_observations - 1.0) / math.sqrt(variance)
    return _NORMAL.cdf(z)


def expected_maximum_sharpe_ratio(sharpe_ratio_variance: float, n_trials: float) -> float:
    """SR0: the ratio that the best of n trials without skill is expected to show; 0 for one trial.

    sharpe_ratio_variance: variance of the ratios over the trials, per period.
    """
    if n_trials < 1 or sharpe_ratio_variance < 0.0:
        raise ValueError(
            f"needs at least one trial and a variance from zero, got {n_trials} and {sharpe_ratio_variance}"
        )
    if n_trials == 1:
        return 0.0
    factor = (1.0 - _EULER_GAMMA) * _NORMAL.inv_cdf(1.0 - 1.0 / n_trials)
    factor += _EULER_GAMMA * _NORMAL.inv_cdf(1.0 - 1.0 / (n_trials * math.e))
    return math.sqrt(sharpe_ratio_variance) * max(0.0, factor)


def deflated_sharpe_ratio(
    sharpe_ratio: float,
    sharpe_ratio_variance: float,
    n_trials: float,
    n_observations: float,
    skewness: float,
    kurtosis: float,
) -> float:
    """The probabilistic ratio against the best that n_trials without skill would show; one trial: against 0."""
    benchmark = expected_maximum_sharpe_ratio(sharpe_ratio_variance, n_trials)
    return probabilistic_sharpe_ratio(sharpe_ratio, benchmark, n_observations, skewness, kurtosis)


def minimum_track_record_length(
    sharpe_ratio: float,
    benchmark_sharpe_ratio: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Observations until the probabilistic ratio reaches `confidence`; infinite at or below the benchmark."""
    variance = _sharpe_variance(sharpe_ratio, skewness, kurtosis)
    if math.isnan(variance) or math.isnan(benchmark_sharpe_ratio):
        return math.nan
    if sharpe_ratio <= benchmark_sharpe_ratio:
        return math.inf
    z = _NORMAL.inv_cdf(confidence) / (sharpe_ratio - benchmark_sharpe_ratio)
    return 1.0 + variance * z * z
