"""What the engine sends and what comes of it, order by order, with the expected prices and cents as formulas."""

from trading_desk import ATR_TICKS, CASH_CENTS, MICRO, STOP_TICKS, SYMBOL, Desk, settings_with

from minhos.accounting.types import Role
from minhos.risk.types import Action
from minhos.testing.builders import NQ
from minhos.trading import events as ev
from minhos.trading.order_states import OrderState
from minhos.trading.types import Outcome
from minhos.venues.matching import MatchingParameters

PRICE = 80_000
SLIP, FEE, TICK = NQ.slippage_ticks, NQ.commission_cents, NQ.tick_value_cents
ADDING_CENTS = 12_500_000
"""With $125,000 p 0.66 is worth 2 contracts, p 0.75 is worth 4, p 0.67 keeps 3 and p 0.56 keeps 1."""


def test_an_entry_fills_at_the_next_open_with_slippage_and_commission_and_rests_its_stop():
    desk = Desk()
    decision = desk.flat_bar(p=0.75)
    assert (decision.outcome, decision.target, desk.position) == (Outcome.TRADE, 5, 0)
    desk.bar(80_010, 80_030, 80_000, 80_020)
    (fill,) = desk.fills
    assert (fill.price_ticks, fill.contracts, fill.commission_cents) == (80_010 + SLIP, 5, 5 * FEE)
    assert (fill.role, fill.expected_ticks, fill.order_id) == (Role.ENTRY, 80_010, decision.orders[0].order_id)
    assert desk.stops == desk.venue_stops == [(5, 80_010 + SLIP - STOP_TICKS)]
    assert round(3 * ATR_TICKS) == STOP_TICKS
    assert desk.account.equity_cents == CASH_CENTS + 5 * ((80_020 - 80_010 - SLIP) * TICK - FEE)


def test_the_stop_fills_at_its_price_and_ends_the_trade():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    trigger = PRICE + SLIP - STOP_TICKS
    desk.bar(PRICE, PRICE, trigger, PRICE, p=0.5)
    entry, stop = desk.fills
    assert (stop.role, stop.price_ticks, stop.contracts) == (Role.STOP, trigger - SLIP, 5)
    (closed,) = desk.events(ev.TradeClosed)
    assert closed.trade.pnl_cents == -5 * ((entry.price_ticks - stop.price_ticks) * TICK + 2 * FEE)
    assert (closed.p, closed.contracts_sent, closed.bundle_id) == (0.75, 5, "bundle-test")
    assert desk.position == 0
    assert desk.stops == desk.venue_stops == []


def test_a_gap_through_the_stop_fills_at_the_open():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    gap = PRICE - 200
    desk.bar(gap, gap + 10, gap - 10, gap)
    assert desk.fills[-1].price_ticks == gap - SLIP


def test_an_add_has_a_stop_of_its_own_from_its_own_fill():
    desk = Desk(cash_cents=ADDING_CENTS)
    assert desk.flat_bar(p=0.66).target == 2
    add = desk.flat_bar(p=0.75)
    assert [(order.role, order.contracts) for order in add.orders] == [(Role.ADD, 2)]
    desk.bar(PRICE + 8, PRICE + 8, PRICE + 8, PRICE + 8, p=0.75)
    assert desk.stops == [(2, PRICE + SLIP - STOP_TICKS), (2, PRICE + 8 + SLIP - STOP_TICKS)]


def test_a_reduction_closes_the_newest_first_and_shrinks_its_stop():
    desk = Desk(cash_cents=ADDING_CENTS)
    desk.flat_bar(p=0.66)
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    first, second = (order for order in desk.intents if order.role is not Role.STOP)
    assert desk.flat_bar(p=0.67).target == 3
    desk.flat_bar(p=0.67)
    (position,) = desk.account.positions
    assert [(lot.order_id, lot.contracts) for lot in position.lots] == [(first.order_id, 2), (second.order_id, 1)]
    assert [contracts for contracts, _ in desk.stops] == [contracts for contracts, _ in desk.venue_stops] == [2, 1]
    assert desk.flat_bar(p=0.56).target == 1
    desk.flat_bar(p=0.56)
    assert [contracts for contracts, _ in desk.stops] == [1]
    assert desk.state.book.records[second.stop_id].state is OrderState.CANCELLED


def test_a_flip_is_a_close_and_an_entry():
    desk = Desk()
    desk.flat_bar(p=0.75)
    flip = desk.flat_bar(p=0.25)
    assert [(o.role, o.side, o.contracts) for o in flip.orders] == [(Role.EXIT, -1, 5), (Role.ENTRY, -1, 5)]
    assert flip.reason.startswith("Flip to short 5")
    desk.flat_bar(p=0.25)
    assert desk.position == -5
    assert desk.stops == [(5, PRICE - SLIP + STOP_TICKS)]
    assert len(desk.events(ev.TradeClosed)) == 1


def test_a_stop_that_is_faster_than_the_exit_in_flight_ends_flat():
    desk = Desk(matching=MatchingParameters(delay_bars=1))
    desk.flat_bar(p=0.75)
    desk.flat_bar()
    desk.flat_bar()
    assert [o.role for o in desk.flat_bar(p=0.5).orders] == [Role.EXIT]
    low = PRICE - 2 * STOP_TICKS
    desk.bar(PRICE, PRICE, low, low)
    exit_order = desk.intents[-1]
    assert (desk.position, exit_order.role) == (0, Role.EXIT)
    assert desk.state.book.records[exit_order.order_id].state is OrderState.CANCELLED
    for _ in range(3):
        desk.flat_bar(low)
    assert desk.position == 0
    assert [fill.role for fill in desk.fills] == [Role.ENTRY, Role.STOP]


def test_flattening_twice_sends_one_order():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    desk.command("flatten", seconds=1)
    desk.command("flatten", seconds=2)
    assert [order.role for order in desk.intents].count(Role.FLATTEN) == 1
    (intervention,) = desk.events(ev.Intervention)
    assert (intervention.action, intervention.who) == (Action.FLATTEN, "anna")
    desk.price(PRICE + 4, seconds=3)
    assert (desk.position, desk.fills[-1].price_ticks) == (0, PRICE + 4 - SLIP)
    assert desk.flat_bar(p=0.75).reason == "flattened by anna: flatten, please"


def test_flattening_beside_an_exit_in_flight_sends_nothing_more():
    desk = Desk(matching=MatchingParameters(delay_bars=1))
    desk.flat_bar(p=0.75)
    desk.flat_bar()
    desk.flat_bar()
    desk.flat_bar(p=0.5)
    desk.command("halt")
    assert [order.role for order in desk.intents] == [Role.ENTRY, Role.EXIT]
    assert desk.flat_bar().orders == ()
    desk.flat_bar()
    assert desk.position == 0


def test_an_entry_in_flight_is_taken_back_by_a_halt():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.command("halt")
    desk.flat_bar(p=0.75)
    assert desk.fills == []
    assert desk.state.book.records[desk.intents[0].order_id].state is OrderState.CANCELLED


def test_nothing_is_sent_while_an_order_works():
    desk = Desk(matching=MatchingParameters(delay_bars=2))
    desk.flat_bar(p=0.75)
    waiting = desk.flat_bar(p=0.75)
    assert (waiting.orders, waiting.outcome) == ((), Outcome.BLOCKED)
    assert waiting.reason == "Target +5, but an order is still working."


def test_auto_trading_off_sends_nothing_but_still_shrinks():
    desk = Desk(cash_cents=ADDING_CENTS)
    desk.flat_bar(p=0.66)
    desk.flat_bar(p=0.66)
    off = settings_with(auto_trading=False)
    desk.engine.activate_settings(off)
    more = desk.flat_bar(p=0.75)
    assert (more.target, more.orders) == (4, ())
    assert "not sent, because auto_trading is off" in more.reason
    assert [(o.role, o.contracts) for o in desk.flat_bar(p=0.56).orders] == [(Role.REDUCE, 1)]
    flip = desk.flat_bar(p=0.25)
    assert [o.role for o in flip.orders] == [Role.EXIT]
    desk.flat_bar(p=0.25)
    assert desk.flat_bar(p=0.25).orders == ()
    assert desk.position == 0


def test_micros_are_ordered_and_filled_on_the_signals_bars_and_prices():
    desk = Desk(settings_with(order_symbol=MICRO))
    decision = desk.flat_bar(p=0.75)
    assert {order.symbol for order in decision.orders} == {MICRO} == {decision.symbol, decision.recommendation.symbol}
    desk.price(PRICE + 3)
    assert [(fill.symbol, fill.price_ticks) for fill in desk.fills] == [(MICRO, PRICE + 3 + SLIP)]
    assert desk.flat_bar(PRICE + 3, p=0.75).position_before == 5
    desk.price(PRICE + 3 + SLIP - STOP_TICKS)
    assert desk.position == 0


def test_a_position_in_the_old_contract_is_closed_when_another_is_traded():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    desk.engine.activate_settings(settings_with(order_symbol=MICRO))
    assert (desk.intents[-1].symbol, desk.intents[-1].role) == (SYMBOL, Role.FLATTEN)
    desk.price(PRICE)
    assert desk.position == 0


def test_every_intent_is_journaled_before_the_venue_says_anything_of_it():
    desk = Desk(cash_cents=ADDING_CENTS)
    for p in (0.66, 0.75, 0.67, 0.25, 0.75, 0.5):
        desk.flat_bar(p=p)
    intended = set()
    for event in desk.events(ev.OrderIntended, ev.VenueReported, ev.OrderFilled):
        match event:
            case ev.OrderIntended(order=order):
                intended |= {order.order_id, order.stop_id}
            case ev.VenueReported(report=report):
                assert report.order_id in intended
            case ev.OrderFilled(fill=fill):
                assert fill.order_id in intended
    assert len(desk.fills) > 5
