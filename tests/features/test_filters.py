"""Recursive filters against numpy, against the oracle of the regime market, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.features.filters import (
    RegimeBelief,
    RollingMean,
    RollingShare,
    RollingZ,
    SlotMean,
    SteadyKalman,
    clip,
)
from minhos.features.parameters import PARAMETERS
from minhos.features.volatility import RANGE_OF_SIGMA, SeasonalVolatility
from minhos.feeds.simulated.oracle import regime_oracle

BRIEF = settings(deadline=None, max_examples=40)


@pytest.mark.parametrize(("value", "expected"), [(-7.0, -4.0), (-1.5, -1.5), (0.0, 0.0), (9.0, 4.0)])
def test_clip_winsorises_both_sides(value, expected):
    assert clip(value, 4.0) == expected


@BRIEF
@given(st.lists(st.floats(-100, 100), min_size=12, max_size=60))
def test_rolling_mean_is_numpys(values):
    mean = RollingMean(12)
    assert [mean.update(value) for value in values][-1] == pytest.approx(np.mean(values[-12:]), abs=1e-9)


@BRIEF
@given(st.lists(st.integers(0, 10**7), min_size=12, max_size=60))
def test_rolling_z_is_numpys(values):
    score = RollingZ(12)
    last = [score.update(value) for value in values][-1]
    window = np.array(values[-12:], dtype=float)
    expected = (window[-1] - window.mean()) / window.std() if window.std() > 0 else 0.0
    assert last == pytest.approx(expected, rel=1e-6, abs=1e-6)


@BRIEF
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(50, 90)), min_size=1, max_size=40))
def test_rolling_share_is_a_ratio_of_sums(pairs):
    share = RollingShare(12)
    last = [share.update(*pair) for pair in pairs][-1]
    parts, wholes = zip(*pairs[-12:], strict=True)
    assert last == sum(parts) / sum(wholes)


def test_a_share_of_nothing_is_zero():
    assert RollingShare(3).update(0, 0) == 0.0


def test_steady_kalman_by_hand():
    kalman = SteadyKalman(0.9, 0.2)
    first = 0.9 * (0.0 + 0.2 * 1.0)
    assert kalman.update(1.0) == pytest.approx(first)
    assert kalman.update(-0.5) == pytest.approx(0.9 * (first + 0.2 * (-0.5 - first)))


def test_regime_belief_is_that_of_the_exact_forecaster():
    z = np.random.default_rng(0).normal(size=400)
    strength, switch = 0.3, 0.01
    belief, last, sides = RegimeBelief(strength, switch), 0.0, []
    for value in z:
        momentum = belief.update(value * last)
        last = clip(value, 2.0)
        sides.append(momentum * last)
    p_up = regime_oracle(z, np.full(400, strength), switch)
    np.testing.assert_array_equal(np.sign(sides), np.sign(p_up - 0.5))
    assert np.corrcoef(sides, p_up)[0, 1] > 0.999


def test_slot_mean_is_a_plain_mean_before_it_forgets():
    mean = SlotMean(days=3, slots=2)
    for value in (10.0, 20.0, 60.0):
        mean.update(1, value)
    assert mean.get(0) == 0.0
    assert mean.get(1) == pytest.approx(30.0)
    mean.update(1, 0.0)
    assert mean.get(1) == pytest.approx(30.0 + (0.0 - 30.0) / 3)


def test_seasonal_volatility_learns_the_time_of_day():
    volatility = SeasonalVolatility(PARAMETERS, slots=4)
    ranges = [40, 10, 20, 80]
    for _ in range(200):
        sigmas = [volatility.update(slot, ticks) for slot, ticks in enumerate(ranges)]
    np.testing.assert_allclose(sigmas, np.array(ranges) / RANGE_OF_SIGMA, rtol=0.02)


def test_one_jump_does_not_blind_the_volatility():
    volatility = SeasonalVolatility(PARAMETERS, slots=1)
    for _ in range(100):
        calm = volatility.update(0, 20)
    assert volatility.update(0, 1_000_000) < 1.4 * calm
