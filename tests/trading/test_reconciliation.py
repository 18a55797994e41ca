"""What a broker shows against what the journal knows, with a broker that says only what a test lets it say."""

from __future__ import annotations

import msgspec
import pytest
from broker_desk import SURE, BrokerDesk, listed
from trading_desk import STOP_TICKS, SYMBOL

from minhos.accounting.types import Fill, Lot, Order, OrderType, Position, Role
from minhos.trading import events as ev
from minhos.trading.book import OrderRecord, StopAction, stop_maintenance
from minhos.trading.order_ids import target_id
from minhos.trading.order_states import OrderState
from minhos.trading.types import Outcome
from minhos.trading.venue import OrderReport, OrderStatus, Survey, VenueFill, VenueOrder, VenueStatus


@pytest.fixture
def desk() -> BrokerDesk:
    return BrokerDesk()


def test_nothing_is_added_before_the_broker_was_reached_and_compared():
    desk = BrokerDesk(connected=False)
    assert desk.flat_bar(p=SURE).verdict.reason.startswith("orders cannot be sent: not connected yet")
    desk.hear(VenueStatus(desk.clock.now_ns(), True))
    assert "not compared yet" in desk.flat_bar(p=SURE).verdict.reason
    desk.survey()
    assert desk.flat_bar(p=SURE).outcome is Outcome.TRADE


def test_a_lost_connection_asks_for_a_comparison_anew_and_alarms(desk):
    desk.survey()
    desk.hear(VenueStatus(desk.clock.now_ns(), False, "the cable is out"), VenueStatus(desk.clock.now_ns(), True))
    assert desk.alarms == ["Orders cannot be sent: the cable is out"]
    assert desk.flat_bar(p=SURE).outcome is Outcome.BLOCKED
    desk.survey()
    assert desk.flat_bar(p=SURE).outcome is Outcome.TRADE


def test_agreement_is_journaled_once_and_not_with_every_survey(desk):
    desk.survey(times=5)
    assert [event.differences for event in desk.events(ev.Reconciled)] == [()]
    assert len(desk.events(ev.VenueSurveyed)) == 1


def test_a_position_that_the_journal_does_not_know_makes_flat_only_until_resume(desk):
    desk.survey()
    desk.survey(2)
    assert desk.alarms == []  # one survey may have crossed a fill
    asked = desk.venue.asked
    desk.survey(2)
    assert desk.alarms == [f"Flat-only: the journal holds +0 {SYMBOL}, the broker +2."]
    assert asked >= 1
    assert desk.flat_bar(p=SURE).outcome is Outcome.BLOCKED
    assert desk.bound == "reconciliation"
    assert desk.fills == []
    desk.survey(times=2)
    desk.command("resume")
    desk.survey()
    assert desk.flat_bar(p=SURE).outcome is Outcome.TRADE


def test_a_difference_that_remains_after_resume_is_told_again(desk):
    desk.survey(2, times=3)
    desk.command("resume")
    desk.survey(2, times=2)
    assert len(desk.alarms) == 2
    assert desk.state.risk.distrust is not None


def test_a_survey_that_crossed_an_order_is_not_believed(desk):
    desk.survey()
    started_ns = desk.clock.now_ns()
    desk.flat_bar(p=SURE)
    desk.hear(*[Survey(started_ns, desk.clock.now_ns(), {SYMBOL: 9})] * 3)
    assert desk.alarms == []
    assert desk.venue.asked >= 3
    desk.survey(9, quiet=False, times=3)
    assert desk.alarms == []


def test_an_unanswered_order_that_the_broker_lists_works(desk):
    desk.survey()
    desk.flat_bar(p=SURE)
    entry = desk.sent(Role.ENTRY)
    desk.hear(OrderReport(entry.order_id, OrderStatus.UNKNOWN, desk.clock.now_ns(), "no answer"))
    assert desk.state.venue_trouble().startswith("the broker has not answered for 1 order")
    desk.survey(orders=[VenueOrder("P1", entry.order_id, SYMBOL, 1, entry.contracts, False)])
    assert desk.state.book.records[entry.order_id].state is OrderState.WORKING
    assert desk.state.venue_trouble() == ""
    assert len(desk.venue.sent) == 1


def test_an_unanswered_order_is_gone_only_when_two_surveys_lack_it(desk):
    desk.survey()
    desk.flat_bar(p=SURE)
    entry = desk.sent(Role.ENTRY)
    desk.hear(OrderReport(entry.order_id, OrderStatus.UNKNOWN, desk.clock.now_ns(), "no answer"))
    desk.survey()
    assert desk.state.book.records[entry.order_id].state is OrderState.UNKNOWN
    desk.survey()
    assert desk.state.book.records[entry.order_id].state is OrderState.REJECTED
    assert [order.order_id for order in desk.venue.sent] == [entry.order_id]


def test_an_unanswered_entry_that_filled_is_found_by_its_fill_and_its_stop(desk):
    desk.survey()
    desk.flat_bar(p=SURE)
    entry = desk.sent(Role.ENTRY)
    desk.hear(OrderReport(entry.order_id, OrderStatus.UNKNOWN, desk.clock.now_ns(), "no answer"))
    desk.survey(entry.contracts, orders=[desk.stop_of(entry)], fills=[listed(desk.fill(entry, "F1"), "P1")])
    assert desk.position == entry.contracts
    assert desk.stops == [(entry.contracts, 80_000 - STOP_TICKS)]
    assert desk.state.book.records[entry.order_id].state is OrderState.FILLED
    assert desk.alarms == []
    desk.survey(entry.contracts, orders=[desk.stop_of(entry)], fills=[listed(desk.fill(entry, "F1"), "P1")], times=3)
    assert len(desk.fills) == 1
    assert desk.alarms == []


def test_entry_and_stop_that_both_filled_while_we_were_away_end_flat(desk):
    desk.survey()
    desk.flat_bar(p=SURE)
    entry = desk.sent(Role.ENTRY)
    reborn = BrokerDesk(journal=desk.journal)
    fills = [
        listed(desk.fill(entry, "F1"), "P1"),
        VenueFill(
            Fill("F2", "", SYMBOL, -1, entry.contracts, 79_880, desk.clock.now_ns() + 5, 225, Role.UNKNOWN), "S1"
        ),
    ]
    reborn.survey(fills=fills, times=2)
    assert [(fill.fill_id, fill.role) for fill in reborn.fills] == [("F1", Role.ENTRY), ("F2", Role.STOP)]
    assert reborn.position == 0
    assert reborn.alarms == []
    assert len(reborn.events(ev.TradeClosed)) == 1
    assert reborn.venue.sent == []


def test_a_missed_stop_fill_is_found_by_the_number_in_the_journal(desk):
    entry = desk.enter()
    reborn = BrokerDesk(journal=desk.journal)
    assert reborn.venue.known == {"P1": entry.order_id, "S1": entry.stop_id}
    stop = reborn.state.book.order(entry.stop_id)
    reborn.survey(fills=[listed(reborn.fill(stop, "F2", 79_880), "S1")], times=2)
    assert reborn.fills[-1].role is Role.STOP
    assert reborn.position == 0
    assert reborn.alarms == []


def test_a_missed_target_fill_closes_its_lot(desk):
    entry = desk.enter()
    reborn = BrokerDesk(journal=desk.journal)
    target = Fill(
        "F2", target_id(entry.stop_id), SYMBOL, -1, entry.contracts, 80_800, reborn.clock.now_ns(), 225, Role.UNKNOWN
    )
    reborn.survey(fills=[VenueFill(target, "T1")], times=2)
    assert reborn.fills[-1].role is Role.EXIT
    assert reborn.position == 0
    assert reborn.alarms == []


def test_a_missed_stop_fill_belongs_to_the_bracket_that_holds_something_and_not_to_one_that_is_done(desk):
    first = desk.enter()
    desk.hit_target(first)
    desk.say(first.stop_id, OrderStatus.CANCELLED)
    desk.survey()
    desk.flat_bar(p=SURE)
    second = desk.sent(Role.ENTRY)
    reborn = BrokerDesk(journal=desk.journal)
    stop = reborn.state.book.order(first.stop_id)
    fills = [listed(reborn.fill(second, "F5"), "77"), listed(reborn.fill(stop, "F6", 79_880), "78")]
    reborn.survey(fills=fills, times=2)
    assert [(fill.fill_id, fill.order_id, fill.role) for fill in reborn.fills[-2:]] == [
        ("F5", second.order_id, Role.ENTRY),
        ("F6", second.stop_id, Role.STOP),
    ]
    assert reborn.position == 0


def test_a_manual_trade_is_taken_in_and_makes_flat_only(desk):
    desk.survey()
    manual = Fill("X1", "manual-77", SYMBOL, 1, 1, 80_000, desk.clock.now_ns(), 225, Role.UNKNOWN)
    desk.hear(manual)
    assert desk.alarms == [f"Flat-only: somebody else bought 1 {SYMBOL} in this account."]
    desk.survey(1, fills=[VenueFill(manual, "77")], times=3)
    assert len(desk.alarms) == 1
    assert desk.position == 1
    assert desk.venue.sent == []
    decision = desk.flat_bar(p=SURE)
    assert decision.orders == ()
    assert "somebody else bought" in decision.reason


def test_more_than_the_broker_holds_is_never_closed(desk):
    entry = desk.enter()
    desk.survey(entry.contracts - 1, orders=[desk.stop_of(entry)], times=2)
    desk.command("flatten")
    assert desk.sent(Role.FLATTEN).contracts == entry.contracts - 1


def test_what_the_broker_does_not_hold_is_not_closed(desk):
    entry = desk.enter()
    desk.survey(0, orders=[desk.stop_of(entry)], times=2)
    desk.command("flatten")
    assert desk.venue.sent == [entry]


def test_a_manual_trade_while_we_were_away_is_found(desk):
    desk.survey()
    manual = Fill("X1", "", SYMBOL, -1, 2, 80_000, desk.clock.now_ns(), 225, Role.UNKNOWN)
    desk.survey(-2, fills=[VenueFill(manual, "77")], times=2)
    assert desk.position == -2
    assert desk.fills[0].order_id == "manual-77"
    assert len(desk.alarms) == 1


def test_what_was_done_before_this_journal_began_is_not_ours(desk):
    old = Fill("X0", "", SYMBOL, 1, 1, 80_000, desk.state.began_ns - 60 * 10**9, 225, Role.UNKNOWN)
    desk.survey(fills=[VenueFill(old, "7")], times=2)
    assert desk.fills == []
    assert desk.alarms == []


def test_an_order_of_somebody_else_is_told(desk):
    desk.survey(orders=[VenueOrder("9", "", SYMBOL, -1, 3, True, 70_000)], times=2)
    assert desk.alarms == [f"Flat-only: an order to sell 3 {SYMBOL} works that MinhOS did not send."]


FORGOTTEN = "A" * 24
"""A name of our form that stands in no journal here."""
STOP = VenueOrder("9", FORGOTTEN, SYMBOL, -1, 5, True, 79_000)
TARGET = VenueOrder("10", target_id(FORGOTTEN), SYMBOL, -1, 5, False)


def test_a_stop_of_ours_that_the_journal_does_not_know_is_taken_back_where_nothing_is_held(desk):
    desk.survey(orders=[STOP, TARGET])
    assert desk.venue.cancelled == []  # one list may be an old one
    desk.survey(orders=[STOP, TARGET])
    assert desk.venue.cancelled == [FORGOTTEN]
    assert "works that is not in the journal" in desk.alarms[0]
    assert desk.alarms[1] == (
        f"An order of ours to sell 5 {SYMBOL} is not in the journal and works at the broker; what no position needs is "
        "taken back."
    )


def test_a_target_of_ours_that_the_journal_does_not_know_is_taken_back_where_its_stop_is_gone(desk):
    desk.survey(orders=[TARGET], times=2)
    assert desk.venue.cancelled == [TARGET.order_id]


def test_a_stop_that_the_journal_does_not_know_covers_what_is_held_and_no_more(desk):
    bought = listed(Fill("X1", "", SYMBOL, 1, 3, 80_000, desk.clock.now_ns(), 225, Role.UNKNOWN), "7")
    desk.survey(3, orders=[STOP, TARGET], fills=[bought], times=3)
    assert desk.position == 3
    assert (desk.venue.resized, desk.venue.cancelled) == ([(FORGOTTEN, 3)], [])
    three = VenueOrder("9", FORGOTTEN, SYMBOL, -1, 3, True, 79_000)
    desk.say(FORGOTTEN, OrderStatus.RESIZED, "")
    desk.survey(3, orders=[three], fills=[bought], times=6)
    assert desk.venue.cancelled == []
    assert not any("unprotected" in text for text in desk.alarms)
    sold = listed(Fill("X2", "", SYMBOL, -1, 3, 80_000, desk.clock.now_ns(), 225, Role.UNKNOWN), "8")
    desk.survey(0, orders=[three], fills=[bought, sold], times=2)
    assert desk.venue.cancelled == [FORGOTTEN]


@pytest.mark.parametrize("others", [[], [VenueOrder("77", "mine", SYMBOL, -1, 1, False)]], ids=["alike", "differs"])
def test_a_stop_that_the_journal_does_not_know_is_taken_back_where_the_stop_of_an_entry_that_still_fills_covers(
    desk, others
):
    entry = desk.order_entry()
    held = entry.contracts - 1
    desk.hear(desk.fill(entry, "F1", contracts=held))
    desk.rest_stop(entry, contracts=held)
    forgotten = VenueOrder("9", FORGOTTEN, SYMBOL, -entry.side, held, True, 79_000)
    own = msgspec.structs.replace(desk.stop_of(entry), contracts=held)
    rest = VenueOrder("E1", entry.order_id, SYMBOL, entry.side, 1, False)
    fills = [listed(desk.fill(entry, "F1", contracts=held), "E1", named=True)]
    desk.survey(held * entry.side, orders=[forgotten, own, rest, *others], fills=fills, times=6)
    assert desk.position == held * entry.side
    assert bool(desk.state.differences) == bool(others)
    assert (desk.venue.resized, desk.venue.cancelled) == ([], [FORGOTTEN])


NAMED = "B" * 24
"""The stop of an entry."""


def lot(contracts: int, stop_id: str = "") -> Lot:
    return Lot(stop_id or "manual-7", 1, contracts, 80_000, 1, stop_id, 79_000 if stop_id else 0)


def resting(stop_id: str, contracts: int, side: int = -1) -> OrderRecord:
    entry = "" if stop_id.startswith(FORGOTTEN) else stop_id
    order = Order(stop_id, SYMBOL, side, contracts, Role.STOP, OrderType.STOP, 79_000, parent_id=entry)
    return OrderRecord(order, OrderState.WORKING, contracts)


@pytest.mark.parametrize(
    ("lots", "stops", "left"),
    [
        ([lot(1), lot(1, NAMED)], {FORGOTTEN: 1, NAMED: 2}, {FORGOTTEN: 1, NAMED: 1}),
        ([lot(1)], {FORGOTTEN: 1, NAMED: 2}, {FORGOTTEN: 1}),
        ([lot(2, NAMED)], {FORGOTTEN: 2, NAMED: 2}, {NAMED: 2}),
        ([lot(2, NAMED)], {FORGOTTEN: 2, NAMED: 1}, {FORGOTTEN: 1, NAMED: 1}),
        ([lot(3)], {FORGOTTEN: 2, f"{FORGOTTEN}2": 2}, {FORGOTTEN: 2, f"{FORGOTTEN}2": 1}),
        ([], {FORGOTTEN: 2, NAMED: 1}, {}),
    ],
    ids=["shrinks", "stale", "covered", "covered in part", "two of them", "flat"],
)
def test_stops_that_the_journal_does_not_know_are_for_what_the_stops_of_the_lots_will_leave_uncovered(
    lots, stops, left
):
    records = [resting(name, contracts) for name, contracts in stops.items()]
    actions = stop_maintenance(Position(SYMBOL, tuple(lots)), records)
    asked = {action.stop_id: action.contracts for action in actions}
    assert {name: n for name, n in (stops | asked).items() if n} == left


def test_a_stop_that_the_journal_does_not_know_and_that_would_enlarge_what_is_held_is_taken_back():
    actions = stop_maintenance(Position(SYMBOL, (lot(2),)), [resting(FORGOTTEN, 2, side=1)])
    assert actions == [StopAction("cancel", FORGOTTEN)]


def test_a_market_order_that_the_journal_does_not_know_is_taken_back(desk):
    desk.survey(orders=[VenueOrder("9", FORGOTTEN, SYMBOL, 1, 2, False)], times=2)
    assert desk.venue.cancelled == [FORGOTTEN]


def test_the_legs_of_our_bracket_are_ours(desk):
    entry = desk.enter()
    legs = [desk.stop_of(entry), VenueOrder("T1", target_id(entry.stop_id), SYMBOL, -1, entry.contracts, False)]
    desk.survey(entry.contracts, orders=legs, times=3)
    assert desk.alarms == []
    assert desk.venue.sent == [entry]


def test_a_lot_without_its_stop_gets_one_and_an_alarm(desk):
    entry = desk.enter()
    desk.survey(entry.contracts)
    assert (desk.venue.sent, desk.venue.cancelled) == ([entry], [])  # the stop may be on its way
    desk.survey(entry.contracts)
    assert (desk.venue.sent, desk.venue.cancelled) == ([entry], [entry.stop_id])  # or there, and not listed
    desk.say(entry.stop_id, OrderStatus.CANCEL_REJECTED, "no such order")
    desk.survey(entry.contracts, times=2)
    stop = desk.venue.sent[-1]
    assert (stop.role, stop.contracts, stop.trigger_ticks) == (Role.STOP, entry.contracts, 80_000 - STOP_TICKS)
    assert len(desk.venue.sent) == 2
    assert desk.alarms == [f"{entry.contracts} {SYMBOL} stood without a stop at the broker; one is placed."]


def test_a_stop_that_is_smaller_at_the_broker_is_known_as_that(desk):
    entry = desk.enter()
    small = VenueOrder("S1", entry.stop_id, SYMBOL, -1, entry.contracts - 1, True, 80_000 - STOP_TICKS)
    desk.survey(entry.contracts, orders=[small], times=3)
    assert any("stood without a stop" in text for text in desk.alarms)


def test_no_stop_is_placed_while_the_position_is_being_closed(desk):
    entry = desk.enter()
    desk.survey(entry.contracts, orders=[desk.stop_of(entry)])
    desk.command("flatten")
    assert desk.sent(Role.FLATTEN).contracts == entry.contracts
    desk.hear(OrderReport(entry.stop_id, OrderStatus.CANCELLED, desk.clock.now_ns()))
    flatten = desk.sent(Role.FLATTEN)
    working = VenueOrder("X", flatten.order_id, SYMBOL, -1, flatten.contracts, False)
    desk.survey(entry.contracts, orders=[working], times=4)
    assert [order.role for order in desk.venue.sent] == [Role.ENTRY, Role.FLATTEN]


@pytest.mark.parametrize("command", ["halt", "flatten"])
def test_a_restart_does_not_close_what_somebody_else_has_closed(desk, command):
    entry = desk.enter()
    reborn = BrokerDesk(journal=desk.journal)
    reborn.command(command)
    reborn.flat_bar(p=0.2)
    assert reborn.venue.sent == []
    fill = listed(reborn.fill(reborn.state.book.order(entry.stop_id), "F9"), "77")
    reborn.survey(fills=[fill], times=3)
    assert reborn.position == 0
    assert reborn.venue.sent == []


def test_after_a_restart_a_halt_closes_once_the_accounts_were_compared(desk):
    entry = desk.enter()
    reborn = BrokerDesk(journal=desk.journal)
    reborn.command("halt")
    reborn.survey(entry.contracts, orders=[reborn.stop_of(entry)])
    assert [order.role for order in reborn.venue.sent] == [Role.FLATTEN]


def test_an_exit_that_is_refused_leaves_a_stop_again(desk):
    entry = desk.enter()
    desk.command("flatten")
    flatten = desk.sent(Role.FLATTEN)
    desk.hear(OrderReport(entry.stop_id, OrderStatus.CANCELLED, desk.clock.now_ns()))
    desk.hear(OrderReport(flatten.order_id, OrderStatus.REJECTED, desk.clock.now_ns(), "no margin"))
    assert desk.venue.asked > 0
    desk.survey(entry.contracts, times=2)
    assert desk.sent(Role.STOP).contracts == entry.contracts


def test_a_flatten_that_is_refused_is_tried_again_but_not_with_every_word(desk):
    desk.enter()
    desk.command("halt")
    for _ in range(20):
        flatten = desk.sent(Role.FLATTEN)
        desk.hear(OrderReport(flatten.order_id, OrderStatus.REJECTED, desk.clock.now_ns(), "the market is closed"))
    assert len([order for order in desk.venue.sent if order.role is Role.FLATTEN]) <= 2


def test_a_replay_of_the_journal_gives_the_same_state(desk):
    from trading_desk import folded, remembered

    entry = desk.enter()
    desk.survey(entry.contracts, orders=[desk.stop_of(entry)])
    desk.survey(entry.contracts + 1, orders=[desk.stop_of(entry)], times=2)
    assert remembered(folded(desk)) == remembered(desk.state)
    assert folded(desk).venue_trouble() == desk.state.venue_trouble()


# The rows and the fills of one survey are not of one moment -----------------------------------------------------------


def enter_with(desk: BrokerDesk) -> tuple[Order, Order]:
    """An entry with its stop at rest, and that stop as an order."""
    entry = desk.enter()
    stop = desk.state.book.stops(SYMBOL)[0].order
    return entry, stop


def resizes(desk: BrokerDesk) -> list[OrderReport]:
    return [e.report for e in desk.events(ev.VenueReported) if e.report.status is OrderStatus.RESIZED]


def test_a_row_older_than_the_stops_fill_makes_the_stop_no_larger(desk):
    entry, stop = enter_with(desk)
    before = entry.contracts
    hit = desk.fill(stop, "S-1", stop.trigger_ticks)
    desk.survey(before, orders=[desk.stop_of(entry)], fills=[listed(hit, "S1", named=True)])
    assert desk.state.book.records[stop.order_id].state is OrderState.FILLED
    desk.hear(hit)
    desk.survey(times=2)
    assert (resizes(desk), desk.alarms, desk.state.risk.halted, desk.state.risk.distrust) == ([], [], None, None)
    assert desk.state.ledger.account().position(SYMBOL).contracts == 0
    assert desk.flat_bar(p=SURE).outcome is Outcome.TRADE


@pytest.mark.parametrize("stale", [0, 1, 2])
def test_a_stop_that_fills_in_halves_keeps_its_contracts_whatever_moment_its_row_is_of(desk, stale):
    """stale: how many fills of one contract the rows do not know yet."""
    entry, stop = enter_with(desk)
    n = entry.contracts
    assert n >= 3
    hits = [desk.fill(stop, f"S-{i}", stop.trigger_ticks, 1) for i in range(2)]
    row = msgspec.structs.replace(desk.stop_of(entry), contracts=n - 2 + stale)
    desk.survey(n - 2 + stale, orders=[row], fills=[listed(hit, "S1", named=True) for hit in hits])
    record = desk.state.book.records[stop.order_id]
    assert (record.state, record.contracts, record.filled) == (OrderState.WORKING, n, 2)
    assert (resizes(desk), desk.alarms) == ([], [])
    row = msgspec.structs.replace(row, contracts=n - 2)
    desk.survey(n - 2, orders=[row], fills=[listed(hit, "S1", named=True) for hit in hits], times=2)
    assert (resizes(desk), desk.alarms, desk.state.risk.halted) == ([], [], None)


def test_a_row_of_a_stop_that_is_known_to_be_done_is_an_old_one(desk):
    entry, stop = enter_with(desk)
    desk.hear(desk.fill(stop, "S-1", stop.trigger_ticks))
    desk.survey(orders=[desk.stop_of(entry)])
    assert (resizes(desk), desk.alarms, desk.state.risk.halted) == ([], [], None)


def test_a_stop_that_grew_before_it_filled_is_taken_in_with_its_fills(desk):
    """Its growth was never reported: the row shows more than our record even without the fills."""
    entry, stop = enter_with(desk)
    n = entry.contracts
    row = msgspec.structs.replace(desk.stop_of(entry), contracts=n + 1)
    hit = desk.fill(stop, "S-1", stop.trigger_ticks)
    desk.survey(n, orders=[row], fills=[listed(hit, "S1", named=True)])
    record = desk.state.book.records[stop.order_id]
    assert (record.contracts, record.filled, record.state) == (n + 1, n, OrderState.CANCEL_SENT), "its lot is gone"
    assert desk.state.risk.halted is None


def test_a_stop_that_the_broker_shows_smaller_is_smaller(desk):
    entry, stop = enter_with(desk)
    row = msgspec.structs.replace(desk.stop_of(entry), contracts=1)
    hit = desk.fill(stop, "S-1", stop.trigger_ticks, 1)
    desk.survey(entry.contracts - 1, orders=[row], fills=[listed(hit, "S1", named=True)])
    assert [report.order.contracts for report in resizes(desk)] == [2]
