"""The Sierra Chart venue against a server, a network and neighbours that misbehave."""

import multiprocessing
import time

import msgspec
import pytest
from sierra_running import (
    PRICE,
    STOP,
    SYMBOL,
    TICKS,
    Broker,
    closing,
    entry,
    protection,
    ready,
    trading_with,
    venue_of,
)

from minhos.accounting.types import Fill, Role
from minhos.dtc import messages as m
from minhos.dtc.faults import Faults
from minhos.market.types import Price
from minhos.testing.builders import MNQ, NQ
from minhos.trading.venue import OrderStatus, Survey
from minhos.venues.order_gate import OrderGate

UPDATES = frozenset({m.OrderUpdate.TYPE})
SHORT = {"request_timeout_s": 0.3}
STOP_PRICE = PRICE - MNQ.to_points(STOP)


@pytest.fixture
def broker():
    broker = Broker()
    yield broker
    broker.close()


@pytest.mark.parametrize(
    "faults",
    [
        Faults(duplicate=UPDATES),
        Faults(split_bytes=7),
        Faults(unknown_messages=True),
        Faults(shorter_by=4),
        Faults(longer_by=8),
        Faults(delay=UPDATES, delay_s=0.01),
    ],
)
def test_messages_twice_late_in_pieces_or_of_another_size_change_nothing(tmp_path, faults):
    with ready(tmp_path, faults) as (trading, broker):
        trading.enter()
        trading.venue.submit(closing(), 0)
        trading.wait_filled("X1", 2)
        trading.ask()
        assert (broker.held(), broker.live(), trading.held) == (0, {}, 0)
        assert trading.no_fill_twice()


def test_messages_out_of_order_lose_no_fill(tmp_path):
    with ready(tmp_path, Faults(reorder=UPDATES, partial_fills=True), client={"heartbeat_interval_s": 1}) as (
        trading,
        broker,
    ):
        trading.venue.submit(entry(contracts=2), 0)
        trading.wait_filled("E1", 2)
        trading.wait(lambda: any(order.order_id == "E1-S" for order in trading.ask().orders), "the stop in a survey")
        assert trading.no_fill_twice()
        assert broker.positions() == [1, 2]


def drop_fills(broker):
    """Let the messages of fills get lost from here on."""
    publish = broker.server.publish

    def lossy(message, symbol=""):
        if not (isinstance(message, m.OrderUpdate) and message.last_fill_quantity):
            publish(message, symbol)

    broker.backend.open(lossy)
    broker.server.publish = lossy
    for session in broker.server._sessions:
        session._procedures._publish = lossy


def test_a_lost_fill_is_found_in_a_survey(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        broker.call(drop_fills, broker)
        broker.move(STOP_PRICE)
        survey = trading.wait(lambda: [s for s in trading.of(Survey) if not s.positions and s.fills], "a survey")[-1]
        stop = survey.fills[-1].fill
        assert (stop.order_id, stop.role, stop.parent_id, stop.contracts) == ("E1-S", Role.STOP, "E1", 2)


def test_an_exit_after_a_lost_fill_of_the_stop_is_not_sent(tmp_path):
    with ready(tmp_path, **SHORT) as (trading, broker):
        trading.enter()
        broker.call(drop_fills, broker)
        broker.move(STOP_PRICE)
        trading.venue.submit(closing(), 0)
        trading.wait(lambda: trading.reports("X1"), "the end of the exit")
        assert trading.statuses("X1") in ([OrderStatus.REJECTED], [OrderStatus.CANCELLED])
        assert broker.positions() == [2, 0]


def mute(broker):
    """What becomes of orders is told to nobody any more; what is asked is answered."""
    for session in broker.server._sessions:
        session._procedures._publish = lambda *_: None


def test_an_order_that_is_not_answered_is_unknown_and_the_broker_is_asked(tmp_path):
    with ready(tmp_path, **SHORT) as (trading, broker):
        broker.trade = lambda requests: []
        before = len(trading.of(Survey))
        trading.venue.submit(entry(), 0)
        assert "not sent again" in trading.wait_status("E1", OrderStatus.UNKNOWN).reason
        survey = trading.wait(lambda: trading.of(Survey)[before:], "a survey")[0]
        assert (survey.orders, survey.fills, survey.quiet) == ((), (), True)
        assert len(broker.sent(m.SubmitNewOCOOrder)) == 1


def test_an_unknown_order_that_the_broker_lists_is_known_again(tmp_path):
    with ready(tmp_path, **SHORT) as (trading, broker):
        broker.call(mute, broker)
        trading.venue.submit(entry(), 0)
        trading.wait_status("E1", OrderStatus.UNKNOWN)
        survey = trading.wait(lambda: [s for s in trading.of(Survey) if s.fills], "a survey with the fill")[-1]
        assert survey.fills[0].fill.order_id == "E1"  # known by its stop's parent
        assert trading.wait_status("E1-S", OrderStatus.ACCEPTED).order.trigger_ticks == TICKS - STOP


def test_a_target_that_outlives_its_stop_is_taken_back(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        stop, target = broker.live()["E1-S"], broker.live()["E1-S-T"]
        stop.sibling = target.sibling = ""
        broker.move(STOP_PRICE)
        trading.wait_held(0)
        trading.wait(lambda: trading.ask() and not broker.live(), "the end of the target")
        assert (trading.held, broker.positions()[-1], broker.live()) == (0, 0, {})


def test_a_refused_order_is_told_in_the_brokers_words(tmp_path):
    with ready(tmp_path, Faults(reject_orders="Margin is not sufficient.")) as (trading, _):
        trading.venue.submit(entry(), 0)
        assert trading.wait_status("E1", OrderStatus.REJECTED).reason == "Margin is not sufficient."


def refuse_cancels(broker, kinds=(m.CancelOrder, m.CancelReplaceOrder)):
    """The broker refuses to cancel and to change."""
    trade = broker.trade

    def refusing(requests):
        first = requests[0]
        if not isinstance(first, kinds):
            return trade(requests)
        order = broker.backend.orders[first.server_order_id]
        return [order.update(9 if isinstance(first, m.CancelOrder) else 10, "The exchange is closed.")]

    broker.trade = refusing


def test_an_exit_whose_stop_cannot_be_cancelled_is_not_sent(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        refuse_cancels(broker)
        trading.venue.submit(closing(), 0)
        reason = trading.wait_status("X1", OrderStatus.REJECTED).reason
        assert "The exchange is closed." in reason
        assert (broker.held(), sorted(broker.live())) == (2, ["E1-S", "E1-S-T"])
        assert OrderStatus.CANCEL_REJECTED in trading.statuses("E1-S")


def test_an_exit_whose_cancel_is_not_answered_is_not_sent(tmp_path):
    with ready(tmp_path, **SHORT) as (trading, broker):
        trading.enter()
        broker.trade = lambda requests: []
        trading.venue.submit(closing(), 0)
        trading.wait_status("X1", OrderStatus.REJECTED)
        assert OrderStatus.UNKNOWN in trading.statuses("E1-S")
        assert len(broker.sent(m.SubmitNewSingleOrder)) == 1


def test_a_lost_connection_is_told_and_a_survey_follows_the_next(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        broker.shut()
        trading.wait_reason("connection to Sierra Chart is lost")
        trading.venue.submit(entry("E2"), 0)
        assert "Nothing was sent" in trading.wait_status("E2", OrderStatus.REJECTED).reason
        before = len(trading.of(Survey))
        broker.open()
        trading.wait_ready()
        survey = trading.of(Survey)[before]
        assert survey.positions == {"MNQZ25": 2}
        assert {order.order_id: order.is_stop for order in survey.orders} == {"E1-S": True, "E1-S-T": False}


def test_a_connection_lost_in_the_middle_of_an_order_leaves_it_unknown(tmp_path):
    with ready(tmp_path) as (trading, broker):
        broker.before_trade = lambda _: broker.server.disconnect_all()
        trading.venue.submit(entry(), 0)
        trading.wait_status("E1", OrderStatus.UNKNOWN)
        trading.wait_ready()
        assert len(broker.sent(m.SubmitNewOCOOrder)) <= 1


def test_after_a_restart_the_stops_are_taken_up_and_an_exit_takes_them_back(tmp_path, broker):
    with trading_with(broker, tmp_path) as first:
        first.wait_ready()
        first.enter("E1", 2)
        first.enter("E2", 1)
        numbers = {report.venue_id: report.order_id for report in first.news if getattr(report, "venue_id", "")}
        stops = [(first.reports(name)[-1].order, size) for name, size in (("E1-S", 2), ("E2-S", 1))]
    venue = venue_of(broker.port, tmp_path)
    venue.on_price(Price("MNQZ25", 0, TICKS))
    venue.know(numbers)
    venue.adopt(stops, {"MNQZ25": 3})
    with trading_with(broker, tmp_path, venue=venue) as second:
        second.wait_ready()
        assert {v.fill.order_id for v in second.of(Survey)[0].fills} == {"E1", "E2"}
        second.venue.submit(closing(contracts=3), 0)
        second.wait_filled("X1", 3)
        assert (broker.held(), broker.live()) == (0, {})


def test_a_target_that_fills_after_a_restart_closes_the_lot_of_its_stop(tmp_path, broker):
    with trading_with(broker, tmp_path) as first:
        first.wait_ready()
        first.enter()
        stop = first.reports("E1-S")[-1].order
    venue = venue_of(broker.port, tmp_path)
    venue.adopt([(stop, 2)], {"MNQZ25": 2})
    with trading_with(broker, tmp_path, venue=venue) as second:
        second.wait_ready()
        broker.move(PRICE + 300.0)
        second.wait_status("E1-S", OrderStatus.CANCELLED)
        (fill,) = second.of(Fill)
        assert (fill.order_id, fill.role, fill.parent_id) == ("E1-S-T", Role.EXIT, "E1")


# What is refused in words -----------------------------------------------------------------------------------------


def refused(folder, broker, text, **changes):
    try:
        with trading_with(broker, folder, **changes) as trading:
            reason = trading.wait_reason(text)
            trading.venue.submit(entry(), 0)
            trading.wait_status("E1", OrderStatus.REJECTED)
            assert broker.sent(m.SubmitNewSingleOrder) == []
            return reason
    finally:
        broker.close()


def test_a_wrong_password(tmp_path):
    reason = refused(tmp_path, Broker(Faults(user="me", password="right")), "Wrong username or password")
    assert "right" not in reason, "no password in a sentence"


def test_a_wrong_password_that_is_final_is_not_tried_again(tmp_path):
    reason = refused(tmp_path, Broker(Faults(user="me", password="right", logon_final=True)), "not to be called again")
    assert "Wrong username or password" in reason


def test_trading_that_is_not_allowed(tmp_path):
    assert "DTC" in refused(tmp_path, Broker(Faults(trading_disabled=True)), "Allow Trading")


def test_an_account_that_is_not_there(tmp_path):
    reason = refused(tmp_path, Broker(), "no trade account '120005'", account="120005")
    assert "(it has Sim1, Sim2)" in reason


def test_a_symbol_that_is_not_there(tmp_path):
    reason = refused(tmp_path, Broker(prices={"ESZ25-CME": 6_000.0}), "no symbol for MNQZ25")
    assert "tried MNQZ25-CME, MNQZ25_FUT_CME, MNQZ5.CME" in reason


def test_a_symbol_of_another_tick(tmp_path):
    coarse = msgspec.structs.replace(MNQ, tick_size=1.0)
    assert "MNQZ25" in refused(tmp_path, Broker(), "ticks of 0.25", instruments={"MNQZ25": coarse})


def test_nobody_listens(tmp_path):
    broker = Broker()
    broker.shut()
    assert str(broker.port) in refused(tmp_path, broker, "is it running and enabled")


@pytest.mark.parametrize("symbol", ["MNQZ25_FUT_CME", "MNQZ5.CME", "my own MNQ"])
def test_the_brokers_own_name_of_a_contract_is_found(tmp_path, symbol):
    broker = Broker(prices={symbol: PRICE})
    with ready(tmp_path, broker=broker, broker_symbols={"MNQZ25": "my own MNQ"}) as (trading, _):
        trading.enter()
        assert broker.held(symbol) == 2


def test_a_contract_added_later_is_traded(tmp_path):
    broker = Broker(prices={SYMBOL: PRICE, "NQZ25-CME": PRICE})
    with ready(tmp_path, broker=broker) as (trading, _):
        trading.venue.add_instrument("NQZ25", NQ)
        trading.venue.on_price(Price("NQZ25", 0, TICKS))
        trading.ask()
        trading.venue.submit(entry(symbol="NQZ25"), 0)
        trading.wait_filled("E1", 2)
        assert broker.held("NQZ25-CME") == 2


def test_an_entry_without_a_known_price_is_not_sent(tmp_path):
    with ready(tmp_path, price=0) as (trading, _):
        trading.venue.submit(entry(), 0)
        assert "No price" in trading.wait_status("E1", OrderStatus.REJECTED).reason


def test_prices_a_hundred_times_off_end_readiness(tmp_path):
    """A server that keeps points times 100 and does not say so."""
    with ready(tmp_path, broker=Broker(prices={SYMBOL: 100 * PRICE})) as (trading, broker):
        trading.venue.submit(entry(), 0)
        trading.wait_reason("100 times off")
        trading.venue.submit(entry("E2"), 0)
        trading.wait_status("E2", OrderStatus.REJECTED)
        assert "E2" not in [order.client_order_id for order in broker.sent(m.SubmitNewSingleOrder)]


def test_a_stop_a_hundred_times_off_is_not_sent(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        trading.venue.submit(protection(trigger=100 * TICKS), 0)
        assert "100 times off" in trading.wait_status("P1", OrderStatus.REJECTED).reason
        assert broker.sent(m.SubmitNewSingleOrder)[-1].client_order_id == "E1"


def test_the_brokers_daily_loss_limit_is_read(tmp_path, broker):
    query = broker.backend.query

    def with_limit(request):
        rows = query(request)
        if isinstance(request, m.AccountBalanceRequest):
            rows = [msgspec.structs.replace(row, daily_net_loss_limit=2_500.0) for row in rows]
        return rows

    broker.backend.query = with_limit
    with trading_with(broker, tmp_path) as trading:
        trading.wait_ready()
        assert trading.status.loss_limit_cents == 250_000


def test_data_flagged_as_delayed_are_not_traded_but_a_position_can_be_closed(tmp_path, broker):
    with trading_with(broker, tmp_path) as trading:
        trading.wait_ready()
        trading.enter()
        define = broker.backend._definition
        broker.backend._definition = lambda symbol: msgspec.structs.replace(define(symbol), is_delayed=1)
        broker.call(broker.server.disconnect_all)
        trading.wait_reason("delayed")
        trading.venue.submit(entry("E2"), 0)
        trading.wait_status("E2", OrderStatus.REJECTED)
        trading.venue.submit(closing(), 0)
        trading.wait_filled("X1", 2)
        assert broker.held() == 0


# The gate and the HALT file ---------------------------------------------------------------------------------------


def test_no_entry_while_the_halt_file_exists_but_an_exit(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        (tmp_path / "HALT").touch()
        trading.venue.submit(entry("E2"), 0)
        assert "HALT" in trading.wait_status("E2", OrderStatus.REJECTED).reason
        trading.venue.submit(closing(), 0)
        trading.wait_filled("X1", 2)
        assert broker.held() == 0


def hold_gate(path, held, release):
    with OrderGate(path).hold(5.0):
        held.set()
        release.wait(30.0)


def test_no_order_while_another_process_holds_the_gate(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    held, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold_gate, args=(tmp_path / "orders.lock", held, release))
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        other.start()
        try:
            assert held.wait(30.0)
            trading.venue.submit(closing("X1"), 0)
            assert "nothing was sent" in trading.wait_status("X1", OrderStatus.REJECTED).reason
            assert broker.held() == 2
        finally:
            release.set()
            other.join(10.0)
        trading.venue.submit(closing("X2"), 0)
        trading.wait_filled("X2", 2)


def test_heartbeats_go_on_while_an_exit_waits(tmp_path):
    """The order's own time-out is longer than two heartbeats of one second."""
    with ready(tmp_path, client={"heartbeat_interval_s": 1}, request_timeout_s=2.5) as (trading, broker):
        trading.enter()
        trade = broker.trade
        broker.trade = lambda requests: []
        started = time.perf_counter()
        trading.venue.submit(closing(), 0)
        trading.wait_status("X1", OrderStatus.REJECTED)
        assert time.perf_counter() - started > 2.0
        assert broker.server.n_sessions == 1
        broker.trade = trade


def test_after_the_end_nothing_is_accepted(tmp_path, broker):
    venue = venue_of(broker.port, tmp_path)
    with trading_with(broker, tmp_path, venue=venue) as trading:
        trading.wait_ready()
    (report,) = venue.submit(entry(), 0)
    assert report.status is OrderStatus.REJECTED
