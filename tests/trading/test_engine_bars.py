"""Every bar gets one decision with a sentence; what is late, missing, unknown or stopped takes no new risk."""

import math

import msgspec
import pytest
from trading_desk import CASH_CENTS, MODEL, NAN, SYMBOL, Desk, settings_with

from minhos.errors import ModelError
from minhos.market.types import NANOS_PER_SECOND, Bar, Price, Slice
from minhos.risk.types import Action, Level
from minhos.testing.builders import NQ, bar, forecast, ns
from minhos.trading import events as ev
from minhos.trading.types import Outcome

PRICE = 80_000
TICK, FEE, SLIP = NQ.tick_value_cents, NQ.commission_cents, NQ.slippage_ticks


def holding(desk: Desk) -> Desk:
    """The desk with five contracts bought at PRICE."""
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    assert desk.position == 5
    return desk


# What cannot be forecast ------------------------------------------------------------------------------------------


def test_a_bar_an_interval_late_is_decided_late_and_not_traded():
    desk = Desk()
    decision = desk.bar(PRICE, PRICE, PRICE, PRICE, p=0.75, late=True, age_s=400)
    assert (decision.outcome, decision.orders, decision.unready) == (Outcome.LATE, (), Outcome.LATE)
    assert decision.reason == "The bar came an interval late: it warms the features and is not traded."


def test_a_late_bar_keeps_the_position_and_its_stop():
    desk = holding(Desk())
    stops = desk.stops
    assert desk.bar(PRICE, PRICE, PRICE, PRICE, p=0.2, late=True).outcome is Outcome.LATE
    assert (desk.position, desk.stops) == (5, stops)


def test_a_missing_bar_is_decided_and_named():
    decision = Desk().slice(missing=(SYMBOL,), p=0.75)
    assert (decision.outcome, decision.orders) == (Outcome.MISSING_BAR, ())
    assert decision.reason == f"No bar of {SYMBOL} came: nothing to decide on."


def test_bars_that_warm_the_features_are_decided():
    desk = Desk(warm_up=2)
    outcomes = [desk.flat_bar(p=0.75).outcome for _ in range(3)]
    assert outcomes == [Outcome.WARMING_UP, Outcome.WARMING_UP, Outcome.TRADE]


def test_without_a_bundle_there_are_no_predictions():
    desk = Desk()
    desk.engine.forecasts = None
    decision = desk.flat_bar()
    assert (decision.outcome, decision.reason) == (
        Outcome.NO_FORECAST,
        "No model serves yet: no_predictions.",
    )


@pytest.mark.parametrize("error", [ModelError("the row is not finite"), ZeroDivisionError("division by zero")])
def test_a_model_that_raises_is_no_forecast_and_a_higher_level(error):
    desk = Desk()
    desk.told.says = error
    decision = desk.flat_bar()
    assert (decision.outcome, decision.reason) == (Outcome.NO_FORECAST, f"No forecast: {error}")
    assert desk.state.risk.level("NQ") is Level.CRITICAL


def test_a_bar_outside_every_session_is_market_closed():
    desk = Desk()
    saturday = ns("2025-10-04T12:00:00-04:00")
    closed = Slice(saturday, (Bar(SYMBOL, saturday, PRICE, PRICE, PRICE, PRICE, 1),))
    assert desk.engine.on_slice(closed).outcome is Outcome.MARKET_CLOSED


@pytest.mark.parametrize("what", ["p_up", "p_low", "score", "agreement"])
def test_a_forecast_that_is_no_number_takes_no_risk(what):
    desk = Desk()
    desk.told.says = msgspec.structs.replace(forecast(0.75), **{what: NAN})
    decision = desk.flat_bar()
    assert (decision.target, decision.orders) == (0, ())
    assert "gave no number" in decision.reason or "nan" in decision.reason


@pytest.mark.parametrize("atr", [NAN, 0.0, float("inf"), -1.0])
def test_an_atr_that_is_no_number_takes_no_risk(atr):
    desk = Desk()
    desk.features.atr_ticks = atr
    decision = desk.flat_bar(p=0.75)
    assert (decision.target, decision.orders) == (0, ())
    assert ("not a number" if atr != atr else str(atr)) in decision.reason


def test_a_bar_that_is_old_by_the_clock_adds_nothing():
    decision = Desk().bar(PRICE, PRICE, PRICE, PRICE, p=0.75, age_s=60)
    assert (decision.outcome, decision.verdict.bound) == (Outcome.BLOCKED, "stale data")


# What a person says -----------------------------------------------------------------------------------------------


def test_halt_closes_and_holds_until_resume():
    desk = holding(Desk())
    desk.command("halt")
    desk.price(PRICE, seconds=2)
    assert desk.position == 0
    assert [desk.flat_bar(p=0.75).orders for _ in range(2)] == [(), ()]
    desk.command("resume")
    assert desk.flat_bar(p=0.75).outcome is Outcome.TRADE


def test_pause_keeps_what_is_held_and_adds_nothing():
    desk = holding(Desk())
    desk.command("pause")
    assert desk.flat_bar(p=0.75).outcome is Outcome.HOLD
    desk.flat_bar(p=0.5)
    desk.flat_bar(p=0.75)
    assert desk.position == 0
    assert desk.flat_bar(p=0.75).verdict.bound == "paused"
    desk.command("resume")
    desk.flat_bar(p=0.75)
    desk.flat_bar()
    assert desk.position == 5


# What losses stop -------------------------------------------------------------------------------------------------


def test_the_days_loss_is_seen_between_bars_and_flattens_at_once():
    desk = holding(Desk(settings_with(risk={"daily_loss_limit_cents": 100_000})))
    fees, to_lose = 5 * (FEE + SLIP * TICK), 100_000
    ticks = -(-(to_lose - fees) // (5 * TICK))
    desk.price(PRICE - ticks + 1, seconds=1)
    assert desk.state.risk.day_stop is None
    desk.price(PRICE - ticks, seconds=2)
    assert desk.account.day_pnl_cents <= -to_lose
    (intervention,) = desk.events(ev.Intervention)
    assert "daily loss limit of 1,000.00" in intervention.reason
    desk.price(PRICE, seconds=3)
    assert desk.position == 0
    decision = desk.flat_bar(p=0.75)
    assert (decision.orders, decision.verdict.action) == ((), Action.FLATTEN)


def lose_a_trade(desk: Desk, at: int) -> int:
    """Buy, and be stopped out; returns the price after it."""
    desk.flat_bar(at, p=0.75)
    desk.flat_bar(at, p=0.75)
    desk.bar(at, at, at - 130, at - 130, p=0.5)
    return at - 130


def test_three_losses_stop_until_the_next_trade_date():
    desk, at = Desk(settings_with(risk={"max_position_size": 1}, sizing={"max_position_size": 1})), PRICE
    for _ in range(3):
        at = lose_a_trade(desk, at)
    assert desk.account.losses_in_a_row == 3
    blocked = desk.flat_bar(at, p=0.75)
    assert (blocked.verdict.bound, blocked.reason) == ("losses in a row", "3 losing trades in a row")
    desk.next_bar = 110
    assert desk.flat_bar(at, p=0.75).outcome is Outcome.TRADE


def test_a_new_trade_date_starts_the_day_at_the_equity_before_its_first_bar():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.bar(PRICE, PRICE, PRICE, PRICE + 10, p=0.5)
    desk.flat_bar(PRICE + 10, p=0.5)
    before = desk.account
    assert before.trade_date == 20251006
    assert before.day_pnl_cents == before.equity_cents - CASH_CENTS != 0
    desk.next_bar = 102
    assert desk.close_ns(102) == ns("2025-10-06T18:05:00-04:00")
    desk.flat_bar(PRICE + 50)
    after = desk.account
    assert (after.trade_date, after.day_start_equity_cents) == (20251007, before.equity_cents)
    assert (after.day_pnl_cents, after.orders_day) == (0, 0)


def test_nothing_is_held_over_the_sessions_end():
    desk = Desk()
    desk.next_bar = 86
    desk.flat_bar(p=0.75)
    assert desk.flat_bar(p=0.75).position_before == 5
    last_but_one = desk.flat_bar(p=0.75)
    assert (last_but_one.verdict.bound, last_but_one.verdict.action) == ("flat before halt", Action.FLATTEN)
    desk.flat_bar(p=0.75)
    assert desk.position == 0


def test_a_contract_about_to_expire_is_not_traded():
    desk = Desk()
    desk.clock.advance_to(ns("2025-12-17T18:00:00+00:00"))
    close_ns = ns("2025-12-17T18:05:00+00:00")
    desk.told.says = 0.75
    decision = desk.engine.on_slice(
        Slice(close_ns, (msgspec.structs.replace(bar(0, *[PRICE] * 4), close_time_ns=close_ns),))
    )
    assert decision.verdict.bound == "expiry"


# Every bar --------------------------------------------------------------------------------------------------------


def test_every_bar_has_exactly_one_decision_with_a_sentence():
    desk = Desk(warm_up=1)
    for i, p in enumerate((0.5, 0.75, NAN, 0.25, 0.9, 0.1, 0.61, 0.66)):
        desk.bar(PRICE + i, PRICE + i + 5, PRICE + i - 5, PRICE + i, p=p)
    desk.slice(missing=(SYMBOL,))
    desk.bar(PRICE, PRICE, PRICE, PRICE, late=True)
    closes = [event.slice.close_time_ns for event in desk.events(ev.SliceClosed)]
    assert [decision.close_time_ns for decision in desk.decisions] == closes
    assert [decision.sequence for decision in desk.decisions] == list(range(1, len(closes) + 1))
    for decision in desk.decisions:
        assert decision.reason.strip()
        assert decision.settings_id == "s"


@pytest.mark.parametrize("atr_ticks", [0.2, 40.0, 40.1, 40.4, 40.5])
def test_the_stop_that_is_sent_is_the_one_that_the_size_was_worked_out_with(atr_ticks):
    desk = Desk(settings_with(sizing={"stop_atr": 3.0}))
    desk.features.atr_ticks = atr_ticks
    decision = desk.flat_bar(p=0.95)
    distances = {order.stop_distance_ticks for order in decision.orders}
    assert distances <= {decision.recommendation.stop_distance_ticks}
    assert decision.orders or atr_ticks < 1.0


def test_an_atr_that_is_infinite_closes_and_opens_nothing():
    desk = Desk()
    desk.flat_bar(p=0.9)
    desk.flat_bar(p=0.9)
    assert desk.position > 0
    desk.features.atr_ticks = math.inf
    assert [order.role for order in desk.flat_bar(p=0.9).orders] == ["exit"]
    desk.flat_bar(p=0.9)
    assert desk.position == 0


def test_a_bar_from_the_future_adds_nothing():
    """The clocks disagree: neither its age nor the session's end can be relied on."""
    desk = Desk()
    decision = desk.slice(bar(0, PRICE, PRICE, PRICE, PRICE), p=0.9, age_s=-4000)
    assert decision.target == 0
    assert "stale data" in [cap.limit for cap in decision.verdict.caps]


def test_a_price_from_the_future_is_passed_over_with_an_alarm_and_starts_no_trade_date():
    desk = holding(Desk())
    before = desk.account
    in_five_days = desk.engine.clock.now_ns() + 5 * 86_400 * NANOS_PER_SECOND
    desk.engine.on_price(Price(SYMBOL, in_five_days, PRICE - 300))
    assert desk.account == before
    (alarm,) = desk.events(ev.Alarm)
    assert alarm.text == f"A price of {SYMBOL} is stamped in the future and was passed over."


# How old the model is -------------------------------------------------------------------------------------------

DAY_NS = 86_400 * NANOS_PER_SECOND


@pytest.mark.parametrize(
    ("stamped_days_ahead", "simulated", "condition"),
    [
        (-29, False, "sound"),
        (-31, False, "old"),
        (0.002, False, "sound"),
        (0.04, False, "stamped in the future, so its age is not known; check this machine's clock"),
        (400, False, "stamped in the future, so its age is not known; check this machine's clock"),
        (400, True, "sound"),
    ],
)
def test_a_model_that_is_old_or_stamped_in_the_future_raises_the_level(stamped_days_ahead, simulated, condition):
    """A stamp from the future never ages, so it counts as old; a simulated market keeps a time of its own."""
    desk = Desk()
    created_ns = desk.close_ns(0) + round(stamped_days_ahead * DAY_NS)
    stamped = msgspec.structs.replace(MODEL, bundle_id="stamped", created_ns=created_ns, simulated=simulated)
    desk.engine.activate_model(stamped, desk.told)
    desk.flat_bar(p=0.5)
    found = {c.name: c for c in desk.engine.state.risk.market("NQ").components}["model"]
    expected = (Level.LOW, "") if condition == "sound" else (Level.MEDIUM, f"model {condition}")
    assert (found.level, found.reason) == expected
