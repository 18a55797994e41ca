"""Sizing policies: whose bets, which fraction, and that they agree with the trading path and the solvers."""

import math

import msgspec
import numpy as np
import pytest

from minhos.errors import SettingsError
from minhos.research.sizing_lab.policies import (
    ENTRY_RULES,
    POLICIES,
    POLICY,
    Assumptions,
    EntryRule,
    Sizer,
    engine_parameters,
    fractions,
    taken,
)
from minhos.sizing.kelly import drawdown_constrained_fraction, kelly_fraction_discrete
from minhos.sizing.payoff import Terms, net_outcomes
from minhos.sizing.pipeline import Money, size_pipeline
from minhos.sizing.types import SizingParameters
from minhos.testing.markets import oracle_study

BASE = SizingParameters()
STRICT, EVEN = ENTRY_RULES


@pytest.fixture(scope="module")
def study():
    return oracle_study("ou", 0.58, sessions=8)


@pytest.fixture(scope="module")
def payoffs(study):
    return [activation.payoff for activation in study.activations]


@pytest.fixture(scope="module")
def sizer(study, payoffs):
    return Sizer(study.signals, payoffs, BASE)


def test_a_bet_needs_the_threshold_and_its_lower_bound_above_break_even(study):
    s = study.signals
    assert 0 < taken(s, STRICT).sum() < taken(s, EVEN).sum()
    assert (s.p_side[taken(s, STRICT)] >= 0.65).all()
    assert (s.p_low[taken(s, EVEN)] > s.break_even[taken(s, EVEN)]).all()
    unsure = msgspec.structs.replace(s, p_low=np.minimum(s.p_low, s.break_even))
    assert not taken(unsure, EVEN).any()
    no_side = msgspec.structs.replace(s, p_up=np.full(len(s), 0.5))
    assert not taken(no_side, EVEN).any()


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("rule", ENTRY_RULES, ids=lambda rule: rule.name)
def test_bars_that_are_not_taken_risk_nothing(sizer, study, policy, rule):
    wanted = sizer.fractions(policy, rule)
    assert (wanted[~taken(study.signals, rule)] == 0.0).all()
    assert (wanted[taken(study.signals, rule)] > 0.0).all()
    assert wanted.max() <= 1.0


def test_kelly_is_the_root_on_the_bar_s_own_outcomes(sizer, study, payoffs):
    s = study.signals
    for i in np.flatnonzero(taken(s, EVEN))[::40].tolist():
        bet = net_outcomes(payoffs[0], s.atr_ticks[i], s.cost_ticks, s.p_low[i], payoffs[0].stop_atr)
        full = kelly_fraction_discrete(*bet)
        bound = drawdown_constrained_fraction(*bet, 0.95, 0.05)
        assert sizer.fractions(POLICY["kelly_full"], EVEN)[i] == pytest.approx(full, rel=1e-9)
        assert sizer.fractions(POLICY["kelly_quarter"], EVEN)[i] == pytest.approx(full / 4, rel=1e-9)
        assert sizer.fractions(POLICY["kelly_drawdown"], EVEN)[i] == pytest.approx(bound, rel=1e-9)


def test_the_fractions_are_those_that_the_engine_s_settings_give(study, payoffs):
    s, assumptions = study.signals, Assumptions(wealth_floor=0.8, breach_probability=0.1)
    own = Sizer(s, payoffs, BASE, assumptions)
    exact = [policy for policy in POLICIES if policy.name != "volatility_target"]
    for policy in exact:
        settings = engine_parameters(policy, BASE, EVEN, same_risk=0.007, target_risk=0.0, assumptions=assumptions)
        for i in np.flatnonzero(taken(s, EVEN))[::60].tolist():
            terms = Terms(payoffs[0], s.atr_ticks[i], s.cost_ticks, payoffs[0].stop_atr)
            r = terms.r_ticks * s.instrument.tick_value_cents
            money = Money(assumptions.capital_cents, r, math.inf, 1.0, math.inf)
            expected = size_pipeline(terms.bet(s.p_low[i]), money, settings).fraction
            found = own.fractions(policy, EVEN, same_risk=0.007)[i]
            assert found == pytest.approx(min(expected, 0.025) if policy.name == "kelly_shipped" else expected)


def test_settings_as_they_stand_reach_the_shipped_policy(study, payoffs):
    halved = Sizer(study.signals, payoffs, msgspec.structs.replace(BASE, max_capital_risk=0.003))
    assert halved.fractions(POLICY["kelly_shipped"], EVEN).max() == 0.003
    all_of_it = msgspec.structs.replace(BASE, drawdown_bound=False, half_of_remaining_budget=False)
    assert Sizer(study.signals, payoffs, all_of_it).fractions(POLICY["kelly_shipped"], STRICT).max() == 0.05
    off = msgspec.structs.replace(BASE, kelly_enabled=False, fixed_fraction=0.01, drawdown_bound=False)
    assert set(Sizer(study.signals, payoffs, off).fractions(POLICY["kelly_shipped"], EVEN)) == {0.0, 0.01}


def test_the_same_mean_risk_is_the_mean_of_the_shipped_policy(sizer, study):
    for rule in ENTRY_RULES:
        bets = taken(study.signals, rule)
        shipped = sizer.fractions(POLICY["kelly_shipped"], rule)[bets]
        same = sizer.fractions(POLICY["fixed_same_risk"], rule)[bets]
        assert np.ptp(same) == 0.0
        assert same.mean() == pytest.approx(shipped.mean())


def test_one_contract_risks_its_stop_and_cost(study, payoffs):
    s = study.signals
    i = int(np.flatnonzero(taken(s, EVEN))[0])
    found = fractions(POLICY["fixed_1_contract"], s, payoffs, EVEN, BASE, Assumptions(capital_cents=10_000_000))
    assert found[i] == pytest.approx((s.stop_ticks[i] + s.cost_ticks) * 500 / 10_000_000)  # NQ: $5 a tick


def test_the_volatility_target_gives_that_volatility():
    study = oracle_study("ou", 0.54, sessions=60)
    s = msgspec.structs.replace(study.signals, break_even=np.full(len(study.signals), 0.5), cost_ticks=0.01)
    asked = Assumptions(target_volatility=0.10)
    payoffs = [activation.payoff for activation in study.activations]
    fraction = fractions(POLICY["volatility_target"], s, payoffs, EVEN, BASE, asked)
    daily = [float((fraction * s.net_r)[s.trade_date == date].sum()) for date in np.unique(s.trade_date)]
    assert np.std(daily) * math.sqrt(252) == pytest.approx(0.10, rel=0.3)


def test_a_rule_that_nothing_passes_gives_zeros(sizer, study):
    nobody = EntryRule("certain", 1.0, 1.0)
    for policy in POLICIES:
        assert not sizer.fractions(policy, nobody).any()
    assert sizer.mean_fraction(POLICY["kelly_shipped"], nobody) == 0.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"capital_cents": 0}, "0 cents"),
        ({"wealth_floor": 1.0}, "wealth_floor is 1.0"),
        ({"breach_probability": math.nan}, "breach_probability is nan"),
        ({"target_volatility": 0.0}, "target_volatility is 0.0"),
    ],
)
def test_assumptions_that_size_nothing_are_refused_in_words(wrong, said):
    with pytest.raises(SettingsError, match=said):
        Assumptions(**wrong)
