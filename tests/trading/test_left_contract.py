"""Orders and positions in a contract that was left for the next one: still asked for, settled, and closed."""

from __future__ import annotations

import msgspec
import pytest
from broker_desk import SURE, BrokerDesk, listed
from trading_desk import CALENDAR, STOP_TICKS, SYMBOL, settings_with

from minhos.accounting.types import Role
from minhos.testing.builders import NQ, bar
from minhos.trading.guard import GUARD_PAUSE_NS
from minhos.trading.order_states import OrderState
from minhos.trading.recovery import restore_snapshot, take_snapshot
from minhos.trading.state import TradingState
from minhos.trading.types import Outcome
from minhos.trading.venue import OrderStatus

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


def test_a_refused_close_of_the_old_contract_is_tried_again_and_leaves_the_new_one_alone(before):
    entry = before.enter()
    rolled = BrokerDesk(AFTER_ROLL, journal=before.journal)
    rolled.survey(entry.contracts, orders=[rolled.stop_of(entry)])
    first = rolled.sent(Role.FLATTEN)
    assert next_bar(rolled).outcome is Outcome.TRADE
    bought = rolled.sent(Role.ENTRY)
    rolled.hear(msgspec.structs.replace(rolled.fill(bought, "F3", 80_500), symbol=NEXT))
    rolled.say(first.order_id, OrderStatus.REJECTED)
    rolled.clock.advance_to(rolled.clock.now_ns() + GUARD_PAUSE_NS)
    rolled.survey(entry.contracts, orders=[rolled.stop_of(entry)])
    again = [order for order in rolled.venue.sent if order.role is Role.FLATTEN][1:]
    assert [(order.symbol, order.contracts) for order in again] == [(SYMBOL, entry.contracts)]


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
