"""What a contract is called and worth at the broker, and a server that ends the session for good."""

import asyncio

import pytest
from sierra_running import CONTRACT, PRICE, SYMBOL, Broker, ready, trading_with, venue_of

from minhos.dtc import messages as m
from minhos.dtc.messages.enums import BuySell, OrderType
from minhos.dtc.simulated import SimulatedBackend
from minhos.testing.builders import MNQ, NQ
from minhos.venues.sierra.book import SierraBook
from minhos.venues.sierra.wire import Route

OTHER_FORM = f"{CONTRACT}_FUT_CME"


@pytest.mark.parametrize(
    ("worth", "ready_there"), [(MNQ.tick_value_cents / 100, True), (0.0, True), (NQ.tick_value_cents / 100, False)]
)
def test_a_symbol_whose_tick_is_worth_something_else_is_another_contract(tmp_path, worth, ready_there):
    broker = Broker(backend=SimulatedBackend({SYMBOL: PRICE}, tick_values={SYMBOL: worth}))
    try:
        with trading_with(broker, tmp_path) as trading:
            if ready_there:
                trading.wait_ready()
            else:
                assert "worth 5 at Sierra Chart and 0.5 here" in trading.wait_reason(f"A tick of {SYMBOL}")
    finally:
        broker.close()


def session_runs(trading):
    """Whether the venue still has a task that connects."""
    tasks = asyncio.all_tasks(trading.venue._loop)
    return any(task.get_coro().__qualname__ == "SierraSession.run" for task in tasks)


def test_a_logoff_in_mid_session_that_asks_not_to_reconnect_is_final(tmp_path):
    with ready(tmp_path) as (trading, broker):
        broker.wait_for(broker.server.close("Logged in elsewhere", do_not_reconnect=True))
        broker.open()
        reason = trading.wait_reason("asked not to be called again")
        assert "Logged in elsewhere. It asked" in reason
        assert "start the trader again" in reason
        trading.wait(lambda: not session_runs(trading), "the end of the trying")
        assert not trading.status.ready


def test_a_trade_by_hand_under_another_form_of_the_contracts_name_is_seen(tmp_path):
    backend = SimulatedBackend({SYMBOL: PRICE, OTHER_FORM: PRICE})
    with ready(tmp_path, broker=Broker(backend=backend)) as (trading, broker):
        by_hand = m.SubmitNewSingleOrder(
            symbol=OTHER_FORM,
            trade_account="Sim1",
            client_order_id="hand",
            order_type=int(OrderType.MARKET),
            buy_sell=int(BuySell.BUY),
            quantity=3.0,
        )
        for update in broker.call(lambda: list(broker.trade([by_hand]))):
            broker.call(backend._publish, update, "")
        trading.wait_held(3)
        assert trading.ask().positions == {CONTRACT: 3}


@pytest.mark.parametrize(
    ("symbol", "contract"),
    [
        (SYMBOL, CONTRACT),
        (OTHER_FORM, CONTRACT),
        (f"{CONTRACT[:-2]}5.CME", CONTRACT),
        (CONTRACT, CONTRACT),
        ("NQZ25-CME", ""),
        ("MNQH26-CME", ""),
        ("X.CUSTOM", ""),
        ("", ""),
    ],
)
def test_every_form_of_a_contracts_name_means_the_contract(symbol, contract):
    book = SierraBook("Sim1")
    book.routes[CONTRACT] = Route(CONTRACT, SYMBOL, "Sim1", MNQ)
    assert book.contract_of(symbol) == contract


@pytest.mark.parametrize(("legs", "targets"), [("stop_and_target", True), ("stop", False)])
def test_the_venue_says_whether_its_brackets_carry_a_target(tmp_path, legs, targets):
    assert venue_of(0, tmp_path, legs=legs).targets is targets
