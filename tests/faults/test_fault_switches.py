"""Every fault of a server, with an engine, its journal and the venue before it: what happens is written in OUTCOMES.

After each one a broker without faults takes over the same books, and both sides must agree in everything.
"""

import pytest
from faults_house import House

import minhos.dtc.messages as m
from minhos.bench.faults.check import Findings
from minhos.dtc.faults import Faults
from minhos.trading import events as ev
from minhos.trading.venue import OrderStatus

UPDATE, POSITION, FILL = m.OrderUpdate.TYPE, m.PositionUpdate.TYPE, m.HistoricalOrderFillResponse.TYPE
HOUR_NS = 3_600 * 10**9

OUTCOMES = {
    "drop": "the order is UNKNOWN, never sent again, and nothing is added until the broker has told of it",
    "delay": "the late answer is the answer: one order, one position, one stop",
    "duplicate": "each fill counts once, by its execution id",
    "reorder": "the updates mean the same in another order",
    "split bytes": "messages are put together again from pieces of three bytes",
    "wrong id": "an answer to nobody is no answer: the account counts as not compared, and nothing is sent",
    "reject": "the entry is rejected with the broker's words, nothing is held, and the next bar may try again",
    "disconnect mid-message": "the order is UNKNOWN over every reconnection and its stop rests at the broker",
    "silent peer": "nothing was compared, so nothing is sent",
    "clock jump": "ids join orders and fills, not clocks; while the clock is behind the last bar nothing is added",
}
WORKS_ON = {
    "delay": Faults(delay=frozenset({UPDATE, POSITION}), delay_s=0.05),
    "duplicate": Faults(duplicate=frozenset({UPDATE, POSITION, FILL})),
    "reorder": Faults(reorder=frozenset({UPDATE})),
    "split bytes": Faults(split_bytes=3),
}
SENDS_NOTHING = {
    "wrong id": Faults(wrong_request_id=frozenset({POSITION})),
    "silent peer": Faults(silent_after_logon=True),
}
LEAVES_UNKNOWN = {
    "drop": Faults(drop=frozenset({UPDATE})),
    "disconnect mid-message": Faults(disconnect_within=frozenset({UPDATE})),
}


@pytest.fixture
def house(tmp_path):
    opened = []

    def build(faults):
        opened.append(House(tmp_path, faults))
        return opened[-1]

    yield build
    for each in opened:
        each.close()


def heals(here, position):
    """With a broker that behaves both sides agree, and the trader trades on."""
    here.heal()
    here.reach(position)
    here.want(1)
    here.reach(1)
    assert here.differs() == Findings()
    assert len(set(here.sent)) == len(here.sent)


@pytest.mark.parametrize("switch", WORKS_ON)
def test_trading_goes_on(house, switch):
    here = house(WORKS_ON[switch])
    here.until(lambda s: s.is_settled)
    for target in (2, 3, 1, -2, 0):
        here.want(target)
        here.reach(target)
    assert here.differs() == Findings(), OUTCOMES[switch]
    heals(here, 0)


@pytest.mark.parametrize("switch", SENDS_NOTHING)
def test_nothing_is_sent(house, switch):
    here = house(SENDS_NOTHING[switch])
    here.run_for(1.0)
    here.want(2)
    here.run_for(0.5)
    assert here.trader.standing().trouble
    assert here.sent == [], OUTCOMES[switch]
    heals(here, 0)


@pytest.mark.parametrize("switch", LEAVES_UNKNOWN)
def test_an_order_without_an_answer_is_unknown_and_not_sent_again(house, switch):
    """The broker misbehaves from the entry on: until then its lists had to be read."""
    here = house(Faults())
    here.until(lambda s: s.is_settled)
    here.broker.misbehave(LEAVES_UNKNOWN[switch])
    here.want(2)
    here.until(lambda s: s.unknown)
    here.want(4)
    here.run_for(1.0)
    assert here.trader.standing().trouble
    assert len(here.sent) == 1, OUTCOMES[switch]
    resting = [order.remaining for order in here.books.orders.values() if order.is_live]
    assert (here.position, resting) == (2, [2, 2]), "its stop and its target rest"
    heals(here, 2)


def test_a_rejected_order_leaves_nothing_behind(house):
    here = house(Faults(reject_orders="Trading is locked for this account."))
    here.until(lambda s: s.is_settled)
    here.want(2)
    here.until(lambda s: s.is_settled)
    reports = [event.report for event in here.events if isinstance(event, ev.VenueReported)]
    rejected = [report.reason for report in reports if report.status is OrderStatus.REJECTED]
    assert any("Trading is locked for this account." in reason for reason in rejected), OUTCOMES["reject"]
    assert (here.sent, here.trader.standing().position) == ([], 0)
    heals(here, 0)


def test_a_clock_that_leaps_ahead_loses_no_order(house):
    here = house(Faults())
    here.until(lambda s: s.is_settled)
    here.want(2)
    here.reach(2)
    here.trader.obey("jump", HOUR_NS)
    for target in (3, 1, 0):
        here.want(target)
        here.reach(target)
    assert here.differs() == Findings(), OUTCOMES["clock jump"]
    heals(here, 0)


def test_a_clock_that_falls_back_adds_nothing_and_closes_what_is_held(house):
    here = house(Faults())
    here.until(lambda s: s.is_settled)
    here.want(2)
    here.reach(2)
    here.trader.obey("jump", -HOUR_NS)
    here.want(3)
    here.run_for(0.5)
    assert here.position == 2, OUTCOMES["clock jump"]
    here.trader.obey("flatten")
    here.reach(0)
    assert here.differs() == Findings()
    here.trader.obey("jump", HOUR_NS)
    heals(here, 0)


def test_every_switch_has_its_outcome_and_its_test():
    tested = {*WORKS_ON, *SENDS_NOTHING, *LEAVES_UNKNOWN, "reject", "clock jump"}
    assert tested == set(OUTCOMES)
