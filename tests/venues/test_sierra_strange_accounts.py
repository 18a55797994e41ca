"""A broker's account as it may look: other symbols, numbers without bounds, fills from before a long weekend."""

from sierra_running import PRICE, SYMBOL, Broker, ready, trading_with

from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.messages.enums import BuySell
from minhos.dtc.simulated import SimulatedBackend
from minhos.trading.venue import Survey
from minhos.venues.sierra import session as sierra_session

ANSWERS = {
    m.CurrentPositionsRequest: m.PositionUpdate,
    m.OpenOrdersRequest: m.OrderUpdate,
    m.HistoricalOrderFillsRequest: m.HistoricalOrderFillResponse,
}


class Account(SimulatedBackend):
    """A broker that answers with further rows; asked: all queries that came."""

    def __init__(self, *more):
        super().__init__({SYMBOL: PRICE})
        self.more, self.asked = more, []

    def query(self, request):
        self.asked.append(request)
        return [*super().query(request), *(row for row in self.more if type(row) is ANSWERS.get(type(request)))]


def fill(symbol=SYMBOL, price=PRICE, quantity=1.0):
    return m.HistoricalOrderFillResponse(
        symbol=symbol,
        server_order_id="7",
        buy_sell=int(BuySell.BUY),
        price=price,
        quantity=quantity,
        unique_execution_id="E7",
        trade_account="Sim1",
    )


def position(symbol=SYMBOL, quantity=1.0, price=PRICE):
    return m.PositionUpdate(symbol=symbol, trade_account="Sim1", quantity=quantity, average_price=price)


def test_rows_in_symbols_that_the_server_does_not_define_do_not_end_the_comparing(tmp_path):
    expired = "MNQU25-CME"
    backend = Account(position(expired, 0.0, 0.0), position("X.CUSTOM", 3.0, 7.0), fill(expired))
    with ready(tmp_path, broker=Broker(backend=backend)) as (trading, _):
        trading.ask()
        survey = trading.ask()
        assert (survey.positions, survey.fills) == ({}, ())
    asked = [each.symbol for each in backend.asked if isinstance(each, m.SecurityDefinitionForSymbolRequest)]
    assert (asked.count("X.CUSTOM"), asked.count(expired)) == (1, 1)


def refusal_of(tmp_path, row):
    """What is said of an account with such a row; once it is gone the account is compared."""
    backend = Account(row)
    broker = Broker(backend=backend)
    try:
        with trading_with(broker, tmp_path) as trading:
            reason = trading.wait_reason("which cannot be")
            assert not trading.of(Survey)
            backend.more = ()
            trading.wait_ready()
            return reason
    finally:
        broker.close()


def test_a_position_that_nobody_can_hold_is_no_account_to_compare_with(tmp_path):
    assert "1e+30 contracts" in refusal_of(tmp_path, position(quantity=1e30))


def test_a_fill_at_a_price_that_cannot_be_is_no_account_to_compare_with(tmp_path):
    assert "a price of 1e+200" in refusal_of(tmp_path, fill(price=1e200))


def test_an_answer_that_nobody_foresaw_does_not_end_the_comparing(tmp_path, monkeypatch):
    broken = [True]
    make = sierra_session.make_survey

    def make_survey(*arguments):
        if broken:
            raise KeyError("unforeseen")
        return make(*arguments)

    monkeypatch.setattr(sierra_session, "make_survey", make_survey)
    broker = Broker()
    try:
        with trading_with(broker, tmp_path) as trading:
            assert "was not understood (KeyError" in trading.wait_reason("not understood")
            broken.clear()
            trading.wait_ready()
    finally:
        broker.close()


def test_after_each_connection_the_fills_of_a_long_weekend_are_asked_for_too(tmp_path):
    backend = Account()
    with ready(tmp_path, broker=Broker(backend=backend)) as (trading, broker):
        trading.ask()
        broker.shut()
        trading.wait_reason("lost")
        broker.open()
        trading.wait_ready()
    days = [each.number_of_days for each in backend.asked if isinstance(each, m.HistoricalOrderFillsRequest)]
    assert days[0] == sierra_session.MISSED_FILL_DAYS >= 5
    assert days.count(sierra_session.MISSED_FILL_DAYS) == 2
    assert sierra_session.FILL_DAYS in days


def test_a_client_that_ends_without_a_word_does_not_look_connected(tmp_path, monkeypatch):
    report, broken = DtcClient._report, []

    def broken_once(self, message):
        if broken:
            raise LookupError(broken.pop())
        report(self, message)

    monkeypatch.setattr(DtcClient, "_report", broken_once)
    with ready(tmp_path, client={"reconnect_first_s": 0.5}) as (trading, broker):
        broken.append("unforeseen")
        broker.call(broker.server.publish, m.PositionUpdate(symbol=SYMBOL, trade_account="Sim1", unsolicited=1))
        trading.wait_reason("has ended")
        trading.wait_ready()
