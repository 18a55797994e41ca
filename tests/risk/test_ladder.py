"""The live ladder: a quarter of Kelly first, one step for each fifty trades without a stop, back by any stop."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import SettingsError
from minhos.risk import ladder
from minhos.risk import state as risk
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import LevelParameters, RiskParameters
from minhos.risk.state import FAILED
from minhos.risk.types import Ladder, Level, ModelCondition, RiskState, Verdict
from minhos.sizing.recommend import recommend
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import MONDAY_OPEN, NQ, account, forecast, market_state, payoff

PARAMETERS = RiskParameters()
LIVE = RiskManager(PARAMETERS, mode="live")
SIZING = SizingParameters(drawdown_bound=False)
START = 10_000_000


def traded(n: int, state: RiskState = RiskState(), parameters: RiskParameters = PARAMETERS) -> RiskState:
    for _ in range(n):
        state = risk.on_trade(state, parameters)
    return state


def at_the_days_limit(state: RiskState) -> RiskState:
    return risk.on_mark(state, PARAMETERS, account(START * 95 // 100, day_pnl_cents=-START * 5 // 100), MONDAY_OPEN)


def after_three_losses(state: RiskState) -> RiskState:
    return risk.on_mark(state, PARAMETERS, msgspec.structs.replace(account(START), losses_in_a_row=3), MONDAY_OPEN)


def in_an_emergency(state: RiskState) -> RiskState:
    return risk.on_verdict(state, Verdict("NQZ25", 0, 1, 0, Level.EMERGENCY, FAILED, "it failed"), MONDAY_OPEN)


def in_a_market_emergency(state: RiskState) -> RiskState:
    violent = msgspec.structs.replace(market_state(), volatility_ratio=9.0)
    levels = LevelParameters(volatility_ratio=(2.0, 3.0, 4.0, 5.0))
    return risk.on_bar(
        state,
        RiskParameters(levels=levels),
        "NQ",
        bar=None,
        bet=None,
        market=violent,
        data_quality=1.0,
        model=ModelCondition.SOUND,
        time_ns=1,
    )


STOPS = [at_the_days_limit, after_three_losses, in_an_emergency, in_a_market_emergency]


@pytest.mark.parametrize(
    ("trades", "multiplier", "words"),
    [
        (0, 0.25, "0.25 now; 0 of 50 trades to 0.40"),
        (37, 0.25, "0.25 now; 37 of 50 trades to 0.40"),
        (49, 0.25, "0.25 now; 49 of 50 trades to 0.40"),
        (50, 0.40, "0.40 now; 0 of 50 trades to 0.60"),
        (99, 0.40, "0.40 now; 49 of 50 trades to 0.60"),
        (100, 0.60, "0.60 now, the highest step"),
        (1_000, 0.60, "0.60 now, the highest step"),
    ],
)
def test_fifty_trades_without_a_stop_are_one_step(trades, multiplier, words):
    state = traded(trades)
    assert ladder.step_of(state.ladder, PARAMETERS) == multiplier
    assert ladder.sentence(state.ladder, PARAMETERS) == words
    assert LIVE.sizing(state, SIZING).ladder_step == multiplier


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("trades", [1, 49, 50, 120])
def test_any_stop_goes_back_to_the_first_step_at_once(stop, trades):
    stopped = stop(traded(trades))
    assert stopped.ladder == Ladder()
    assert traded(3, stopped).ladder == Ladder(), "a trade that ends under a stop does not count"


def test_the_count_starts_again_when_the_stop_is_over():
    state = at_the_days_limit(traded(120))
    state = risk.on_trade_date(state, 20251007)
    assert traded(49, state).ladder == Ladder(0, 49)
    assert traded(50, state).ladder == Ladder(1, 0)


def test_pause_halt_and_resume_leave_the_ladder_where_it_is():
    state = traded(60)
    for name in ("pause", "halt", "flatten", "arm", "disarm", "resume"):
        state = risk.on_command(state, name, "ann", "", 1, START)
    assert state.ladder == Ladder(1, 10)


@given(st.lists(st.sampled_from(["trade", *range(len(STOPS)), "day"]), max_size=200), st.integers(1, 5))
@settings(deadline=None, max_examples=50)
def test_never_above_the_step_that_trades_since_the_last_stop_earned(happened, needed):
    parameters, state, since = RiskParameters(ladder_trades=needed), RiskState(), 0
    for what in happened:
        if what == "trade":
            state = risk.on_trade(state, parameters)
            since += 1
        elif what == "day":
            state = risk.on_trade_date(state, 20251007)
        else:
            state, since = STOPS[what](state), 0
        step = parameters.ladder_steps[min(since // needed, 2)]
        assert ladder.step_of(state.ladder, parameters) <= step


def wanted(manager: RiskManager, state: RiskState, sizing: SizingParameters = SIZING):
    return recommend(forecast(0.75), payoff(), market_state(), account(), NQ, manager.sizing(state, sizing))


def test_live_size_is_the_step_s_share_and_the_trace_names_the_ladder():
    """0.25 in place of 0.6: 5/12 of whatever size the drawdown bound leaves."""
    found = wanted(LIVE, RiskState())
    step = next(step for step in found.trace if step.name == "live_ladder")
    assert step.after == pytest.approx(step.before * 0.25 / 0.6)
    assert step.reason == "The live ladder's step: 0.25 in place of 0.6, of the size as it then is."
    smaller = wanted(LIVE, RiskState(), msgspec.structs.replace(SIZING, kelly_multiplier=0.1))
    assert "live_ladder" not in [step.name for step in smaller.trace]


@pytest.mark.parametrize("mode", ["paper", "simulated"])
def test_other_modes_do_not_see_the_ladder(mode):
    manager = RiskManager(PARAMETERS, mode=mode)
    assert manager.sizing(RiskState(), SIZING) is SIZING
    assert wanted(manager, RiskState()) == recommend(forecast(0.75), payoff(), market_state(), account(), NQ, SIZING)


@pytest.mark.parametrize(
    "wrong", [{"ladder_steps": ()}, {"ladder_steps": (0.6, 0.4)}, {"ladder_steps": (0.5, 1.5)}, {"ladder_trades": 0}]
)
def test_a_ladder_that_makes_no_sense_is_refused_by_name(wrong):
    with pytest.raises(SettingsError, match="ladder_"):
        RiskParameters(**wrong)
