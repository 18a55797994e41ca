"""The decision by itself: orders towards a target, what may still be closed, and the sentence that says why not."""

from __future__ import annotations

import math

import msgspec
import pytest

from minhos.accounting.types import Order, OrderType, Role
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Action, Level, RiskState, Stop, Verdict
from minhos.testing.builders import MONDAY_OPEN, NQ, account, forecast, market_state, payoff, trading_settings
from minhos.trading.decide import (
    Moment,
    decide,
    explain,
    keep,
    make_flatten,
    make_order,
    orders_towards,
    outcome_of,
    still_to_close,
    verb,
    verdict_stop,
)
from minhos.trading.types import Outcome

SYMBOL = "NQZ25"
MANAGER = RiskManager(RiskParameters())
HOUR = 3_600_000_000_000


def moment(held: int = 0, *, auto_trading: bool = True, **changes: object) -> Moment:
    """A calm Monday morning with a forecast of 75 % up."""
    calm = Moment(
        time_ns=MONDAY_OPEN,
        instrument=NQ,
        account=account(25_000_000, contracts=held),
        recommendation=keep(SYMBOL, MONDAY_OPEN, held, "nothing is known"),
        forecast=forecast(0.75),
        state=market_state(40.0),
        position=held,
        session_open=True,
        session_close_ns=MONDAY_OPEN + 7 * HOUR,
        rth=True,
        data_age_s=1.0,
        data_quality=1.0,
        sequence=7,
        account_name="test",
        symbol=SYMBOL,
        settings=msgspec.structs.replace(trading_settings(), auto_trading=auto_trading),
        close_ticks=80_000,
        payoff=payoff(),
    )
    return msgspec.structs.replace(calm, **changes)


def verdict(target: int, action: Action = Action.NONE, recommended: int | None = None) -> Verdict:
    wanted = target if recommended is None else recommended
    return Verdict(SYMBOL, MONDAY_OPEN, wanted, target, Level.LOW, "a limit", "a limit said so", action)


def sent(now: Moment, to: int, action: Action = Action.NONE) -> list[tuple[Role, int, int]]:
    """Role, signed contracts and stop distance of the orders towards that target."""
    orders = orders_towards(now, verdict(to, action))
    return [(order.role, order.side * order.contracts, order.stop_distance_ticks) for order in orders]


STOP = 3 * 40


@pytest.mark.parametrize(
    ("held", "target", "orders"),
    [
        (0, 0, []),
        (0, 2, [(Role.ENTRY, 2, STOP)]),
        (0, -2, [(Role.ENTRY, -2, STOP)]),
        (2, 2, []),
        (2, 3, [(Role.ADD, 1, STOP)]),
        (-2, -5, [(Role.ADD, -3, STOP)]),
        (3, 1, [(Role.REDUCE, -2, 0)]),
        (-3, -1, [(Role.REDUCE, 2, 0)]),
        (2, 0, [(Role.EXIT, -2, 0)]),
        (-2, 0, [(Role.EXIT, 2, 0)]),
        (2, -1, [(Role.EXIT, -2, 0), (Role.ENTRY, -1, STOP)]),
        (-1, 4, [(Role.EXIT, 1, 0), (Role.ENTRY, 4, STOP)]),
    ],
)
def test_the_orders_towards_a_target(held, target, orders):
    assert sent(moment(held), target) == orders
    only_what_shrinks = [order for order in orders if order[0] in (Role.REDUCE, Role.EXIT)]
    assert sent(moment(held, auto_trading=False), target) == only_what_shrinks
    assert sent(moment(held, state=None), target) == only_what_shrinks


def order(signed: int, role: Role, name: str = "before") -> Order:
    return Order(name, SYMBOL, 1 if signed > 0 else -1, abs(signed), role)


def test_nothing_is_sent_while_the_account_is_not_compared_an_order_works_or_the_two_disagree():
    distrust = RiskState(distrust=Stop("reconciliation", "the broker shows 3", 1, flat=False))
    working = (order(-1, Role.REDUCE),)
    for target in (0, 1, 3, -1):
        assert sent(moment(2, blind=True), target) == []
        assert sent(moment(2, working=working), target) == []
        assert sent(moment(2, risk=distrust), target) == []
    assert sent(moment(2, blind=True), 0, Action.FLATTEN) == []
    assert sent(moment(2, risk=distrust), 0, Action.FLATTEN) == [(Role.FLATTEN, -2, 0)]
    assert sent(moment(2, working=working), 0, Action.FLATTEN) == [(Role.FLATTEN, -1, 0)]
    assert sent(moment(2, working=(order(-2, Role.EXIT),)), 0, Action.FLATTEN) == []
    assert sent(moment(-2, shown=-1), 0, Action.FLATTEN) == [(Role.FLATTEN, 1, 0)]


@pytest.mark.parametrize(
    ("held", "working", "shown", "rest"),
    [
        (3, (), None, 3),
        (-3, (), None, -3),
        (0, (), None, 0),
        (3, (order(-1, Role.REDUCE), order(-1, Role.EXIT)), None, 1),
        (-3, (order(1, Role.FLATTEN),), None, -2),
        (3, (order(-5, Role.EXIT),), None, 0),
        (-3, (order(5, Role.EXIT),), None, 0),
        (3, (order(2, Role.ADD), order(-1, Role.ENTRY), order(2, Role.REDUCE)), None, 3),
        (1, (), 1, 1),
        (1, (), 5, 1),
        (-1, (), -4, -1),
        (3, (), 1, 1),
        (3, (), 5, 3),
        (3, (), -2, 0),
        (-3, (), -1, -1),
        (-3, (), -5, -3),
        (-3, (), 2, 0),
        (3, (order(-1, Role.EXIT),), 2, 1),
        (1, (order(-1, Role.EXIT),), None, 0),
    ],
)
def test_what_no_working_order_closes_and_the_broker_holds(held, working, shown, rest):
    assert still_to_close(account(contracts=held).position(SYMBOL), working, shown) == rest


@pytest.mark.parametrize(("atr", "ticks"), [(40.0, 120), (0.1, 1), (0.0, 0), (-1.0, 0), (math.inf, 0), (math.nan, 0)])
def test_a_stop_needs_an_atr(atr, ticks):
    assert verdict_stop(moment(state=market_state(atr))) == ticks
    assert verdict_stop(moment(state=None)) == 0


def test_an_entry_carries_its_stop_and_ids_that_its_content_gives_it():
    entry, leaving = make_order(moment(), 2, Role.ENTRY, 120), make_order(moment(), -2, Role.EXIT)
    assert (entry.side, entry.contracts, entry.stop_distance_ticks, entry.decided_ns) == (1, 2, 120, MONDAY_OPEN)
    assert (leaving.side, leaving.contracts, leaving.stop_id) == (-1, 2, "")
    assert len({entry.order_id, entry.stop_id, leaving.order_id}) == 3
    assert make_order(moment(), 1, Role.ENTRY, 120).order_id == entry.order_id
    assert (entry.order_type, entry.trigger_ticks, entry.parent_id) == (OrderType.MARKET, 0, "")
    assert make_order(moment(account_name="other"), 2, Role.ENTRY, 120).stop_id != entry.stop_id


def test_a_flatten_between_bars_closes_either_side_and_each_has_its_number():
    close = make_flatten("test", SYMBOL, 3, MONDAY_OPEN)
    assert (close.side, close.contracts, close.role, close.decided_ns) == (-1, 3, Role.FLATTEN, MONDAY_OPEN)
    assert make_flatten("test", SYMBOL, -3, MONDAY_OPEN).side == 1
    assert make_flatten("test", SYMBOL, 3, MONDAY_OPEN, 1).order_id != close.order_id
    assert make_flatten("test", SYMBOL, 3, MONDAY_OPEN, 0).order_id == close.order_id


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        ((order(2, Role.ENTRY),), "Buy 2"),
        ((order(-2, Role.ADD),), "Sell 2"),
        ((order(-1, Role.REDUCE),), "Reduce by 1"),
        ((order(-3, Role.FLATTEN),), "Close 3"),
        ((order(-1, Role.EXIT), order(-2, Role.ENTRY)), "Close 1 and sell 2"),
    ],
)
def test_orders_in_words(orders, words):
    assert verb(orders) == words


@pytest.mark.parametrize(("held", "side"), [(2, 1), (-3, -1), (0, 0)])
def test_without_a_forecast_the_position_is_kept_and_nothing_is_claimed(held, side):
    kept = keep(SYMBOL, MONDAY_OPEN, held, "no model")
    assert (kept.target, kept.side, kept.reason, kept.bound) == (held, side, "no model", "no forecast")
    assert (kept.p_side, kept.p_low, kept.break_even) == (0.5, 0.5, 1.0)
    assert (kept.fraction, kept.raw_contracts, kept.stop_distance_ticks, kept.r_cents) == (0.0, 0.0, 0, 0)


@pytest.mark.parametrize(
    ("wanted", "allowed", "held", "unready", "sends", "outcome"),
    [
        (2, 2, 0, None, True, Outcome.TRADE),
        (0, 0, 0, None, False, Outcome.NO_TRADE),
        (2, 2, 2, None, False, Outcome.HOLD),
        (-2, -2, -2, None, False, Outcome.HOLD),
        (2, 0, 0, None, False, Outcome.BLOCKED),
        (2, 2, 0, None, False, Outcome.BLOCKED),
        (3, 2, 2, None, False, Outcome.BLOCKED),
        (2, 2, 2, Outcome.LATE, False, Outcome.LATE),
        (2, 0, 2, Outcome.LATE, True, Outcome.TRADE),
    ],
)
def test_the_one_word_for_what_it_came_to(wanted, allowed, held, unready, sends, outcome):
    recommended = keep(SYMBOL, MONDAY_OPEN, wanted, "")
    now = moment(held, unready=unready, recommendation=recommended)
    orders = (order(1, Role.ENTRY),) if sends else ()
    assert outcome_of(now, verdict(allowed, recommended=wanted), orders) is outcome


def reason(now: Moment) -> str:
    return decide(now, MANAGER).reason


def test_the_sentence_says_why_a_target_is_not_sent():
    distrust = RiskState(distrust=Stop("reconciliation", "the broker shows 3", 1, flat=False))
    assert reason(moment(auto_trading=False)).startswith(
        "Would go to +5; not sent, because auto_trading is off. Long 5"
    )
    working = moment(working=(order(1, Role.ENTRY),))
    assert reason(working) == "Target +5, but an order is still working."
    opposite = moment(2, forecast=forecast(0.3), risk=distrust)
    assert reason(opposite) == "Target +0 not sent: the broker shows 3; `resume` when that is settled."
    blind = moment(2, forecast=forecast(0.3), blind=True, venue_trouble="not compared")
    assert reason(blind) == "Target +0 not sent: not compared."
    halted = RiskState(halted=Stop("ann", "odd", 1))
    assert reason(moment(2, risk=halted)) == "Close 2: halted by ann: odd"
    assert reason(moment(0, risk=halted)) == "halted by ann: odd"


def test_a_decision_carries_all_that_it_was_made_of():
    now = moment(1, bundle_id="b", anchor_time_ns=3)
    got = decide(now, MANAGER)
    assert (got.symbol, got.sequence, got.close_time_ns, got.close_ticks) == (SYMBOL, 7, MONDAY_OPEN, 80_000)
    assert (got.position_before, got.target, got.outcome, got.equity_cents) == (1, 5, Outcome.TRADE, 25_000_000)
    assert (got.bundle_id, got.anchor_time_ns, got.forecast, got.state) == ("b", 3, now.forecast, now.state)
    assert got.reason == got.recommendation.reason
    assert got.verdict.target == 5
    assert [(o.role, o.contracts) for o in got.orders] == [(Role.ADD, 4)]
    assert decide(now, MANAGER) == got


@pytest.mark.parametrize(
    "missing", [{"forecast": None}, {"state": None}, {"payoff": None}, {"unready": Outcome.NO_FORECAST}]
)
def test_what_is_missing_keeps_what_is_held(missing):
    got = decide(moment(2, **missing), MANAGER)
    assert (got.target, got.orders, got.recommendation.bound) == (2, (), "no forecast")
    assert got.recommendation.reason == "nothing is known"


def test_a_stop_of_one_tick_is_a_stop():
    assert sent(moment(1, state=market_state(0.1)), -1) == [(Role.EXIT, -1, 0), (Role.ENTRY, -1, 1)]
    assert sent(moment(0, state=market_state(0.1)), 1) == [(Role.ENTRY, 1, 1)]


def test_what_cannot_be_protected_is_not_sent_and_says_so():
    wanting = moment(0, state=None, recommendation=keep(SYMBOL, MONDAY_OPEN, 2, ""))
    assert orders_towards(wanting, verdict(2)) == ()
    said = explain(wanting, verdict(2), ())
    assert said == "Target +2 not sent: ATR is not known, so no stop can be placed."
