"""Every Sharpe ratio beside the number of trials and the chance that it is not luck."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.research.luck.deflation import deflated, variance_of
from minhos.stats import deflated_sharpe_ratio, moments


def returns_of(n: int = 250, mean: float = 0.001, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.01, n)


def test_it_is_the_deflated_sharpe_ratio_with_the_null_spread_where_none_is_known():
    returns = returns_of()
    found, shape = deflated(returns, 14), moments(returns)
    wanted = deflated_sharpe_ratio(shape.sharpe_ratio, 1 / 250, 14, 250, shape.skewness, shape.kurtosis)
    assert found.probability == pytest.approx(wanted)
    assert found.sharpe_ratio == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert found.annual == pytest.approx(found.sharpe_ratio * math.sqrt(252))
    assert (found.n_trials, found.n_periods) == (14, 250)
    wide = deflated(returns, 14, 4 / 250)
    assert wide.expected_maximum == pytest.approx(2 * found.expected_maximum)


def test_one_trial_is_held_against_zero():
    found = deflated(returns_of(), 1)
    assert found.expected_maximum == 0.0
    assert found.probability > deflated(returns_of(), 2).probability
    assert "after the only trial" in found.sentence


@settings(deadline=None, max_examples=30)
@given(trials=st.integers(1, 500), seed=st.integers(0, 1000))
def test_more_trials_never_raise_the_chance(trials, seed):
    returns = returns_of(60, seed=seed)
    assert deflated(returns, trials + 1).probability <= deflated(returns, trials).probability


def test_the_best_of_many_null_strategies_is_rarely_called_real():
    """Of 200 families of 20 strategies without skill the best passes 95 % at most about one time in twenty."""
    rng = np.random.default_rng(5)
    passed = plain = 0
    for _ in range(200):
        best = max(rng.normal(0, 0.01, (20, 120)), key=lambda row: row.mean() / row.std())
        passed += deflated(best, 20).probability > 0.95
        plain += deflated(best, 1).probability > 0.95
    assert passed <= 20 < 100 < plain


def test_without_variation_or_days_there_is_no_number():
    for returns, words in (([], "0 trade dates"), ([0.01] * 4, "4 trade dates"), ([0.0] * 30, "do not vary")):
        found = deflated(returns, 3)
        assert (found.sharpe_ratio, found.annual, found.probability) == (None, None, None)
        assert words in found.reason
        assert found.sentence.startswith("No Sharpe ratio")


def test_the_sentence_names_ratio_trials_and_chance():
    found = deflated(returns_of(250, 0.0008, seed=8), 14)
    assert found.sentence == (
        f"Sharpe ratio {found.annual:.2f} a year; after 14 trials on these bars the chance that it is above zero is "
        f"{round(100 * found.probability)} %."
    )
    assert "above 99 %" in deflated(returns_of(2500, 0.01), 2).sentence
    assert "below 1 %" in deflated(returns_of(2500, -0.01), 2).sentence


def test_a_record_that_no_length_would_prove_asks_for_none():
    assert deflated(returns_of(250, -0.001), 5).periods_needed is None
    good = deflated(returns_of(250, 0.002), 5)
    assert good.periods_needed is not None
    assert (good.probability >= 0.95) == (good.periods_needed <= good.n_periods)


def test_the_spread_of_earlier_trials_is_believed_from_five_on():
    assert variance_of([0.1, 0.2, None, 0.3, 0.4]) is None
    assert variance_of([0.1, 0.2, None, 0.3, 0.4, 0.5, math.nan]) == pytest.approx(0.025)
