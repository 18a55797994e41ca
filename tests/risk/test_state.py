"""Risk's memory: stops that stay, levels that fall slowly, and a restart that forgets nothing."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.accounting.types import Account
from minhos.market.types import NANOS_PER_MINUTE
from minhos.risk import (
    arming,
    events,
    evidence,
    force,
    ladder,
    levels,
    manager,
    parameters,
    shadow,
    statistics,
    types,
)
from minhos.risk import state as risk
from minhos.risk.evidence import Evidence
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import LevelParameters, RiskParameters
from minhos.risk.shadow import shadow_bet
from minhos.risk.types import Action, Level, ModelCondition, RiskState, Stop, Verdict
from minhos.testing.builders import MONDAY_OPEN, NQ, account, bar, forecast, market_state, recommendation, risk_context

PARAMETERS = RiskParameters()
MANAGER = RiskManager(PARAMETERS)
START = 10_000_000
TODAY, TOMORROW = 20251006, 20251007


def worth(equity: int, *, day_start: int = START, trade_date: int = TODAY, losses: int = 0) -> Account:
    changes = {"day_start_equity_cents": day_start, "trade_date": trade_date, "losses_in_a_row": losses}
    return msgspec.structs.replace(account(equity), day_pnl_cents=equity - day_start, **changes)


def marked(state: RiskState, *equities: int, parameters: RiskParameters = PARAMETERS, bars: bool = False) -> RiskState:
    for equity in equities:
        state = risk.on_mark(state, parameters, worth(equity), MONDAY_OPEN, bar_closed=bars)
    return state


def on_bar(state: RiskState, parameters: RiskParameters = PARAMETERS, time_ns: int = 1, **changes: object) -> RiskState:
    market = msgspec.structs.replace(market_state(), **{k: v for k, v in changes.items() if k != "model"})
    model = changes.get("model", ModelCondition.SOUND)
    return risk.on_bar(
        state, parameters, "NQ", bar=None, bet=None, market=market, data_quality=1.0, model=model, time_ns=time_ns
    )


def restarted(state: RiskState) -> RiskState:
    return msgspec.json.decode(msgspec.json.encode(state), type=RiskState)


# The day's loss


@given(st.lists(st.integers(1, 3 * START), min_size=1, max_size=20))
@settings(deadline=None, max_examples=50)
def test_after_the_days_loss_nothing_but_flatten_whatever_prices_do(later):
    state = marked(RiskState(), START, START * 95 // 100)
    for equity in later:
        state = restarted(marked(state, equity))
        verdict = MANAGER.judge(risk_context(3, account=worth(equity), risk=state))
        assert (verdict.target, verdict.action) == (0, Action.FLATTEN)
        assert "daily loss" in [cap.limit for cap in verdict.caps]


def test_the_days_loss_ends_with_the_trade_date():
    state = marked(RiskState(), START, START * 95 // 100)
    tomorrow = worth(START * 95 // 100, day_start=START * 95 // 100, trade_date=TOMORROW)
    state = risk.on_mark(state, PARAMETERS, tomorrow, MONDAY_OPEN)
    assert state.day_stop is None
    assert MANAGER.judge(risk_context(3, account=tomorrow, risk=state)).action is Action.NONE


def test_resume_does_not_end_the_days_loss():
    state = marked(RiskState(), START, START * 95 // 100)
    assert risk.on_command(state, "resume", "ann", "", 1, START).day_stop == state.day_stop


def test_one_cent_less_than_the_limit_is_no_stop():
    assert marked(RiskState(), START, START * 95 // 100 + 1).day_stop is None


# Losses in a row


def after_losses(*losses: int, minutes: tuple[int, ...] | None = None, **settings: object) -> RiskState:
    state = RiskState()
    for i, (count, minute) in enumerate(zip(losses, minutes or range(len(losses)), strict=True)):
        time_ns = MONDAY_OPEN + minute * NANOS_PER_MINUTE
        state = risk.on_mark(state, RiskParameters(**settings), worth(START - i, losses=count), time_ns)
    return state


def test_the_third_loss_in_a_row_stops_until_the_next_trade_date():
    assert after_losses(1, 2).loss_stop is None
    state = after_losses(1, 2, 3, 0)
    assert state.loss_stop.trade_date == TODAY
    assert risk.on_mark(state, PARAMETERS, worth(START, trade_date=TOMORROW), 1).loss_stop is None


def test_a_cooldown_ends_by_the_clock_and_three_more_losses_begin_another():
    cooled = after_losses(3, 3, 5, minutes=(0, 59, 60), after_losses="cooldown")
    assert cooled.loss_stop is None
    assert after_losses(3, 3, minutes=(0, 59), after_losses="cooldown").loss_stop is not None
    again = after_losses(3, 3, 5, 6, minutes=(0, 59, 60, 70), after_losses="cooldown")
    assert again.loss_stop.until_ns == MONDAY_OPEN + 130 * NANOS_PER_MINUTE


def test_a_stop_by_hand_waits_for_resume_over_trade_dates():
    state = after_losses(3, after_losses="manual")
    state = risk.on_mark(state, PARAMETERS, worth(START, trade_date=TOMORROW), 1)
    assert state.loss_stop is not None
    assert risk.on_command(state, "resume", "ann", "", 2, START).loss_stop is None


# Trailing drawdown


def test_the_trailing_floor_follows_open_profit_and_locks_at_the_start():
    rule = RiskParameters(trailing_drawdown_cents=200_000)
    assert marked(RiskState(), START, START + 100_000, START - 99_999, parameters=rule).trailing_stop is None
    assert marked(RiskState(), START, START + 100_000, START - 100_000, parameters=rule).trailing_stop is not None
    assert marked(RiskState(), START, START + 900_000, START + 1, parameters=rule).trailing_stop is None
    assert marked(RiskState(), START, START + 900_000, START, parameters=rule).trailing_stop is not None
    follows = RiskParameters(trailing_drawdown_cents=200_000, trailing_locks_at_start=False)
    assert marked(RiskState(), START, START + 900_000, START + 700_000, parameters=follows).trailing_stop is not None


# Levels


@pytest.mark.parametrize(
    ("share", "level"),
    [(0.049, Level.LOW), (0.05, Level.MEDIUM), (0.10, Level.HIGH), (0.15, Level.CRITICAL), (0.20, Level.EMERGENCY)],
)
def test_drawdown_from_the_peak_sets_the_level(share, level):
    assert marked(RiskState(), START, round(START * (1 - share))).level() is level


def test_a_level_rises_on_a_tick_and_falls_only_after_three_calm_bars():
    state = marked(RiskState(), START, 9_490_000)
    state = marked(state, 9_540_000, 9_540_000, bars=True)  # drawdown 4.6 %: below 5 %, but not by a tenth of it
    assert state.level() is Level.MEDIUM
    state = marked(state, 9_560_000, 9_560_000, bars=True)
    assert marked(state, 9_560_000, 9_560_000, 9_560_000).level() is Level.MEDIUM  # ticks are no bars
    assert marked(state, 9_540_000, 9_560_000, 9_560_000, bars=True).level() is Level.MEDIUM  # not in a row
    assert marked(state, 9_560_000, bars=True).level() is Level.LOW


def test_emergency_ends_only_by_resume_which_measures_from_todays_equity():
    state = marked(RiskState(), START, 8_000_000)
    assert "20.0%" in state.emergency.why
    state = marked(restarted(state), START, START, START, START, bars=True)
    assert state.level() is Level.EMERGENCY
    state = risk.on_command(state, "resume", "ann", "seen", 9, 8_100_000)
    assert (state.level(), state.peak_cents) == (Level.LOW, 8_100_000)
    assert (state.resumed.who, state.resumed.why, state.resumed.time_ns) == ("ann", "seen", 9)


def test_each_component_has_its_reason_and_the_worst_counts():
    state = on_bar(RiskState(), volatility_ratio=4.2, volume_ratio=0.2, model=ModelCondition.PARTIAL)
    found = {c.name: (c.level, c.reason) for c in state.market("NQ").components if c.level}
    assert found == {
        "volatility": (Level.HIGH, "volatility 4.20"),
        "volume": (Level.MEDIUM, "volume 0.20"),
        "model": (Level.MEDIUM, "model partial"),
    }
    assert (state.level("NQ"), state.level("ES"), state.level()) == (Level.HIGH, Level.LOW, Level.HIGH)


def test_a_spread_that_is_not_told_changes_nothing_and_other_unknowns_are_critical():
    wide = on_bar(RiskState(), spread_ticks=6.0)
    assert wide.level("NQ") is on_bar(wide, spread_ticks=math.nan).level("NQ") is Level.HIGH
    assert on_bar(RiskState(), volatility_ratio=math.nan).level("NQ") is Level.CRITICAL


def test_while_features_warm_up_the_market_is_not_measured():
    state = risk.on_bar(
        RiskState(),
        PARAMETERS,
        "NQ",
        bar=None,
        bet=None,
        market=None,
        data_quality=0.97,
        model=ModelCondition.SOUND,
        time_ns=1,
    )
    assert [(c.name, c.level) for c in state.market("NQ").components if c.level] == [("data quality", Level.MEDIUM)]


def test_an_emergency_of_one_market_ends_by_resume_too():
    parameters = RiskParameters(levels=LevelParameters(volatility_ratio=(2.0, 3.0, 4.0, 5.0)))
    state = on_bar(RiskState(), parameters, volatility_ratio=5.0)
    for _ in range(9):
        state = on_bar(state, parameters)
    assert state.level() is Level.EMERGENCY
    assert risk.on_command(state, "resume", "ann", "", 1, START).level() is Level.LOW


@given(st.lists(st.floats(0.0, 0.3), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50)
def test_a_restart_never_lowers_a_level(drawdowns):
    state = RiskState()
    for share in drawdowns:
        state = marked(state, START, round(START * (1 - share)), bars=True)
        assert restarted(state) == state
        assert restarted(state).level() is state.level()


# Commands, orders, transfers, models


def test_a_halt_outlives_a_restart_and_says_who_and_why():
    state = restarted(risk.on_command(RiskState(), "halt", "ann", "odd prices", 5, START))
    verdict = MANAGER.judge(risk_context(3, position=2, risk=state))
    assert (verdict.bound, verdict.reason, verdict.action) == ("halted", "halted by ann: odd prices", Action.FLATTEN)
    resumed = risk.on_command(state, "resume", "ann", "", 6, START)
    assert MANAGER.judge(risk_context(3, risk=resumed)).target == 3


def test_pause_keeps_the_position_and_flatten_does_not():
    for command, target in (("pause", 2), ("flatten", 0)):
        state = risk.on_command(RiskState(), command, "ann", "", 5, START)
        assert MANAGER.judge(risk_context(3, position=2, risk=state)).target == target


def test_arming_and_a_command_that_is_not_about_risk():
    armed = risk.on_command(RiskState(), "arm", "ann", "", 1, START)
    assert armed.armed
    assert not risk.on_command(armed, "disarm", "ann", "", 2, START).armed
    assert risk.on_command(armed, "backup", "ann", "", 2, START) == armed


def test_orders_older_than_a_minute_are_forgotten():
    state = risk.on_order(risk.on_order(RiskState(), 0), NANOS_PER_MINUTE - 1)
    assert state.order_times_ns == (0, NANOS_PER_MINUTE - 1)
    assert risk.on_order(state, NANOS_PER_MINUTE).order_times_ns == (NANOS_PER_MINUTE - 1, NANOS_PER_MINUTE)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_equity_that_is_not_a_number_is_not_remembered(value):
    state = marked(RiskState(), START)
    broken = msgspec.structs.replace(worth(START), equity_cents=value)
    assert risk.on_mark(state, PARAMETERS, broken, MONDAY_OPEN) == state


def test_the_shadow_book_and_its_evidence_are_folded_bar_by_bar_and_survive_a_restart():
    state = risk.on_model(RiskState(), "NQ", "recipe", "bundle-1", False)
    for i in range(4):
        closed = bar(i, 80_000 + 10 * i, 80_020 + 10 * i, 79_990 + 10 * i, 80_010 + 10 * i)
        bet = shadow_bet(forecast(0.6, close_time_ns=closed.close_time_ns), recommendation(), NQ)
        state = risk.on_bar(
            state,
            PARAMETERS,
            "NQ",
            bar=closed,
            bet=bet,
            market=market_state(),
            data_quality=1.0,
            model=ModelCondition.SOUND,
            time_ns=closed.close_time_ns,
        )
        state = restarted(state)
    market = state.market("NQ")
    assert (market.shadow.bets, market.shadow.hits, market.evidence.bets) == (2, 2, 2)
    assert market.shadow.mean_r == pytest.approx((10 - 2.9) / (120 + 2.9))


def test_a_new_recipe_starts_with_an_empty_shadow_book():
    state = risk.on_model(RiskState(), "NQ", "recipe", "bundle-1", False)
    market = msgspec.structs.replace(
        state.market("NQ"), shadow=msgspec.structs.replace(state.market("NQ").shadow, bets=9)
    )
    state = msgspec.structs.replace(state, markets={"NQ": market})
    assert risk.on_model(state, "NQ", "recipe", "bundle-2", False).market("NQ").shadow.bets == 9
    fresh = risk.on_model(state, "NQ", "other", "bundle-3", False).market("NQ")
    assert (fresh.shadow.bets, fresh.evidence) == (0, Evidence("NQ", "other", False, "bundle-3"))


# At the edges


def test_equity_that_was_never_above_zero_is_wholly_lost():
    assert marked(RiskState(), 0).emergency is not None
    assert marked(RiskState(), 1).level() is Level.LOW


def test_a_stop_that_waits_for_its_time_or_a_person_outlives_the_trade_date():
    for until_ns in (0, 1):
        stop = Stop("risk manager", "three losses", 1, until_ns=until_ns)
        assert risk.on_trade_date(RiskState(loss_stop=stop), TOMORROW).loss_stop is stop
    dated = Stop("risk manager", "lost", 1, trade_date=TODAY)
    assert risk.on_trade_date(RiskState(day_stop=dated), TODAY).day_stop is dated
    assert risk.on_trade_date(RiskState(day_stop=dated, losses_forgiven=3), TOMORROW) == RiskState(trade_date=TOMORROW)


def test_a_days_limit_of_nothing_is_no_limit():
    none = RiskParameters(daily_loss_limit=0.0)
    assert risk.on_mark(RiskState(), none, worth(START), MONDAY_OPEN).day_stop is None


def test_the_days_stop_is_latched_once_and_says_what_was_lost():
    state = marked(RiskState(), START, START * 95 // 100)
    stop = state.day_stop
    assert (stop.who, stop.time_ns, stop.trade_date, stop.flat) == ("risk manager", MONDAY_OPEN, TODAY, True)
    assert stop.why == "the day's loss of 5,000.00 reached the daily loss limit of 5,000.00"
    assert marked(state, START * 90 // 100).day_stop is stop


def test_losses_that_a_stop_has_answered_are_forgiven_until_the_row_ends():
    state = after_losses(3, 3, 5, minutes=(0, 59, 60), after_losses="cooldown")
    assert (state.losses_forgiven, state.loss_stop) == (3, None)
    assert after_losses(3, 5, 2, minutes=(0, 60, 61), after_losses="cooldown").losses_forgiven == 0
    assert after_losses(3, 5, 3, minutes=(0, 60, 61), after_losses="cooldown").losses_forgiven == 3
    stop = after_losses(3, minutes=(0,), after_losses="cooldown").loss_stop
    assert (stop.until_ns, stop.trade_date) == (MONDAY_OPEN + 60 * NANOS_PER_MINUTE, 0)
    by_hand = after_losses(3, after_losses="manual").loss_stop
    assert (by_hand.until_ns, by_hand.trade_date, by_hand.why) == (0, 0, "3 losing trades in a row")
    assert after_losses(3).loss_stop.until_ns == 0


def test_resume_ends_a_loss_stop_only_where_it_waits_for_a_person():
    for stop in (Stop("risk manager", "x", 1, trade_date=TODAY), Stop("risk manager", "x", 1, until_ns=5)):
        assert risk.on_command(RiskState(loss_stop=stop), "resume", "ann", "", 2, START).loss_stop is stop


def test_resume_ends_what_a_person_or_a_difference_stopped_and_anchors_the_trailing_drawdown():
    stops = {name: Stop("ann", "why", 1) for name in ("paused", "halted", "distrust", "trailing_stop")}
    state = RiskState(**stops, trailing_peak_cents=9, trailing_start_cents=8, peak_cents=7)
    state = risk.on_command(state, "resume", "ann", "looked", 2, START)
    assert [getattr(state, name) for name in stops] == [None] * 4
    assert (state.trailing_peak_cents, state.trailing_start_cents, state.peak_cents) == (START, START, 7)
    assert state.resumed.flat is False
    untouched = risk.on_command(RiskState(trailing_peak_cents=9, trailing_start_cents=8), "resume", "a", "", 2, START)
    assert (untouched.trailing_peak_cents, untouched.trailing_start_cents) == (9, 8)


def test_resume_calms_only_what_was_an_emergency():
    parameters = RiskParameters(levels=LevelParameters(volatility_ratio=(2.0, 3.0, 4.0, 5.0)))
    state = on_bar(RiskState(), parameters, volatility_ratio=5.0, volume_ratio=0.2)
    levels = {c.name: c.level for c in risk.on_command(state, "resume", "a", "", 9, START).market("NQ").components}
    assert (levels["volatility"], levels["volume"]) == (Level.LOW, Level.MEDIUM)
    high = on_bar(RiskState(), volatility_ratio=4.0)
    assert risk.on_command(high, "resume", "a", "", 9, START).markets == high.markets


def test_flatten_closes_and_pause_keeps():
    assert risk.on_command(RiskState(), "flatten", "ann", "x", 5, START).paused == Stop("ann", "x", 5, flat=True)
    assert risk.on_command(RiskState(), "pause", "ann", "x", 5, START).paused == Stop("ann", "x", 5, flat=False)
    assert risk.on_command(RiskState(), "halt", "ann", "x", 5, START).halted == Stop("ann", "x", 5)


def test_a_difference_is_flat_only_and_the_first_one_is_remembered():
    state = risk.on_distrust(RiskState(), "the broker shows 3", 5)
    assert state.distrust == Stop("reconciliation", "the broker shows 3", 5, flat=False)
    assert risk.on_distrust(state, "another", 6) is state
    assert state.demand_to_flatten() == ""
    halted = risk.on_contradiction(state, "a fill of a rejected order", 7)
    assert halted.demand_to_flatten() == "a fill of a rejected order"


def test_the_trailing_peak_and_start_are_the_accounts_first_equity_and_its_highest():
    state = marked(RiskState(), START, START + 5, START - 5)
    assert (state.trailing_start_cents, state.trailing_peak_cents) == (START, START + 5)
    rule = RiskParameters(trailing_drawdown_cents=10)
    stopped = marked(RiskState(), START, START - 10, START, parameters=rule)
    assert "fell to the trailing drawdown's floor" in stopped.trailing_stop.why
    assert risk.trailing_floor_cents(100, 50, RiskParameters()) == -math.inf
    assert risk.trailing_floor_cents(100, 95, rule) == 90
    assert risk.trailing_floor_cents(100, 85, rule) == 85


def test_a_failed_risk_manager_is_an_emergency_once():
    failed = Verdict("NQZ25", 0, 1, 0, Level.EMERGENCY, risk.FAILED, "it failed")
    state = risk.on_verdict(RiskState(), failed, 5)
    assert (state.emergency.why, state.emergency.time_ns) == ("it failed", 5)
    assert risk.on_verdict(state, failed, 6) is state
    assert risk.on_verdict(RiskState(), msgspec.structs.replace(failed, bound="margin"), 5) == RiskState()


def test_every_latched_stop_that_is_not_flat_only_demands_to_flatten_the_gravest_first():
    names = ("emergency", "day_stop", "trailing_stop", "loss_stop", "halted", "paused")
    stops = {name: Stop("x", name, 1) for name in names}
    for i, name in enumerate(names):
        assert RiskState(**{n: stops[n] for n in names[i:]}).demand_to_flatten() == name
    assert RiskState(paused=Stop("x", "lunch", 1, flat=False)).demand_to_flatten() == ""


def test_what_is_recorded_cannot_be_changed():
    for module in (arming, events, evidence, force, ladder, levels, manager, parameters, shadow, statistics, types):
        records = [cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == module.__name__]
        assert all(cls.__struct_config__.frozen for cls in records if issubclass(cls, msgspec.Struct))
