"""What a bar's bet is worth in R: by hand, and what must always hold."""

import math
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from minhos.models.payoff import Payoff
from minhos.sizing import break_even, kelly_fraction_discrete, mean_outcome, net_outcomes, stop_distance_ticks
from minhos.sizing.kelly import Bet, bet_from, solve_drawdown_bound, solve_kelly
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


class Counted(tuple[float, ...]):
    """Outcomes that count how often a solver goes over them."""

    passes = 0

    def __iter__(self) -> Iterator[float]:
        Counted.passes += 1
        return super().__iter__()


def counted(bet: Bet) -> Bet:
    (weight, outcomes), *others = bet.groups
    return bet._replace(groups=((weight, Counted(outcomes)), *others))


@pytest.mark.parametrize(
    ("p", "kelly_passes", "drawdown_passes"), [(0.55, 2, 2), (0.6, 4, 3), (0.65, 4, 4), (0.7, 4, 5), (0.8, 3, 6)]
)
def test_the_solvers_go_over_the_outcomes_a_few_times_only(p, kelly_passes, drawdown_passes):
    """A pass costs as much as the rest of the size: Newton from the series at zero needs no bisection."""
    bet = counted(Terms(payoff(), 40.0, 2.9, 3.0).bet(p))
    Counted.passes = 0
    kelly = solve_kelly(bet)
    assert Counted.passes <= kelly_passes
    Counted.passes = 0
    assert 0.0 < solve_drawdown_bound(bet, math.log(0.05) / math.log(0.95), kelly) < kelly
    assert Counted.passes <= drawdown_passes


def test_an_upper_end_that_holds_is_seen_in_one_pass():
    bet = counted(Terms(payoff(), 40.0, 2.9, 3.0).bet(0.65))
    Counted.passes = 0
    assert solve_drawdown_bound(bet, 58.4, 0.001) == 0.001
    assert Counted.passes == 1


@pytest.mark.parametrize("lam", [0.5, 1.0, 58.4, 5_000.0])
@pytest.mark.parametrize("p", [0.51, 0.75, 0.99])
def test_the_drawdown_bound_lies_below_ruin_wherever_the_search_may_begin(lam, p):
    bet = bet_from((1.0, -1.0), (p, 1.0 - p))

    def breach_moment(f):
        return math.log(p * (1 + f) ** -lam + (1 - p) * (1 - f) ** -lam)

    high = min(0.999999, 1 - 10 ** (-300 / (lam + 1)))
    expected = optimize.brentq(breach_moment, 1e-6, high, xtol=1e-15)
    assert solve_drawdown_bound(bet, lam, 2.0) == pytest.approx(expected, rel=1e-9)


def test_no_edge_and_no_room_have_no_drawdown_bound():
    fair = bet_from((1.0, -1.0), (0.5, 0.5))
    good = bet_from((1.0, -1.0), (0.6, 0.4))
    assert solve_drawdown_bound(fair, 58.4, 0.5) == 0.0
    assert solve_drawdown_bound(good, 58.4, 0.0) == 0.0
    assert solve_kelly(fair) == 0.0


def test_r_is_the_stop_and_the_cost_and_held_contracts_pay_none():
    """ATR 10 ticks, stop 3 ATR, cost 2: R = 32 ticks.  A stop at exactly the loss of 3 ATR does not cut it."""
    at_the_stop = Payoff(right=(1.0,), wrong=(-3.0, -3.1), gap_probability=0.0)
    terms = Terms(at_the_stop, 10.0, 2.0, 3.0)
    assert (terms.stop_ticks, terms.r_ticks) == (30, 32.0)
    right, wrong = terms.outcomes()
    assert right == [(10 - 2) / 32]
    assert wrong == pytest.approx([-1.0, -1.0])
    assert Terms(at_the_stop, 10.0, 2.0, 3.0, charge_cost=False).outcomes()[1] == pytest.approx([-30 / 32, -30 / 32])


def test_the_mean_by_hand_with_gap_and_cut():
    """0.99 (0.6 x mean right + 0.4 x mean wrong) - 0.01 x 3, each cut loss counted as the stop."""
    right, wrong = ((10 - 2) / 32 + (20 - 2) / 32) / 2, ((-10 - 2) / 32 - 1.0) / 2
    assert mean_outcome(PAIR, 10.0, 2.0, 0.6, 3.0) == pytest.approx(0.99 * (0.6 * right + 0.4 * wrong) - 0.01 * 3)
    expected = (0.01 * 3 / 0.99 - wrong) / (right - wrong)
    assert break_even(PAIR, 10.0, 2.0, 3.0) == pytest.approx(expected)


def test_no_gap_is_no_outcome_of_the_bet():
    without = msgspec.structs.replace(PAIR, gap_probability=0.0)
    bet = Terms(without, 10.0, 2.0, 3.0).bet(0.6)
    assert len(bet.groups) == 2
    assert bet.worst == pytest.approx(1.0)
    assert Terms(PAIR, 10.0, 2.0, 3.0).bet(0.6).groups[2] == (0.01, (-3.0,))


def test_the_worst_loss_may_be_a_right_bar_that_does_not_earn_its_cost():
    """Right bars of 0.1 ATR with a cost of 2 ATR lose 1.9 ATR of R = 5; wrong ones lose 2.1 and 2.2."""
    dear = Payoff(right=(0.1,), wrong=(-0.1, -0.2), gap_r=0.1, gap_probability=0.1)
    assert Terms(dear, 10.0, 20.0, 3.0).bet(0.6).worst == pytest.approx(22 / 50)
    assert break_even(dear, 10.0, 20.0, 3.0) == 1.0


@pytest.mark.parametrize(("name", "value"), [("cost", math.nan), ("cost", -0.1), ("cost", math.inf), ("stop", 0.0)])
def test_a_cost_or_a_stop_that_is_none_is_refused(name, value):
    cost, stop = (value, 3.0) if name == "cost" else (2.0, value)
    with pytest.raises(ValueError, match="cost from zero"):
        mean_outcome(payoff(), 40.0, cost, 0.6, stop)


@pytest.mark.parametrize("p", [-0.001, 1.001, math.nan])
def test_a_probability_that_is_none_is_refused(p):
    with pytest.raises(ValueError, match="p_low"):
        net_outcomes(payoff(), 40.0, 2.0, p, 3.0)


def test_a_probability_may_be_zero_or_one_and_a_cost_zero():
    for p in (0.0, 1.0):
        outcomes, odds = net_outcomes(PAIR, 10.0, 0.0, p, 3.0)
        assert sum(odds) == pytest.approx(1.0)
        assert odds[0] == pytest.approx(0.99 * p / 2)
        assert odds[2] == pytest.approx(0.99 * (1 - p) / 2)
        assert outcomes[0] == pytest.approx(10 / 30)


def test_a_distance_on_the_grid_stays_there_in_spite_of_rounding():
    assert stop_distance_ticks(0.1 + 0.2, 10.0) == 3
    assert stop_distance_ticks(10.0 + 1e-6, 3.0) == 31
