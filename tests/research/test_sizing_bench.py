"""What the sizing bench draws its figures from: calibrated forecasts, and Kelly ahead of fixed sizes in few runs."""

import numpy as np
import pytest

from minhos.bench.sizing import BETS_A_RUN, drawn_bets, runs_of
from minhos.stats import calibration_slope


@pytest.fixture(scope="module")
def drawn():
    return drawn_bets(0.58, seed=1, runs=12)


def test_the_drawn_forecasts_are_calibrated_and_beat_break_even(drawn):
    signals, payoff = drawn
    slope = calibration_slope(signals.up, signals.p_up)
    assert slope.slope == pytest.approx(1.0, abs=3 * slope.slope_se)
    assert (signals.p_side > 0.525).all()
    assert payoff.right == (1.0,)
    assert np.bincount(signals.trade_date).tolist() == [BETS_A_RUN] * 12


def test_a_bet_wins_or_loses_one_move_and_pays_its_cost(drawn):
    signals, _ = drawn
    assert set(np.round(signals.net_r, 12)) == {-1.0, round(0.95 / 1.05, 12)}


def test_drawdown_constrained_kelly_is_more_than_smaller_size():
    found = runs_of(0.58, seed=1, runs=12)
    assert found.sharpe_gain > 0.10
    assert found.growth_gain > 0.0
    assert found.below_80 <= 0.25
