"""Scores and calibration measures on forecasts whose truth is known."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from minhos.stats import (
    brier_score,
    brier_skill,
    calibration_slope,
    debiased_calibration_error,
    debiased_squared_calibration_error,
    expected_calibration_error,
    log_loss,
    log_loss_skill,
    murphy_decomposition,
    reliability_table,
    slope_through_origin,
)


def calibrated(n=20_000, seed=0, *, sharpen=1.0):
    """Outcomes drawn from p = sigmoid(z), and forecasts sigmoid(sharpen z)."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 0.4, n)
    y = rng.random(n) < 1 / (1 + np.exp(-z))
    return y, 1 / (1 + np.exp(-sharpen * z))


def test_scores_agree_with_scikit_learn():
    y, p = calibrated(2000)
    assert log_loss(y, p) == pytest.approx(sklearn_log_loss(y, p))
    assert brier_score(y, p) == pytest.approx(brier_score_loss(y, p))


def test_a_coin_has_no_skill():
    y = [1, 0, 1, 0]
    assert log_loss(y, [0.5] * 4) == pytest.approx(math.log(2))
    assert log_loss_skill(y, [0.5] * 4) == pytest.approx(0)
    assert brier_skill(y, [0.5] * 4) == pytest.approx(0)


def test_murphy_adds_up_and_by_hand():
    y, p = np.array([1, 0, 0, 0, 1, 1, 1, 0]), np.repeat([0.3, 0.7], 4)
    parts = murphy_decomposition(y, p, n_bins=2)
    assert parts.reliability == pytest.approx(0.5 * (0.3 - 0.25) ** 2 + 0.5 * (0.7 - 0.75) ** 2)
    assert parts.resolution == pytest.approx(0.25**2)
    assert parts.uncertainty == 0.25
    assert parts.within_bin == pytest.approx(0)
    assert parts.brier == pytest.approx(parts.reliability - parts.resolution + parts.uncertainty)


def test_plain_error_of_a_perfect_model_is_noise_and_the_debiased_one_is_not():
    plain, debiased = [], []
    for seed in range(20):
        y, p = calibrated(seed=seed)
        plain.append(expected_calibration_error(y, p))
        debiased.append(debiased_squared_calibration_error(y, p))
    assert 0.006 < np.mean(plain) < 0.012
    assert abs(np.mean(debiased)) < 4e-5
    assert min(debiased) < 0 < max(debiased)


def test_debiased_error_finds_a_known_miscalibration():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.3, 0.6, 50_000)
    y = rng.random(50_000) < p + 0.05
    assert debiased_calibration_error(y, p) == pytest.approx(0.05, abs=0.006)


def test_debiased_squared_error_by_hand():
    y, p = [1, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]
    assert debiased_squared_calibration_error(y, p, n_bins=1) == pytest.approx(
        (0.75 - 0.5) ** 2 - (0.75 * 0.25 * 4 / 3) / 4
    )


def test_reliability_rows_hold_equal_numbers_and_their_bands_hold_a_calibrated_model():
    y, p = calibrated(15_000)
    rows = reliability_table(y, p)
    assert [row.n for row in rows] == [1000] * 15
    assert sum(row.band_low <= row.observed <= row.band_high for row in rows) >= 12
    assert [row.forecast for row in rows] == sorted(row.forecast for row in rows)


def test_slope_and_intercept_agree_with_an_unpenalised_logistic_regression():
    y, p = calibrated(4000, sharpen=2.0)
    x = np.log(p / (1 - p))[:, None]
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(x, y)
    result = calibration_slope(y, p)
    assert result.slope == pytest.approx(peer.coef_[0, 0], abs=1e-5)
    assert result.intercept == pytest.approx(peer.intercept_[0], abs=1e-5)
    assert abs(result.slope - 0.5) < 3 * result.slope_se


def test_slope_of_forecasts_that_do_not_vary_is_unknown():
    assert math.isnan(calibration_slope([1, 0], [0.5, 0.5]).slope)
    assert math.isnan(calibration_slope([1, 1], [0.4, 0.6]).slope)
    assert math.isnan(slope_through_origin([1, 0], [0.5, 0.5]).slope)


def test_separable_outcomes_have_no_slope():
    assert math.isnan(calibration_slope([0, 0, 1, 1], [0.2, 0.3, 0.7, 0.8]).slope)


def test_slope_through_origin_is_where_its_score_is_zero():
    y, p = calibrated(4000, sharpen=2.5)
    slope, se = slope_through_origin(y, p)
    x = np.log(p / (1 - p))
    fitted = 1 / (1 + np.exp(-slope * x))
    assert float(((y - fitted) * x).sum()) == pytest.approx(0, abs=1e-8)
    assert se == pytest.approx((fitted * (1 - fitted) * x * x).sum() ** -0.5)
    assert abs(slope - 1 / 2.5) < 3 * se


def test_dates_that_move_together_widen_the_slope_and_a_prior_narrows_it():
    rng = np.random.default_rng(2)
    days = np.repeat(np.arange(100), 40)
    z = np.repeat(rng.normal(0, 0.5, 100), 40)
    y = np.repeat(rng.random(100) < 0.5, 40)
    p = 1 / (1 + np.exp(-z))
    plain, clustered = slope_through_origin(y, p), slope_through_origin(y, p, days)
    assert clustered.slope == plain.slope
    assert clustered.se > 4 * plain.se
    shrunk = slope_through_origin(y[:200], p[:200], prior_sd=0.1)
    assert abs(shrunk.slope) < abs(slope_through_origin(y[:200], p[:200]).slope)


def test_separable_scores_with_a_prior_have_a_finite_slope():
    assert math.isfinite(slope_through_origin([0, 0, 1, 1], [0.2, 0.3, 0.7, 0.8], prior_sd=0.5).slope)


@pytest.mark.parametrize(("y", "p"), [([1], [1.1]), ([1], [math.nan]), ([1, 0], [0.5]), ([], [])])
def test_probabilities_that_are_none_are_refused(y, p):
    with pytest.raises(ValueError, match="p must"):
        log_loss(y, p)
