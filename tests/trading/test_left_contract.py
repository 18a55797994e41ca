"""Orders and positions in a contract that was left for the next one: still asked for, settled, and closed."""

from __future__ import annotations

import msgspec
import pytest
from broker_desk import SURE, BrokerDesk, listed
from trading_desk import CALENDAR, MICRO, STOP_TICKS, SYMBOL, Desk, folded, remembered, settings_with

from minhos.accounting.types import Role
from minhos.errors import DataError
from minhos.market.instruments import instrument
from minhos.market.types import Price
from minhos.processes.left_contracts import LeftContracts
from minhos.settings import parse
from minhos.testing.builders import MNQ, NQ, bar
from minhos.trading import events as ev
from minhos.trading.guard import GUARD_PAUSE_NS
from minhos.trading.order_states import OrderState
from minhos.trading.recovery import restore_snapshot, take_snapshot
from minhos.trading.state import TradingState
from minhos.trading.types import Outcome
from minhos.trading.venue import OrderStatus

ES = instrument("ES")
NEXT = "NQH26"
AFTER_ROLL = msgspec.structs.replace(
    settings_with(), instruments={NEXT: NQ}, signal_symbol=NEXT, order_symbol=NEXT, settings_id="next"
)


def unanswered_entry(desk):
    """An entry that may or may not have reached the broker when the process ends."""
    entry = desk.order_entry()
    desk.say(entry.order_id, OrderStatus.UNKNOWN)
    return entry


def next_bar(desk):
    """The new contract's next bar closes, and an up move is as good as sure."""
    desk.next_bar += 1
    return desk.slice(bar(desk.next_bar, *[80_500] * 4, symbol=NEXT), p=SURE)


@pytest.fixture
def before() -> BrokerDesk:
    return BrokerDesk()


def test_the_venue_is_told_of_the_old_contract_while_something_of_it_is_open(before):
    unanswered_entry(before)
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    assert rolled.venue.instruments == {SYMBOL: NQ, NEXT: NQ}


def test_the_venue_is_not_told_of_an_old_contract_in_which_nothing_is_open(before):
    before.survey()
    before.flat_bar()
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    assert rolled.venue.instruments == {NEXT: NQ}


def test_an_unanswered_order_in_the_old_contract_stops_new_risk_until_its_fill_was_found(before):
    entry = unanswered_entry(before)
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    decision = next_bar(rolled)
    assert decision.outcome is Outcome.BLOCKED
    rolled.survey(times=1, quiet=False)
    assert "the broker has not answered for 1 order" in next_bar(rolled).verdict.reason
    fill = listed(rolled.fill(entry, "F1"), "P1")
    rolled.survey(entry.contracts, orders=[rolled.stop_of(entry)], fills=[fill])
    assert [(each.order_id, each.role, each.symbol) for each in rolled.fills] == [(entry.order_id, Role.ENTRY, SYMBOL)]
    assert rolled.state.venue_trouble() == ""
    assert rolled.alarms == []


def test_an_order_that_was_on_its_way_into_the_old_contract_is_unknown_after_the_restart(before):
    before.survey()
    before.flat_bar(p=SURE)
    entry = before.sent(Role.ENTRY)
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    assert rolled.state.book.records[entry.order_id].state is OrderState.UNKNOWN
    assert rolled.venue.cancelled == []


def test_an_unanswered_order_in_the_old_contract_that_never_arrived_ends_and_trading_goes_on(before):
    entry = unanswered_entry(before)
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    rolled.survey()
    assert next_bar(rolled).outcome is Outcome.BLOCKED
    rolled.survey(times=2)
    assert rolled.state.book.records[entry.order_id].state is OrderState.REJECTED
    assert next_bar(rolled).outcome is Outcome.TRADE
    assert rolled.sent(Role.ENTRY).symbol == NEXT


def test_what_is_held_in_the_old_contract_is_closed_once_the_accounts_were_compared(before):
    entry = before.enter()
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    assert rolled.venue.sent == []
    rolled.survey(entry.contracts, orders=[rolled.stop_of(entry)])
    flatten = rolled.sent(Role.FLATTEN)
    assert (flatten.symbol, flatten.side, flatten.contracts) == (SYMBOL, -1, entry.contracts)
    rolled.survey(entry.contracts, orders=[rolled.stop_of(entry)], times=5)
    assert rolled.venue.sent == [flatten]
    rolled.hear(rolled.fill(flatten, "F2", 80_010))
    assert rolled.position == 0
    assert rolled.venue.cancelled == [entry.stop_id]


def test_a_refused_close_of_the_old_contract_is_tried_again_and_nothing_is_entered_before_it_is_flat(before):
    entry = before.enter()
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    rolled.survey(entry.contracts, orders=[rolled.stop_of(entry)])
    first = rolled.sent(Role.FLATTEN)
    decision = next_bar(rolled)
    assert (decision.outcome, decision.verdict.bound) == (Outcome.BLOCKED, "other contract")
    assert f"+{entry.contracts} {SYMBOL} is still open" in decision.reason
    rolled.say(first.order_id, OrderStatus.REJECTED)
    rolled.clock.advance_to(rolled.clock.now_ns() + GUARD_PAUSE_NS)
    rolled.survey(entry.contracts, orders=[rolled.stop_of(entry)])
    first, again = (order for order in rolled.venue.sent if order.role is Role.FLATTEN)
    assert (again.symbol, again.contracts) == (SYMBOL, entry.contracts)
    rolled.hear(rolled.fill(again, "F4", 80_010))
    rolled.say(entry.stop_id, OrderStatus.CANCELLED)
    rolled.survey(times=2)
    assert next_bar(rolled).outcome is Outcome.TRADE
    assert rolled.sent(Role.ENTRY).symbol == NEXT


def test_nothing_of_it_is_closed_while_broker_and_journal_disagree(before):
    entry = before.enter()
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    rolled.survey(entry.contracts + 1, orders=[rolled.stop_of(entry)], times=3)
    assert rolled.state.risk.distrust is not None
    assert rolled.venue.sent == []


def test_a_snapshot_knows_the_instruments_of_contracts_that_were_left(before):
    entry = unanswered_entry(before)
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    copy = TradingState(CALENDAR, rolled.features)
    restore_snapshot(copy, take_snapshot(rolled.state))
    assert copy.ledger.instruments.keys() == {SYMBOL, "MNQZ25", NEXT}
    copy.ledger.apply_fill(rolled.fill(entry, "F1"), stop_id=entry.stop_id, stop_distance_ticks=STOP_TICKS)
    assert copy.ledger.account().position(SYMBOL).contracts == entry.contracts


# At our own venue -----------------------------------------------------------------------------------------------------

ES_CONTRACT = "ESZ25"
ON_ES = msgspec.structs.replace(
    settings_with(),
    instruments={ES_CONTRACT: ES},
    signal_symbol=ES_CONTRACT,
    order_symbol=ES_CONTRACT,
    settings_id="es",
)
BOTH = {SYMBOL: msgspec.structs.replace(NQ, micro_root="MNQ"), MICRO: MNQ}
ON_NQ = msgspec.structs.replace(settings_with(), instruments=BOTH)
ON_MICRO = msgspec.structs.replace(ON_NQ, order_symbol=MICRO, settings_id="micro")


def held_on_paper(settings=None) -> Desk:
    """A long position on paper; the process ends with it."""
    desk = Desk(settings)
    desk.flat_bar(p=SURE)
    desk.flat_bar(p=SURE)
    assert desk.position > 0
    return desk


def changed_to(settings, desk: Desk) -> Desk:
    after = Desk(settings, journal=desk.journal, cash_cents=0)
    after.next_bar = desk.next_bar
    after.clock.advance_to(desk.clock.now_ns())
    return after


def price_of(desk: Desk, symbol: str, ticks: int) -> None:
    desk.clock.advance_to(desk.clock.now_ns() + 10**9)
    desk.engine.on_price(Price(symbol, desk.clock.now_ns(), ticks))


def es_bar(desk: Desk, p: float):
    desk.next_bar += 1
    return desk.slice(bar(desk.next_bar, *[20_000] * 4, symbol=ES_CONTRACT), p=p)


def test_on_paper_the_old_position_is_closed_at_its_own_price_and_nothing_is_entered_before(before):
    old = held_on_paper()
    desk = changed_to(ON_ES, old)
    assert (desk.position, desk.intents[-1].role, desk.intents[-1].symbol) == (old.position, Role.FLATTEN, SYMBOL)
    assert desk.state.held() == {SYMBOL: old.position}
    blocked = es_bar(desk, SURE)
    assert (blocked.orders, blocked.verdict.bound) == ((), "other contract")
    price_of(desk, SYMBOL, 80_100)
    assert (desk.position, desk.fills[-1].expected_ticks, desk.stops, desk.venue_stops) == (0, 80_100, [], [])
    assert es_bar(desk, SURE).orders[0].symbol == ES_CONTRACT
    assert remembered(folded(desk)) == remembered(desk.state)


def test_on_paper_its_stop_goes_on_working(before):
    old = held_on_paper()
    desk = changed_to(ON_ES, old)
    for order in desk.state.book.working(SYMBOL):
        desk.engine.cancel(order.order_id, desk.clock.now_ns())
    price_of(desk, SYMBOL, 79_000)
    assert desk.position == 0
    assert Role.STOP in {fill.role for fill in desk.fills[1:]}


def test_a_close_that_was_lost_is_sent_again(before):
    old = held_on_paper()
    desk = changed_to(ON_ES, old)
    for order in desk.state.book.working(SYMBOL):
        desk.engine.cancel(order.order_id, desk.clock.now_ns())
    price_of(desk, ES_CONTRACT, 20_000)
    price_of(desk, SYMBOL, 80_000)
    assert desk.position == 0


@pytest.mark.parametrize(("first", "then", "symbol"), [(ON_MICRO, ON_NQ, MICRO), (ON_NQ, ON_MICRO, SYMBOL)])
def test_micro_and_contract_share_prices_so_that_the_old_one_is_closed_at_the_next_one(first, then, symbol):
    old = held_on_paper(first)
    assert [p.symbol for p in old.account.positions] == [symbol]
    desk = changed_to(then, old)
    price_of(desk, SYMBOL, 80_040)
    assert (desk.position, desk.fills[-1].symbol, desk.fills[-1].expected_ticks) == (0, symbol, 80_040)
    assert desk.account.last_ticks[symbol] == 80_040
    assert remembered(folded(desk)) == remembered(desk.state)


def test_a_bar_closes_it_where_no_prices_are_streamed():
    old = held_on_paper(ON_MICRO)
    desk = changed_to(ON_NQ, old)
    desk.flat_bar(80_060, p=0.5)
    desk.flat_bar(80_060, p=0.5)
    assert desk.position == 0


class Prices:
    """A feed of one contract's prices."""

    simulated = closed = False

    def __init__(self, symbol, *ticks):
        self.symbol, self.ticks = symbol, list(ticks)

    def stream(self):
        while True:
            yield Price(self.symbol, self.clock.now_ns(), self.ticks.pop(0)) if self.ticks else None

    def close(self):
        self.closed = True


def left_of(desk: Desk, feeds: dict[str, Prices]) -> LeftContracts:
    def make(settings):
        if settings.market.symbol not in feeds:
            raise DataError("no such file")
        feed = feeds[settings.market.symbol]
        feed.clock = desk.clock
        return feed

    return LeftContracts(parse({}), desk.engine, desk.clock, make)


def test_the_trader_brings_the_prices_of_what_was_left_until_it_is_flat():
    desk = changed_to(ON_ES, held_on_paper())
    feed = Prices(SYMBOL, 80_020, 80_030)
    left = left_of(desk, {SYMBOL: feed})
    desk.clock.advance_to(desk.clock.now_ns() + 10**9)
    left.step()
    assert (desk.position, desk.fills[-1].expected_ticks) == (0, 80_020)
    left.step()
    assert feed.closed
    assert desk.events(ev.Alarm) == []


def test_the_prices_of_a_micro_are_those_of_its_contract():
    desk = changed_to(ON_ES, held_on_paper(ON_MICRO))
    left = left_of(desk, {SYMBOL: Prices(SYMBOL, 80_020)})
    desk.clock.advance_to(desk.clock.now_ns() + 10**9)
    left.step()
    assert (desk.position, desk.fills[-1].symbol) == (0, MICRO)


def test_where_there_are_no_prices_it_is_closed_at_the_last_one_with_an_alarm():
    desk = changed_to(ON_ES, held_on_paper())
    left_of(desk, {}).step()
    assert (desk.position, desk.fills[-1].expected_ticks) == (0, 80_000)
    assert [e.text for e in desk.events(ev.Alarm)] == [
        f"No prices of {SYMBOL} come any more: what is held in it is closed at 20000, the last that is known."
    ]
