"""What a ceiling means: accuracy, R2, the gross Sharpe ratio, and how often a sure forecast is possible at all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from minhos.feeds.simulated.market import simulate
from minhos.feeds.simulated.model import MarketModel, accuracy_of_r2, ou_variance
from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import NQ, ns

RTH_BARS_A_YEAR = 78 * 252
HALF_TO_SIXTY_TWO = (0.505, 0.51, 0.52, 0.53, 0.54, 0.55, 0.58, 0.60, 0.62)


@pytest.mark.parametrize(
    ("accuracy", "r2", "correlation", "sharpe"),
    zip(
        HALF_TO_SIXTY_TWO,
        (0.00025, 0.00099, 0.00394, 0.00886, 0.01571, 0.02447, 0.06185, 0.09549, 0.13552),
        (0.016, 0.031, 0.063, 0.094, 0.125, 0.156, 0.249, 0.309, 0.368),
        (1.8, 3.5, 7.0, 10.6, 14.1, 17.6, 28, 36, 43),
        strict=True,
    ),
)
def test_accuracy_r2_and_the_sharpe_ratio_without_cost(accuracy, r2, correlation, sharpe):
    """A = 1/2 + asin(sqrt(R2)) / pi; one bet of one size on every bar has E|m| over its deviation a bar."""
    assert r2_of_accuracy(accuracy) == pytest.approx(r2, abs=5.1e-6)
    assert accuracy_of_r2(r2_of_accuracy(accuracy)) == pytest.approx(accuracy)
    assert math.sqrt(r2_of_accuracy(accuracy)) == pytest.approx(correlation, abs=5.1e-4)
    mean = math.sqrt(2 * r2_of_accuracy(accuracy) / math.pi)
    assert mean / math.sqrt(1 - mean**2) * math.sqrt(RTH_BARS_A_YEAR) == pytest.approx(sharpe, rel=0.03)


def r2_of_accuracy(accuracy: float) -> float:
    """A = 1/2 + asin(sqrt(R2)) / pi, solved for R2."""
    return math.sin(math.pi * (accuracy - 0.5)) ** 2


def selective(accuracy: float, threshold: float) -> tuple[float, float]:
    """Share of bars on which the exact forecaster of a Gaussian signal is that sure, and how often it is right then."""
    r2 = r2_of_accuracy(accuracy)
    scale = math.sqrt(r2 / (1 - r2))
    z = np.linspace(0, 9, 200_001)
    p, weight = stats.norm.cdf(scale * z), stats.norm.pdf(z)
    sure = p >= threshold
    return 2 * float(np.trapezoid(weight * sure, z)), float((p * weight)[sure].sum() / weight[sure].sum())


@pytest.mark.parametrize(
    ("accuracy", "threshold", "coverage", "right"),
    [
        (0.52, 0.60, 0.00006, None),
        (0.52, 0.55, 0.046, 0.559),
        (0.53, 0.60, 0.0074, 0.611),
        (0.53, 0.55, 0.184, 0.567),
        (0.54, 0.60, 0.045, 0.618),
        (0.54, 0.55, 0.32, 0.576),
        (0.55, 0.60, 0.110, 0.626),
        (0.55, 0.55, 0.43, 0.585),
        (0.58, 0.60, 0.32, 0.650),
        (0.60, 0.60, 0.44, 0.668),
        (0.62, 0.60, 0.52, 0.685),
    ],
)
def test_how_often_a_sure_forecast_is_possible(accuracy, threshold, coverage, right):
    found, accuracy_there = selective(accuracy, threshold)
    assert found == pytest.approx(coverage, rel=0.06)
    assert right is None or accuracy_there == pytest.approx(right, abs=0.0015)


@pytest.mark.parametrize(("ceiling", "coverage", "right"), [(0.54, 0.0448, 0.6197), (0.58, 0.32, 0.650)])
def test_the_simulated_market_allows_as_many_sure_forecasts(ceiling, coverage, right):
    model = MarketModel(kind="ou", ceiling=ceiling, seed=1)
    p_up = simulate(model, NQ, SessionCalendar.load(), ns("2023-01-03T00:00:00"), 100_000).p_up
    p_side = np.maximum(p_up, 1 - p_up)
    sure = p_side >= 0.60
    assert sure.mean() == pytest.approx(coverage, rel=0.10)
    assert p_side[sure].mean() == pytest.approx(right, abs=0.003)


@pytest.mark.parametrize(
    ("rho", "variances"),
    [
        (0.80, (0.05368, 0.12229, 0.20942, 0.32014, 0.46180, 0.64533)),
        (0.90, (0.03551, 0.08217, 0.14189, 0.21730, 0.31204, 0.43120)),
        (0.97, (0.02004, 0.04918, 0.08843, 0.13923, 0.20358, 0.28419)),
    ],
)
def test_variance_of_the_drift_for_each_ceiling(rho, variances):
    found = [ou_variance(ceiling, rho) for ceiling in (0.52, 0.54, 0.56, 0.58, 0.60, 0.62)]
    assert found == pytest.approx(variances, abs=6e-6)
