"""Sharpe ratios, what they are worth, and the odds that the best was luck: published numbers and by hand."""

import math

import numpy as np
import pytest

from minhos.stats import (
    calmar_ratio,
    cscv_logits,
    deflated_sharpe_ratio,
    expected_maximum_sharpe_ratio,
    max_drawdown,
    minimum_track_record_length,
    moments,
    payoff_ratio,
    probabilistic_sharpe_ratio,
    probability_of_backtest_overfitting,
    profit_factor,
    sharpe_difference,
    sharpe_difference_interval,
    sharpe_ratio,
    sortino_ratio,
    win_rate,
)

DAILY = 2.5 / math.sqrt(250)
TRIAL_VARIANCE = 0.5 / 250


@pytest.mark.parametrize(
    ("n_trials", "skewness", "kurtosis", "benchmark", "expected"),
    [(100, -3, 10, 0.113172, 0.900397), (46, -3, 10, 0.100362, 0.950502), (88, 0, 3, 0.111146, 0.950491)],
)
def test_deflated_ratio_of_the_paper(n_trials, skewness, kurtosis, benchmark, expected):
    assert expected_maximum_sharpe_ratio(TRIAL_VARIANCE, n_trials) == pytest.approx(benchmark, abs=5e-7)
    got = deflated_sharpe_ratio(DAILY, TRIAL_VARIANCE, n_trials, 1250, skewness, kurtosis)
    assert got == pytest.approx(expected, abs=5e-7)


def test_one_trial_is_the_probabilistic_ratio_against_zero():
    assert deflated_sharpe_ratio(0.1, 0.5, 1, 250, -0.5, 5) == probabilistic_sharpe_ratio(0.1, 0, 250, -0.5, 5)


@pytest.mark.parametrize(("n", "factor"), [(10, 1.5746), (100, 2.5306), (1000, 3.2551), (10000, 3.8607)])
def test_expected_maximum_factor(n, factor):
    assert expected_maximum_sharpe_ratio(1.0, n) == pytest.approx(factor, abs=5e-5)


@pytest.mark.parametrize(("skewness", "kurtosis", "expected"), [(0, 3, 0.981675), (-2.448, 10.164, 0.913361)])
def test_probabilistic_ratio_of_the_paper(skewness, kurtosis, expected):
    assert probabilistic_sharpe_ratio(0.458, 0, 24, skewness, kurtosis) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    ("per_year", "skewness", "kurtosis", "expected"),
    [(250, 0, 3, 682.797), (52, 0, 3, 147.099), (12, 0, 3, 38.878), (12, -0.72, 5.78, 59.895)],
)
def test_minimum_track_record_of_the_paper(per_year, skewness, kurtosis, expected):
    root = math.sqrt(per_year)
    assert minimum_track_record_length(2 / root, 1 / root, skewness, kurtosis) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(("annual", "days"), [(1, 709.0), (1.5, 323.1), (2, 186.9), (3, 88.6)])
def test_minimum_track_record_of_a_trading_year(annual, days):
    got = minimum_track_record_length(annual / math.sqrt(252), skewness=-0.5, kurtosis=8)
    assert got == pytest.approx(days, abs=0.051)


def test_probabilistic_ratio_reaches_the_confidence_at_the_minimum_track_record():
    n = minimum_track_record_length(0.08, 0.02, -0.4, 6, confidence=0.9)
    assert probabilistic_sharpe_ratio(0.08, 0.02, n, -0.4, 6) == pytest.approx(0.9)


def test_no_record_is_long_enough_without_an_advantage():
    assert minimum_track_record_length(0.1, 0.1) == math.inf
    assert math.isnan(minimum_track_record_length(math.nan))
    assert math.isnan(probabilistic_sharpe_ratio(0.1, 0, 1, 0, 3))


def test_moments_of_a_known_record():
    record = moments([1.0, 1.0, -1.0, 3.0])
    assert (record.n, record.sharpe_ratio) == (4, pytest.approx(1 / math.sqrt(8 / 3)))
    assert record.skewness == pytest.approx(0.0)
    assert record.kurtosis == pytest.approx((0 + 0 + 16 + 16) / 4 / 2**2)


def test_ratios_by_hand():
    assert sharpe_ratio([0.01, 0.03]) == pytest.approx(0.02 / (0.02 / math.sqrt(2)))
    assert sortino_ratio([0.04, -0.02]) == pytest.approx(0.01 / math.sqrt(0.02**2 / 2))
    assert max_drawdown([100, 120, 90, 130]) == pytest.approx(30 / 120)
    assert calmar_ratio([100, 80, 121], periods_per_year=1) == pytest.approx(0.1 / 0.2)
    assert profit_factor([3, -1, -1]) == 3 / 2
    assert win_rate([3, -1, 0, 2]) == 2 / 4
    assert payoff_ratio([4, 2, -1]) == 3


def test_what_cannot_be_known_is_nan_and_a_faultless_record_is_infinite():
    assert math.isnan(sharpe_ratio([0.01]))
    assert math.isnan(sharpe_ratio([0.01, 0.01]))
    assert math.isnan(sortino_ratio([0.01]))
    assert math.isnan(calmar_ratio([100, 101], 250))
    assert profit_factor([1, 2]) == math.inf
    assert math.isnan(profit_factor([]))
    assert math.isnan(payoff_ratio([1]))


def noise(n_blocks_seed=42):
    return np.random.default_rng(n_blocks_seed).standard_normal((1000, 50)) * 0.01


def test_overfitting_vectors():
    logits = cscv_logits(noise(), 8)
    assert (len(logits), logits.mean()) == (70, pytest.approx(-0.591491, abs=5e-7))
    assert probability_of_backtest_overfitting(noise(), 8) == pytest.approx(0.742857, abs=5e-7)
    with_skill = noise()
    with_skill[:, 7] += 0.0015
    assert probability_of_backtest_overfitting(with_skill, 8) == pytest.approx(0.042857, abs=5e-7)
    assert cscv_logits(with_skill, 8).mean() == pytest.approx(3.584443, abs=5e-7)


def test_overfitting_vector_of_sixteen_blocks():
    assert len(cscv_logits(noise(), 16)) == 12870
    assert probability_of_backtest_overfitting(noise(), 16) == pytest.approx(0.704196, abs=5e-7)


def test_without_skill_the_odds_are_even_over_many_seeds():
    odds = [probability_of_backtest_overfitting(noise(seed)[:, :20], 6) for seed in range(40)]
    assert np.mean(odds) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("n_blocks", [0, 3, 2000])
def test_overfitting_refuses_blocks_that_cannot_be_halved(n_blocks):
    with pytest.raises(ValueError, match="n_blocks"):
        cscv_logits(noise(), n_blocks)


def paired():
    t = np.arange(500)
    first = 0.001 + 0.01 * np.sin(1.3 * t) + 0.005 * np.cos(0.37 * t * t % 7)
    return first, 0.0002 + 0.01 * np.sin(1.3 * t + 0.4) + 0.006 * np.cos(0.51 * t * t % 5)


def test_sharpe_difference_vector():
    independent, hac = sharpe_difference(*paired(), lags=0), sharpe_difference(*paired(), lags=5)
    assert hac.difference == pytest.approx(0.322397982, abs=5e-10)
    assert independent.se == pytest.approx(0.034172269, abs=5e-10)
    assert hac.se == pytest.approx(0.030100543, abs=5e-10)


def test_sharpe_difference_is_antisymmetric_and_zero_against_itself():
    a, b = paired()
    assert sharpe_difference(b, a).difference == pytest.approx(-sharpe_difference(a, b).difference)
    assert sharpe_difference(a, a) == (0.0, pytest.approx(0.0, abs=1e-12), 1.0)


def test_bootstrap_interval_is_about_the_normal_one_for_independent_returns():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.1, 1, (2, 600))
    difference, se, _ = sharpe_difference(a, b, lags=0)
    low, high = sharpe_difference_interval(a, b, block=1, lags=0, reps=500)
    assert (low + high) / 2 == pytest.approx(difference)
    assert (high - low) / (2 * 1.96 * se) == pytest.approx(1, abs=0.12)


def test_a_record_without_variation_has_no_difference():
    assert math.isnan(sharpe_difference([0.0] * 10, range(10)).difference)
    assert math.isnan(sharpe_difference_interval([0.0] * 10, range(10)).low)
