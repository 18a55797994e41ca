"""Second opinions: purgedcv on the probabilistic ratios and on overfitting, arch on the bootstraps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minhos.stats import (
    day_block_interval,
    deflated_sharpe_ratio,
    minimum_track_record_length,
    moments,
    probabilistic_sharpe_ratio,
    probability_of_backtest_overfitting,
    sharpe_difference,
    sharpe_difference_interval,
)


def skewed(seed: int, n: int = 400) -> np.ndarray:
    """Returns with rare large losses."""
    rng = np.random.default_rng(seed)
    return rng.normal(0.001, 0.01, n) - 0.03 * (rng.random(n) < 0.02)


@pytest.mark.parametrize("seed", range(3))
def test_purgedcv_agrees_on_the_probabilistic_ratios(seed):
    purgedcv = pytest.importorskip("purgedcv")
    returns = skewed(seed)
    found = moments(returns)
    shape = found.skewness, found.kurtosis
    ours = probabilistic_sharpe_ratio(found.sharpe_ratio, 0.02, found.n, *shape)
    assert ours == pytest.approx(purgedcv.probabilistic_sharpe_ratio(returns, 0.02), abs=2e-3)
    deflated = deflated_sharpe_ratio(found.sharpe_ratio, 1 / 400, 14, found.n, *shape)
    assert deflated == pytest.approx(purgedcv.deflated_sharpe_ratio(returns, 14, 1 / 400), abs=2e-3)


@pytest.mark.parametrize(("ratio", "benchmark", "skewness", "kurtosis"), [(0.1, 0.0, -0.5, 8.0), (0.3, 0.1, 0.2, 4.0)])
def test_purgedcv_agrees_on_the_track_record(ratio, benchmark, skewness, kurtosis):
    purgedcv = pytest.importorskip("purgedcv")
    ours = minimum_track_record_length(ratio, benchmark, skewness, kurtosis)
    theirs = purgedcv.min_track_record_length(ratio, benchmark, 0.05, skewness, kurtosis)
    assert math.ceil(ours) == theirs


@pytest.mark.parametrize("edge", [0.0, 0.002])
def test_purgedcv_agrees_on_overfitting(edge):
    """Its ranks of ties and its blocks are its own, so the two shares agree and are not equal."""
    purgedcv = pytest.importorskip("purgedcv")
    returns = np.random.default_rng(7).normal(0, 0.01, (480, 12))
    returns[:, 3] += edge
    theirs = purgedcv.probability_of_backtest_overfitting(returns.T, n_splits=8)
    assert probability_of_backtest_overfitting(returns, 8) == pytest.approx(float(theirs.pbo), abs=0.03)


def test_arch_agrees_on_the_interval_of_a_mean_by_days():
    arch = pytest.importorskip("arch.bootstrap")
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(120), rng.integers(3, 9, 120))
    values = rng.normal(0.1, 1.0, len(days)) + rng.normal(0, 0.8, 120)[days]
    totals = np.column_stack([np.bincount(days, values), np.bincount(days)])
    bootstrap = arch.IIDBootstrap(totals, seed=1)
    low, high = bootstrap.conf_int(lambda x: x[:, 0].sum() / x[:, 1].sum(), reps=2000, method="percentile").ravel()
    ours = day_block_interval(values, days)
    assert ours.low == pytest.approx(low, abs=0.04 * (high - low))
    assert ours.high == pytest.approx(high, abs=0.06 * (high - low))


def test_arch_agrees_on_the_error_of_a_difference_of_sharpe_ratios():
    arch = pytest.importorskip("arch.bootstrap")
    rng = np.random.default_rng(5)
    common = rng.normal(0, 1, 800)
    both = np.column_stack([0.10 + common + rng.normal(0, 0.5, 800), 0.02 + common + rng.normal(0, 0.5, 800)])

    def difference(x: np.ndarray) -> float:
        ratios = x.mean(axis=0) / x.std(axis=0)
        return float(ratios[0] - ratios[1])

    found = sharpe_difference(both[:, 0], both[:, 1])
    theirs = arch.CircularBlockBootstrap(5, both, seed=2)
    drawn = np.array([difference(sample[0][0]) for sample in theirs.bootstrap(1500)])
    assert found.difference == pytest.approx(difference(both))
    assert found.se == pytest.approx(drawn.std(), rel=0.12)
    low, high = sharpe_difference_interval(both[:, 0], both[:, 1], reps=800)
    percentiles = np.quantile(drawn, [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(percentiles), abs=0.2 * (percentiles[1] - percentiles[0]))
