"""Do probabilities mean what they say?  Scores, the calibration error without its noise, slope and intercept.

y: shape (n,), 0/1 or bool outcomes; p: shape (n,), probabilities of y = 1.  Bins hold equal numbers of
forecasts (equal mass).  For measuring only: fitting the calibrator that trades is `training`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_EPSILON = 1e-12
_NEWTON_STEPS = 100


class Murphy(NamedTuple):
    """Murphy's decomposition: brier = reliability - resolution + uncertainty + within_bin.

    within_bin is what binning leaves over (zero when forecasts within a bin are equal).
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bin: float


class ReliabilityRow(NamedTuple):
    """One bin of the reliability diagram; the band is where `observed` lies in 95 % if the forecasts are calibrated."""

    n: int
    forecast: float
    observed: float
    band_low: float
    band_high: float


class SlopeIntercept(NamedTuple):
    """Logistic regression of y on logit p: slope 1 and intercept 0 when calibrated.  NaN where it has no optimum."""

    slope: float
    intercept: float
    slope_se: float
    intercept_se: float


class Slope(NamedTuple):
    """Slope through the origin and its standard error."""

    slope: float
    se: float


def _pairs(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[Floats, Floats]:
    outcome, forecast = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if outcome.shape != forecast.shape or outcome.ndim != 1 or outcome.size == 0:
        raise ValueError(f"y and p must have one common length above zero, got {outcome.shape} and {forecast.shape}")
    if not ((forecast >= 0.0) & (forecast <= 1.0)).all():
        raise ValueError("p must lie between 0 and 1 and be finite")
    return outcome, forecast


def _logit(p: Floats) -> Floats:
    inside = np.clip(p, _EPSILON, 1.0 - _EPSILON)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _bins(p: Floats, n_bins: int) -> list[npt.NDArray[np.int64]]:
    """Indices of equal-mass bins by rising p; ties keep their order."""
    return [part for part in np.array_split(np.argsort(p, kind="stable"), n_bins) if part.size]


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Mean negative log-likelihood in nats; a coin scores ln 2 = 0.6931."""
    outcome, forecast = _pairs(y, p)
    inside = np.clip(forecast, _EPSILON, 1.0 - _EPSILON)
    return float(-np.mean(outcome * np.log(inside) + (1.0 - outcome) * np.log1p(-inside)))


def brier_score(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Mean squared error of the probability; a coin scores 0.25."""
    outcome, forecast = _pairs(y, p)
    return float(np.mean((forecast - outcome) ** 2))


def brier_skill(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """1 - Brier / Brier of the base rate of the same outcomes; NaN when all outcomes are equal."""
    outcome, forecast = _pairs(y, p)
    reference = float(np.var(outcome))
    return 1.0 - brier_score(outcome, forecast) / reference if reference > 0.0 else math.nan


def log_loss_skill(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """1 - log loss / log loss of a coin: the share of a bit that the forecasts save."""
    return 1.0 - log_loss(y, p) / math.log(2.0)


def murphy_decomposition(y: npt.ArrayLike, p: npt.ArrayLike, n_bins: int = 15) -> Murphy:
    """Brier score split into reliability, resolution and uncertainty (Murphy 1973) over equal-mass bins."""
    outcome, forecast = _pairs(y, p)
    base, reliability, resolution = float(outcome.mean()), 0.0, 0.0
    for members in _bins(forecast, n_bins):
        share, observed = members.size / outcome.size, float(outcome[members].mean())
        reliability += share * (float(forecast[members].mean()) - observed) ** 2
        resolution += share * (observed - base) ** 2
    brier, uncertainty = brier_score(outcome, forecast), base * (1.0 - base)
    return Murphy(brier, reliability, resolution, uncertainty, brier - (reliability - resolution + uncertainty))


def expected_calibration_error(y: npt.ArrayLike, p: npt.ArrayLike, n_bins: int = 15) -> float:
    """Plain ECE: mean |forecast - observed| over equal-mass bins.  About 0.008 by noise alone at n = 20,000."""
    outcome, forecast = _pairs(y, p)
    gaps = ((m.size, abs(float(forecast[m].mean() - outcome[m].mean()))) for m in _bins(forecast, n_bins))
    return sum(n * gap for n, gap in gaps) / outcome.size


def debiased_squared_calibration_error(y: npt.ArrayLike, p: npt.ArrayLike, n_bins: int = 15) -> float:
    """sum of w_b (d_b^2 - var_b / n_b): squared calibration error without its noise (Kumar, Liang & Ma 2019).

    Unbiased, hence below zero about half the time for a perfect model.
    """
    outcome, forecast = _pairs(y, p)
    total = 0.0
    for members in _bins(forecast, n_bins):
        gap = float(forecast[members].mean() - outcome[members].mean())
        noise = float(outcome[members].var(ddof=1)) / members.size if members.size > 1 else 0.0
        total += members.size / outcome.size * (gap * gap - noise)
    return total


def debiased_calibration_error(y: npt.ArrayLike, p: npt.ArrayLike, n_bins: int = 15) -> float:
    """Root of the debiased squared calibration error, zero where that is negative; in units of probability."""
    return math.sqrt(max(0.0, debiased_squared_calibration_error(y, p, n_bins)))


def reliability_table(y: npt.ArrayLike, p: npt.ArrayLike, n_bins: int = 15) -> tuple[ReliabilityRow, ...]:
    """Rows of the reliability diagram, by rising forecast, with consistency bands (normal approximation)."""
    outcome, forecast = _pairs(y, p)
    rows = []
    for members in _bins(forecast, n_bins):
        mean, n = float(forecast[members].mean()), members.size
        half = 1.96 * math.sqrt(float((forecast[members] * (1.0 - forecast[members])).sum())) / n
        rows.append(
            ReliabilityRow(n, mean, float(outcome[members].mean()), max(0.0, mean - half), min(1.0, mean + half))
        )
    return tuple(rows)


def calibration_slope(y: npt.ArrayLike, p: npt.ArrayLike) -> SlopeIntercept:
    """Slope and intercept of the logistic regression of y on logit p, with standard errors (Cox 1958), by Newton."""
    outcome, forecast = _pairs(y, p)
    x = _logit(forecast)
    if np.ptp(x) <= 0.0 or np.ptp(outcome) <= 0.0:
        return SlopeIntercept(math.nan, math.nan, math.nan, math.nan)
    design = np.column_stack([x, np.ones_like(x)])
    beta = np.array([1.0, 0.0])
    covariance = np.full((2, 2), math.nan)
    for _ in range(_NEWTON_STEPS):
        fitted = _sigmoid(design @ beta)
        weights = fitted * (1.0 - fitted)
        information = design.T @ (design * weights[:, None])
        if np.linalg.cond(information) > 1e12:
            return SlopeIntercept(math.nan, math.nan, math.nan, math.nan)
        covariance = np.linalg.inv(information)
        step = covariance @ (design.T @ (outcome - fitted))
        largest = float(np.abs(step).max())
        beta = beta + step * min(1.0, 2.0 / largest if largest > 0 else 1.0)
        if largest < 1e-10:
            break
    se = np.sqrt(np.diag(covariance))
    return SlopeIntercept(float(beta[0]), float(beta[1]), float(se[0]), float(se[1]))


def slope_through_origin(
    y: npt.ArrayLike, score: npt.ArrayLike, trade_dates: npt.ArrayLike | None = None, prior_sd: float | None = None
) -> Slope:
    """Slope a of P(y = 1) = sigmoid(a logit(score)) by Newton: zero where the scores say nothing.

    g = sum (y - p) x, h = sum p (1 - p) x^2, x = logit(score), se = h^-1/2.  With trade_dates (shape (n,)) the
    standard error lets bars of one date depend on each other (sandwich over dates) and is never below h^-1/2.
    prior_sd adds the ridge of a prior N(0, prior_sd^2) on a.  NaN where x is zero throughout.
    """
    outcome, forecast = _pairs(y, score)
    x = _logit(forecast)
    ridge = 0.0 if prior_sd is None else prior_sd**-2
    slope = 0.0
    for _ in range(_NEWTON_STEPS):
        fitted = _sigmoid(slope * x)
        h = float((fitted * (1.0 - fitted) * x * x).sum()) + ridge
        if h <= 1e-12:
            return Slope(math.nan, math.nan)
        step = (float(((outcome - fitted) * x).sum()) - ridge * slope) / h
        slope += math.copysign(min(abs(step), 2.0), step)
        if abs(step) < 1e-12:
            break
    se = h**-0.5
    if trade_dates is not None:
        _, day = np.unique(np.asarray(trade_dates), return_inverse=True)
        scores_by_day = np.bincount(day, weights=(outcome - fitted) * x)
        n_days = len(scores_by_day)
        correction = n_days / (n_days - 1) if n_days > 1 else 1.0
        se = max(se, math.sqrt(correction * float((scores_by_day**2).sum())) / h)
    return Slope(slope, se)
