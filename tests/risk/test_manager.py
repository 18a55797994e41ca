"""The manager: the smallest cap counts, a target only shrinks, whatever is unknown or fails leads to no new risk."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.risk.limits.standard import standard_limits
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import RiskParameters
from minhos.risk.state import on_verdict
from minhos.risk.types import Action, Cap, Component, Level, MarketRisk, RiskContext, RiskState
from minhos.testing.builders import account, forecast, market_state, risk_context

MANAGER = RiskManager(RiskParameters())


class Fixed:
    """A limit that always answers the same."""

    def __init__(self, cap: Cap | None, name: str = "fixed") -> None:
        self.name, self._cap = name, cap

    def cap(self, context: RiskContext) -> Cap | None:
        return self._cap


class Broken:
    name = "broken"

    def cap(self, context: RiskContext) -> Cap | None:
        raise ZeroDivisionError("division by zero")


def judge(*caps: Cap, target: int = 4, position: int = 0):
    return RiskManager(RiskParameters(), [Fixed(cap) for cap in caps]).judge(risk_context(target, position=position))


def test_a_calm_market_lets_the_recommendation_pass():
    verdict = MANAGER.judge(risk_context(3))
    assert (verdict.target, verdict.bound, verdict.action, verdict.caps) == (3, "", Action.NONE, ())


def test_the_smallest_cap_binds_and_all_are_listed():
    caps = Cap("a", 3, "three"), Cap("b", 2, "two"), Cap("c", None, "nothing")
    verdict = judge(*caps, target=-4)
    assert (verdict.target, verdict.bound, verdict.reason, verdict.caps) == (-2, "b", "two", caps)


def test_a_position_larger_than_the_cap_is_cut():
    assert judge(Cap("a", 3, ""), target=5, position=5).target == 3


def test_flatten_binds_over_a_cap_of_zero_that_is_only_flat():
    verdict = judge(Cap("a", 0, "", Action.NO_ADDS), Cap("b", 0, "halted", Action.FLATTEN))
    assert (verdict.target, verdict.action, verdict.bound) == (0, Action.FLATTEN, "b")


def test_flatten_is_demanded_of_a_position_that_nobody_recommends():
    verdict = judge(Cap("b", 0, "halted", Action.FLATTEN), target=0, position=2)
    assert (verdict.target, verdict.action, verdict.reason) == (0, Action.FLATTEN, "halted")


def test_an_unproven_flip_closes_and_does_not_turn():
    verdict = MANAGER.judge(risk_context(-2, position=2, p=0.62))
    assert (verdict.target, verdict.bound) == (0, "min confidence")


def test_a_limit_that_raises_flattens_at_emergency_until_a_person_resumes():
    verdict = RiskManager(RiskParameters(), [Broken()]).judge(risk_context(3, position=1))
    assert (verdict.target, verdict.action, verdict.level) == (0, Action.FLATTEN, Level.EMERGENCY)
    assert verdict.reason == "the risk manager failed: limit 'broken' raised ZeroDivisionError: division by zero"
    state = on_verdict(RiskState(), verdict, 7)
    assert state.level() is Level.EMERGENCY
    assert MANAGER.judge(risk_context(3, risk=state)).action is Action.FLATTEN


@pytest.mark.parametrize("nonsense", [Cap("user", math.nan, ""), Cap("user", -3, ""), "no cap at all"])
def test_a_user_limit_that_answers_nonsense_leads_to_nothing_held(nonsense):
    assert RiskManager(RiskParameters(), [Fixed(nonsense)]).judge(risk_context(3)).target == 0


def test_the_multiplier_follows_the_level_of_the_instrument():
    state = RiskState(markets={"NQ": MarketRisk((Component("volatility", Level.HIGH),)), "ES": MarketRisk()})
    assert [MANAGER.multiplier(state, root) for root in ("NQ", "ES", "")] == [0.5, 1.0, 0.5]
    worse = msgspec.structs.replace(state, drawdown=Component("drawdown", Level.CRITICAL))
    assert MANAGER.multiplier(worse, "ES") == 0.25
    assert MANAGER.judge(risk_context(risk=worse)).level is Level.CRITICAL


ACTIONS = st.sampled_from(list(Action))
CAPS = st.lists(st.builds(Cap, st.just("any"), st.none() | st.integers(-2, 9), st.just("why"), ACTIONS), max_size=5)


@given(st.integers(-9, 9), st.integers(-9, 9), CAPS)
@settings(deadline=None, max_examples=50)
def test_no_cap_is_exceeded_and_no_target_grows_or_turns(target, position, caps):
    verdict = judge(*caps, target=target, position=position)
    assert abs(verdict.target) <= abs(target)
    assert verdict.target * target >= 0
    assert all(abs(verdict.target) <= max(0, cap.contracts) for cap in caps if cap.contracts is not None)
    assert verdict.target == 0 or Action.FLATTEN not in [cap.action for cap in caps]


@given(
    st.integers(-9, 9),
    st.integers(-6, 6),
    st.floats(0.5, 0.99),
    st.integers(0, 50_000_000),
    st.floats(0, 60),
    st.floats(0, 1),
    st.booleans(),
    st.floats(0, 10),
    st.integers(-2_000_000, 2_000_000),
)
@settings(deadline=None, max_examples=50)
def test_the_standard_limits_only_shrink(target, position, p, equity, age, quality, is_open, volatility, pnl):
    context = risk_context(
        target,
        position=position,
        p=p,
        data_age_s=age,
        data_quality=quality,
        session_open=is_open,
        account=account(equity, contracts=position, day_pnl_cents=pnl),
        state=msgspec.structs.replace(market_state(), volatility_ratio=volatility),
    )
    verdict = MANAGER.judge(context)
    assert verdict.level < Level.EMERGENCY, verdict.reason
    assert abs(verdict.target) <= min(abs(target), 5)
    assert verdict.target * target >= 0
    assert all(abs(verdict.target) <= cap.contracts for cap in verdict.caps if cap.contracts is not None)


def poisoned(where: str, name: str, value: float) -> RiskContext:
    """A context that wants an add on two held contracts, with one number gone bad."""
    context = risk_context(4, position=2)
    if where == "context":
        return msgspec.structs.replace(context, **{name: value})
    part = msgspec.structs.replace(getattr(context, where), **{name: value})
    return msgspec.structs.replace(context, **{where: part})


NUMBERS = [
    ("context", "data_age_s"),
    ("context", "data_quality"),
    ("account", "equity_cents"),
    ("account", "cash_cents"),
    ("account", "day_start_equity_cents"),
    ("account", "peak_equity_cents"),
    ("account", "day_pnl_cents"),
    ("account", "stop_risk_cents"),
    ("account", "commission_day_cents"),
    ("state", "atr_ticks"),
    ("state", "volatility_ratio"),
    ("state", "volume_ratio"),
    ("recommendation", "p_side"),
    ("recommendation", "p_low"),
    ("recommendation", "break_even"),
    ("recommendation", "r_cents"),
    ("recommendation", "fraction"),
    ("forecast", "p_up"),
    ("forecast", "p_low"),
    ("forecast", "score"),
    ("forecast", "agreement"),
]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("where", "name"), NUMBERS)
def test_a_number_that_is_not_finite_means_no_new_risk_and_is_named(where, name, value):
    verdict = MANAGER.judge(poisoned(where, name, value))
    assert verdict.target <= 2
    assert verdict.action is not Action.NONE
    assert f"{name} is {value}" in " ".join(cap.reason for cap in verdict.caps)


ALONE = [
    ("capital at risk", "account", "equity_cents"),
    ("capital at risk", "account", "stop_risk_cents"),
    ("capital at risk", "recommendation", "r_cents"),
    ("margin", "account", "equity_cents"),
    ("daily loss", "account", "day_pnl_cents"),
    ("daily loss", "account", "day_start_equity_cents"),
    ("trailing drawdown", "account", "equity_cents"),
    ("losses in a row", "account", "losses_in_a_row"),
    ("stale data", "context", "data_age_s"),
    ("data quality", "context", "data_quality"),
    ("unusual market", "state", "volatility_ratio"),
    ("unusual market", "state", "volume_ratio"),
    ("min confidence", "recommendation", "p_side"),
    ("min agreement", "forecast", "agreement"),
    ("model state", "forecast", "p_up"),
    ("model state", "forecast", "p_low"),
    ("runaway", "account", "orders_day"),
    ("runaway", "account", "round_trips_day"),
    ("runaway", "account", "commission_day_cents"),
]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "where", "field"), ALONE)
def test_each_limit_refuses_its_own_bad_number_by_itself(name, where, field, value):
    limits = standard_limits(RiskParameters(trailing_drawdown_cents=1_000_000))
    cap = next(limit for limit in limits if limit.name == name).cap(poisoned(where, field, value))
    assert cap is not None
    assert cap.contracts <= 2
    assert cap.action is not Action.NONE
    assert str(value) in cap.reason


def test_a_spread_that_the_source_does_not_tell_is_no_reason():
    assert MANAGER.judge(risk_context(2, state=market_state())).target == 2


def test_a_member_that_answered_nan_is_named():
    broken = forecast(0.7)
    members = {**broken.members, "lstm": math.nan}
    verdict = MANAGER.judge(risk_context(2, forecast=msgspec.structs.replace(broken, members=members)))
    assert verdict.target == 0
    assert "lstm is nan" in verdict.reason


@pytest.mark.parametrize("contracts", [1.5, math.nan, "2"])
def test_a_number_of_contracts_that_is_not_whole_fails_closed(contracts):
    verdict = judge(Cap("mine", contracts, "half a contract"), target=5, position=1)
    assert (verdict.target, verdict.level, verdict.action) == (0, Level.EMERGENCY, Action.FLATTEN)


def test_no_adds_without_a_number_keeps_what_is_held():
    cap = Cap("mine", None, "I do not like it", Action.NO_ADDS)
    assert judge(cap, target=5, position=1).target == 1
    assert judge(cap, target=5, position=0).target == 0
    assert judge(cap, target=-2, position=1).target == 0
    assert judge(cap, target=1, position=3).target == 1
