"""Intervals of shares and means, and exact binomial tails."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.stats import binomial_tail, day_block_interval, trials_needed, wilson_interval

bounded = settings(deadline=None, max_examples=50)


def test_wilson_solves_the_score_equation():
    z = 1.959963984540054
    for end in wilson_interval(60, 100):
        assert abs(0.6 - end) / math.sqrt(end * (1 - end) / 100) == pytest.approx(z)


def test_wilson_of_nothing_is_unknown_and_proves_nothing():
    low, high = wilson_interval(0, 0)
    assert not low > 0.5
    assert not high < 0.5


@bounded
@given(st.integers(1, 5000), st.floats(0, 1))
def test_wilson_holds_the_share_and_stays_within_zero_and_one(n, share):
    k = round(share * n)
    low, high = wilson_interval(k, n)
    assert 0 <= low <= k / n + 1e-12
    assert k / n - 1e-12 <= high <= 1


def test_wilson_is_wider_at_a_higher_level():
    inner, outer = wilson_interval(530, 1000, 0.9), wilson_interval(530, 1000, 0.99)
    assert outer.low < inner.low
    assert inner.high < outer.high


@pytest.mark.parametrize("successes", [-1, 11])
def test_wilson_refuses_impossible_counts(successes):
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(successes, 10)


@pytest.mark.parametrize(
    ("successes", "n", "expected"), [(5300, 10000, 1.038017e-9), (540, 1000, 0.00622207), (110, 200, 0.08948202)]
)
def test_binomial_tail_vectors(successes, n, expected):
    assert binomial_tail(successes, n) == pytest.approx(expected, rel=1e-6)


def test_binomial_tail_by_hand():
    assert binomial_tail(2, 3, 0.25) == pytest.approx(3 * 0.25**2 * 0.75 + 0.25**3)
    assert binomial_tail(0, 3) == 1.0
    assert binomial_tail(4, 3) == 0.0


@pytest.mark.parametrize(
    ("accuracy", "expected"), [(0.505, 61825), (0.51, 15455), (0.52, 3863), (0.53, 1716), (0.55, 617), (0.60, 153)]
)
def test_trials_needed_vectors(accuracy, expected):
    """The published 61825 was taken with quantiles of four digits (1.6449, 0.8416); exact quantiles give 61824."""
    assert abs(trials_needed(accuracy) - expected) <= (1 if accuracy == 0.505 else 0)


def test_day_blocks_are_wider_than_independent_bars_when_days_move_together():
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(60), 50)
    common = np.repeat(rng.normal(0, 1, 60), 50) + rng.normal(0, 0.1, 3000)
    clustered = day_block_interval(common, days)
    independent = day_block_interval(common, np.arange(3000))
    assert clustered.high - clustered.low > 4 * (independent.high - independent.low)


def test_day_block_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(7)
    days = np.repeat(np.arange(80), 5)
    covered = 0
    for seed in range(100):
        values = np.repeat(rng.normal(0, 1, 80), 5) + rng.normal(0, 1, 400)
        low, high = day_block_interval(values, days, seed=seed, reps=400)
        covered += low <= 0 <= high
    assert 88 <= covered <= 99


def test_day_block_interval_is_fixed_by_its_seed_and_not_by_the_order_of_dates():
    values, days = np.arange(40.0), np.repeat(np.arange(10), 4)
    assert day_block_interval(values, days, seed=3) == day_block_interval(values, days, seed=3)
    assert day_block_interval(values[::-1], days[::-1], seed=3) == pytest.approx(
        day_block_interval(values, days, seed=3)
    )


@pytest.mark.parametrize(("values", "days"), [([1.0, 2.0], [5, 5]), ([], []), ([1.0, math.nan], [1, 2])])
def test_one_day_or_an_unknown_value_has_no_interval(values, days):
    assert all(math.isnan(end) for end in day_block_interval(values, days))


@pytest.mark.parametrize("n_dates", [3, 4, 6, 10, 20])
def test_noise_on_a_few_dates_lies_above_zero_as_rarely_as_it_should(n_dates):
    """One-sided 2.5 %; plain percentiles say 14 % at three dates and 10 % at four."""
    rng = np.random.default_rng(11)
    days = np.repeat(np.arange(n_dates), 10)
    claimed = sum(day_block_interval(rng.normal(0, 1, 10 * n_dates), days, reps=300).low > 0 for _ in range(600))
    assert binomial_tail(claimed, 600, 0.035) > 0.001


def test_day_blocks_spread_percentiles_by_students_t():
    """Nine dates: t(8) = 2.306004 against z = 1.959964, and sqrt(9/8) for the resampled standard deviation."""
    values, days = np.arange(9.0), np.arange(9)
    drawn = np.random.default_rng(0).multinomial(9, np.full(9, 1 / 9), size=2000) @ values / 9
    expected = 4 + 2.306004 / 1.959964 * math.sqrt(9 / 8) * (np.quantile(drawn, [0.025, 0.975]) - 4)
    assert tuple(day_block_interval(values, days)) == pytest.approx(tuple(expected), rel=1e-3)


def test_the_interval_of_a_share_stays_within_zero_and_one():
    hits = np.repeat([0.0, 1.0, 1.0, 1.0], 5)
    low, high = day_block_interval(hits, np.repeat(np.arange(4), 5))
    assert 0.0 <= low < high <= 1.0
