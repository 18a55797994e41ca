"""The Sierra Chart venue against a DTC server that behaves: what goes over the wire, and what the trader is told."""

import pytest
from sierra_running import (
    CONTRACT,
    PRICE,
    STOP,
    SYMBOL,
    TICKS,
    Broker,
    closing,
    entry,
    protection,
    ready,
    stop_contracts,
)

from minhos.accounting.types import Fill, Order, Role
from minhos.dtc import messages as m
from minhos.dtc.faults import Faults
from minhos.dtc.messages.enums import BuySell, OrderType, TimeInForce
from minhos.testing.builders import MNQ
from minhos.trading.venue import OrderStatus

STOP_PRICE = PRICE - MNQ.to_points(STOP)
TARGET_PRICE = PRICE + MNQ.to_points(round(STOP * 20.0 / 3.0))


def test_an_entry_is_a_bracket_whose_stop_and_target_lie_at_their_distance_from_the_fill(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        (parent,), (legs,) = broker.sent(m.SubmitNewSingleOrder), broker.sent(m.SubmitNewOCOOrder)
        assert (parent.is_parent_order, parent.price1, parent.is_automated_order) == (1, PRICE, 1)
        assert (legs.use_offsets, legs.time_in_force) == (1, TimeInForce.GOOD_TILL_CANCELED)
        assert {name: order.price1 for name, order in broker.live().items()} == {
            "E1-S": STOP_PRICE,
            "E1-S-T": TARGET_PRICE,
        }


def test_the_stop_that_the_broker_attached_is_told_with_its_terms(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter(side=-1)
        (accepted,) = trading.reports("E1-S")
        assert accepted.order == Order(
            "E1-S", CONTRACT, 1, 2, Role.STOP, "stop", trigger_ticks=TICKS + STOP, parent_id="E1"
        )
        assert accepted.venue_id == broker.live()["E1-S"].server_order_id
        assert not trading.reports("E1-S-T")


def test_a_fill_bears_the_brokers_execution_and_our_commission(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        (fill,) = trading.of(Fill)
        assert fill.fill_id == broker.backend.fills[0].unique_execution_id
        assert (fill.price_ticks, fill.commission_cents) == (TICKS, 2 * MNQ.commission_cents)


def test_the_stop_grows_with_every_partial_fill(tmp_path):
    with ready(tmp_path, Faults(partial_fills=True)) as (trading, _):
        trading.enter(contracts=3)
        assert [fill.contracts for fill in trading.of(Fill)] == [1, 2]
        told = [(report.status, report.order.contracts) for report in trading.reports("E1-S")]
        assert told == [(OrderStatus.ACCEPTED, 1), (OrderStatus.RESIZED, 3)]


def test_a_stop_that_is_hit_closes_its_lot_and_takes_its_target_with_it(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        broker.move(STOP_PRICE)
        trading.wait_held(0)
        fill = trading.of(Fill)[-1]
        assert (fill.order_id, fill.role, fill.parent_id) == ("E1-S", Role.STOP, "E1")
        assert broker.live() == {}


def test_a_target_that_is_hit_closes_its_lot_and_its_stop_is_cancelled(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        broker.move(TARGET_PRICE)
        trading.wait_status("E1-S", OrderStatus.CANCELLED)
        fill = trading.of(Fill)[-1]
        assert (fill.order_id, fill.role, fill.parent_id, fill.side) == ("E1-S-T", Role.EXIT, "E1", -1)


@pytest.mark.parametrize("side", [1, -1])
def test_an_exit_is_sent_when_the_stops_are_gone(tmp_path, side):
    with ready(tmp_path) as (trading, broker):
        trading.enter(side=side)
        resting = []
        broker.before_trade = lambda requests: resting.append((type(requests[0]), sorted(broker.live())))
        trading.venue.submit(closing(side=-side), 0)
        trading.wait_held(0)
        assert resting[-1] == (m.SubmitNewSingleOrder, [])
        assert trading.statuses("X1") == [OrderStatus.ACCEPTED]
        assert trading.statuses("E1-S")[-1] is OrderStatus.CANCELLED


def test_a_reduction_closes_the_newest_lot_first(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter("E1", 2)
        trading.enter("E2", 2)
        trading.venue.submit(closing(contracts=3, role=Role.REDUCE), 0)
        trading.wait_held(1)
        assert {name: order.quantity for name, order in broker.live().items()} == {"E1-S": 1, "E1-S-T": 1}
        assert stop_contracts(trading, "E1-S") == 1
        assert trading.statuses("E2-S")[-1] is OrderStatus.CANCELLED


def test_a_stop_and_its_target_are_resized_together(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter(contracts=3)
        trading.venue.resize("E1-S", 1, 0)
        trading.wait_status("E1-S", OrderStatus.RESIZED)
        assert {order.quantity for order in broker.live().values()} == {1}
        assert broker.live()["E1-S"].price1 == STOP_PRICE


def test_a_stop_and_its_target_are_cancelled_together(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        trading.venue.cancel("E1-S", 0)
        trading.wait_status("E1-S", OrderStatus.CANCELLED)
        assert broker.live() == {}


def test_a_replacement_has_another_number_and_is_cancelled_by_it(tmp_path):
    with ready(tmp_path, Faults(new_id_on_replace=True)) as (trading, broker):
        trading.enter(contracts=3)
        first = trading.reports("E1-S")[-1].venue_id
        trading.venue.resize("E1-S", 2, 0)
        second = trading.wait_status("E1-S", OrderStatus.RESIZED).venue_id
        assert first != second == broker.live()["E1-S"].server_order_id
        trading.venue.submit(closing(contracts=3), 0)
        trading.wait_held(0)
        assert (broker.held(), broker.live()) == (0, {})


def test_a_stop_alone_rests_until_it_is_cancelled(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        trading.venue.cancel("E1-S", 0)
        trading.venue.submit(protection(), 0)
        trading.wait_status("P1", OrderStatus.ACCEPTED)
        (sent,) = [order for order in broker.sent(m.SubmitNewSingleOrder) if order.client_order_id == "P1"]
        assert (sent.order_type, sent.buy_sell, sent.time_in_force, sent.price1) == (
            OrderType.STOP,
            BuySell.SELL,
            TimeInForce.GOOD_TILL_CANCELED,
            STOP_PRICE,
        )
        broker.move(STOP_PRICE)
        trading.wait_held(0)
        assert trading.of(Fill)[-1].parent_id == "E1"


def test_an_exit_takes_back_a_stop_that_rests_alone(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        trading.venue.cancel("E1-S", 0)
        trading.venue.submit(protection(), 0)
        trading.venue.submit(closing(), 0)
        trading.wait_held(0)
        assert (broker.held(), broker.live()) == (0, {})


def test_a_position_without_any_stop_is_closed_too(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        trading.venue.cancel("E1-S", 0)
        trading.venue.submit(closing(role=Role.FLATTEN), 0)
        trading.wait_held(0)
        assert broker.held() == 0


def test_a_bracket_may_carry_the_stop_alone(tmp_path):
    with ready(tmp_path, legs="stop") as (trading, broker):
        trading.enter()
        assert sorted(broker.live()) == ["E1-S"]
        assert broker.sent(m.SubmitNewOCOOrder)[0].quantity_2 == 0.0
        trading.venue.submit(closing(), 0)
        trading.wait_held(0)
        assert broker.live() == {}


def test_orders_in_one_batch_are_carried_out_in_their_order(tmp_path):
    with ready(tmp_path) as (trading, broker):
        for order in (entry("E1", 2), closing("X1", 2), entry("E2", 1, side=-1), closing("X2", 1, side=1)):
            trading.venue.submit(order, 0)
        trading.wait_filled("X2", 1)
        assert [fill.order_id for fill in trading.of(Fill)] == ["E1", "X1", "E2", "X2"]
        assert (broker.held(), broker.live()) == (0, {})


def test_the_same_order_is_sent_once(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        trading.venue.submit(entry(), 0)
        trading.ask()
        assert broker.held() == 2


def test_prices_are_sent_and_read_as_the_server_keeps_them(tmp_path):
    faults = Faults(display_price_multiplier=0.01)
    with ready(tmp_path, broker=Broker(faults, {SYMBOL: 100 * PRICE})) as (trading, broker):
        trading.enter()
        assert broker.live()["E1-S"].price1 == 100 * STOP_PRICE
        assert trading.of(Fill)[0].price_ticks == TICKS
        assert trading.reports("E1-S")[0].order.trigger_ticks == TICKS - STOP


def test_what_a_person_trades_is_told_as_not_ours(tmp_path):
    with ready(tmp_path) as (trading, broker):
        by_hand = m.SubmitNewSingleOrder(SYMBOL, "", "Sim1", "hand-1", 1, 1, quantity=1.0)
        for update in broker.call(lambda: list(broker.trade([by_hand]))):
            broker.call(broker.server.publish, update)
        trading.wait_held(1)
        fill = trading.of(Fill)[0]
        assert (fill.role, fill.order_id[:7]) == (Role.UNKNOWN, "manual-")


def test_other_accounts_and_other_symbols_are_not_ours_to_tell(tmp_path):
    with ready(tmp_path, broker=Broker(prices={SYMBOL: PRICE, "ESZ25-CME": 6_000.0})) as (trading, broker):
        for number, (symbol, account) in enumerate([(SYMBOL, "Sim2"), ("ESZ25-CME", "Sim1")]):
            theirs = m.SubmitNewSingleOrder(symbol, "", account, f"other-{number}", 1, 1, quantity=1.0)
            for update in broker.call(lambda order=theirs: list(broker.trade([order]))):
                broker.call(broker.server.publish, update)
        survey = trading.ask()
        assert (survey.positions, survey.fills, trading.of(Fill)) == ({}, (), [])
