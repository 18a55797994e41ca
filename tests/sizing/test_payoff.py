"""What a bar's bet is worth in R: by hand, and what must always hold."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from minhos.models.payoff import Payoff
from minhos.sizing import break_even, kelly_fraction_discrete, mean_outcome, net_outcomes, stop_distance_ticks
from minhos.sizing.kelly import solve_drawdown_bound, solve_kelly
from minhos.sizing.payoff import Terms
from minhos.testing.builders import payoff

bounded = settings(deadline=None, max_examples=50)
PAIR = Payoff(right=(1.0, 2.0), wrong=(-1.0, -5.0), gap_r=3.0, gap_probability=0.01)
"""Two outcomes a side; one loss lies beyond the stop of 3 ATR."""


def test_outcomes_by_hand():
    """ATR 10 ticks, stop 3 ATR = 30 ticks, cost 2 ticks: R = 32 ticks."""
    outcomes, odds = net_outcomes(PAIR, 10.0, 2.0, 0.6, 3.0)
    assert outcomes == pytest.approx([(10 - 2) / 32, (20 - 2) / 32, (-10 - 2) / 32, -1.0, -3.0])
    assert odds == pytest.approx([0.99 * 0.3, 0.99 * 0.3, 0.99 * 0.2, 0.99 * 0.2, 0.01])


def test_held_contracts_have_paid():
    outcomes, _ = net_outcomes(PAIR, 10.0, 2.0, 0.6, 3.0, charge_cost=False)
    assert outcomes == pytest.approx([10 / 32, 20 / 32, -10 / 32, -30 / 32, -3.0])


def test_the_stop_is_rounded_away_from_the_market():
    assert stop_distance_ticks(10.0, 3.0) == 30
    assert stop_distance_ticks(10.1, 3.0) == 31
    assert stop_distance_ticks(0.1, 3.0) == 1


def test_break_even_by_hand_for_a_symmetric_payoff():
    """Without gap and cut the bet wins and loses a mean of m ATR: p = 1/2 + cost / (2 m ATR)."""
    even = msgspec.structs.replace(payoff(), gap_probability=0.0)
    assert break_even(even, 40.0, 2.9, 3.0) == pytest.approx(0.5 + 2.9 / (2 * 1.0 * 40.0))


def test_break_even_lies_within_zero_and_one():
    assert break_even(payoff(), 0.5, 50.0, 3.0) == 1.0
    generous = Payoff(right=(10.0,), wrong=(-0.1,), gap_probability=0.0)
    assert 0.0 < break_even(generous, 40.0, 0.0, 3.0) < 0.02


@bounded
@given(st.floats(1, 400), st.floats(0, 30), st.floats(0.5, 5), st.floats(0.01, 0.99), st.booleans())
def test_terms_agree_with_the_outcomes_written_out(atr, cost, stop_atr, p, charge_cost):
    skewed = Payoff(right=(0.1, 0.7, 2.5), wrong=(-4.0, -0.2, -1.1, -0.6))
    outcomes, odds = (np.array(x) for x in net_outcomes(skewed, atr, cost, p, stop_atr, charge_cost=charge_cost))
    bet = Terms(skewed, atr, cost, stop_atr, charge_cost).bet(p)
    assert odds.sum() == pytest.approx(1.0)
    assert outcomes.min() == -3.0
    assert outcomes[:-1].min() >= -1.0 - 1e-12
    moments = [float(odds @ outcomes**k) for k in (1, 2, 3)]
    assert [bet.mean, bet.second, bet.third] == pytest.approx(moments, abs=1e-10)
    assert bet.worst == pytest.approx(-outcomes.min())
    assert solve_kelly(bet) == pytest.approx(kelly_fraction_discrete(outcomes.tolist(), odds.tolist()), abs=1e-10)


@bounded
@given(st.floats(5, 400), st.floats(0.1, 5))
def test_the_mean_is_zero_at_break_even_and_rises_with_p(atr, cost):
    p = break_even(payoff(), atr, cost, 3.0)
    if 0.0 < p < 1.0:
        assert mean_outcome(payoff(), atr, cost, p, 3.0) == pytest.approx(0.0, abs=1e-12)
    assert mean_outcome(payoff(), atr, cost, 0.5, 3.0) < mean_outcome(payoff(), atr, cost, 0.6, 3.0)


def test_break_even_falls_with_volatility_and_rises_with_cost():
    assert (
        break_even(payoff(), 80.0, 2.9, 3.0)
        < break_even(payoff(), 40.0, 2.9, 3.0)
        < break_even(payoff(), 40.0, 4.0, 3.0)
    )


@pytest.mark.parametrize(
    "broken",
    [
        Payoff(right=(), wrong=(-1.0,)),
        Payoff(right=(1.0,), wrong=()),
        Payoff(right=(math.nan,), wrong=(-1.0,)),
        Payoff(right=(1.0,), wrong=(1.0,)),
        Payoff(right=(1.0,), wrong=(-1.0,), gap_probability=1.0),
        Payoff(right=(1.0,), wrong=(-1.0,), gap_r=math.inf),
    ],
)
def test_a_payoff_that_is_none_is_refused(broken):
    with pytest.raises(ValueError, match="payoff"):
        net_outcomes(broken, 40.0, 2.9, 0.6, 3.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_an_atr_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match="ATR"):
        break_even(payoff(), bad, 2.9, 3.0)


@pytest.mark.parametrize("p", [0.6, 0.8, 0.97, 0.999, 1.0])
@pytest.mark.parametrize("gap_probability", [0.0, 0.002])
@pytest.mark.parametrize("lam", [2.0, 10.3, 58.4, 500.0])
def test_the_drawdown_bound_is_the_root_from_a_doubtful_edge_to_certainty(p, gap_probability, lam):
    bet = Terms(msgspec.structs.replace(payoff(), gap_probability=gap_probability), 40.0, 2.9, 3.0).bet(p)
    upper = min(0.15, 0.999 / bet.worst)
    atoms = [(weight, x) for weight, outcomes in bet.groups for x in outcomes]

    def breach_moment(f):
        return math.log(sum(weight * (1 + f * x) ** -lam for weight, x in atoms))

    expected = upper if breach_moment(upper) <= 0 else optimize.brentq(breach_moment, 1e-5, upper, xtol=1e-15)
    assert solve_drawdown_bound(bet, lam, upper) == pytest.approx(expected, rel=1e-9)
