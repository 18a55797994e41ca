"""Stops after a survey: which are taken back, which are placed again, and when neither is done."""

from __future__ import annotations

import pytest
from broker_desk import SURE, BrokerDesk
from trading_desk import STOP_TICKS, SYMBOL

from minhos.accounting.types import Fill, Role
from minhos.trading import events as ev
from minhos.trading.engine import REMIND_NS
from minhos.trading.order_states import OrderState, Trigger, transition
from minhos.trading.settlement import PROTECT_PAUSE_NS
from minhos.trading.venue import OrderStatus, VenueOrder

SECOND_NS = 10**9


@pytest.fixture
def desk() -> BrokerDesk:
    return BrokerDesk()


def later(desk, ns):
    desk.clock.advance_to(desk.clock.now_ns() + ns)


def stops_sent(desk):
    return [order for order in desk.venue.sent if order.role is Role.STOP]


def replaced(desk):
    """An entry whose stop the broker does not list, and the stop that was sent in its place."""
    entry = desk.enter()
    desk.survey(entry.contracts, times=2)
    desk.say(entry.stop_id, OrderStatus.CANCELLED)
    desk.venue.cancelled.clear()
    desk.survey(entry.contracts, times=2)
    (stop,) = stops_sent(desk)
    return entry, stop


# Taking back --------------------------------------------------------------------------------------------------------


def test_a_refused_cancel_is_not_asked_for_again_before_the_next_survey(desk):
    entry = desk.enter()
    desk.hit_target(entry)
    assert desk.venue.cancelled == [entry.stop_id]
    desk.say(entry.stop_id, OrderStatus.CANCEL_REJECTED)
    desk.accept(entry, "P1")
    assert desk.venue.cancelled == [entry.stop_id]
    desk.survey(orders=[desk.stop_of(entry)])
    assert desk.venue.cancelled == [entry.stop_id] * 2


def test_a_refused_cancel_of_an_exit_waits_too(desk):
    entry = desk.enter()
    desk.command("flatten")
    flatten = desk.sent(Role.FLATTEN)
    desk.hit_target(entry)
    desk.say(flatten.order_id, OrderStatus.CANCEL_REJECTED)
    desk.accept(entry, "P1")
    assert desk.venue.cancelled.count(flatten.order_id) == 1


def test_a_cancel_that_nobody_answered_waits_for_the_next_survey_and_the_order_stays_unknown(desk):
    entry = desk.enter()
    desk.command("flatten")
    flatten = desk.sent(Role.FLATTEN)
    desk.hit_target(entry)
    for _ in range(10):
        desk.say(flatten.order_id, OrderStatus.UNKNOWN)
    assert desk.venue.cancelled.count(flatten.order_id) == 1
    assert [order.order_id for order in desk.state.book.unknown()] == [flatten.order_id]
    assert "has not answered for 1 order" in desk.state.venue_trouble()
    desk.survey(orders=[desk.stop_of(entry)])
    assert desk.venue.cancelled.count(flatten.order_id) == 2
    assert [order.order_id for order in desk.state.book.unknown()] == [flatten.order_id]


def test_no_stop_is_taken_back_before_the_accounts_were_compared(desk):
    entry = desk.enter()
    reborn = BrokerDesk(journal=desk.journal)
    reborn.hit_target(entry)
    assert reborn.position == 0
    assert reborn.venue.cancelled == []
    reborn.survey(orders=[reborn.stop_of(entry)])
    assert reborn.venue.cancelled == [entry.stop_id]


def test_no_stop_is_taken_back_while_its_entry_may_still_fill(desk):
    entry = desk.order_entry()
    desk.hear(desk.fill(entry, "F1", contracts=1))
    desk.rest_stop(entry, 1)
    desk.hit_target(entry, 1)
    assert (desk.position, desk.venue.cancelled) == (0, [])
    desk.say(entry.order_id, OrderStatus.CANCELLED)
    assert desk.venue.cancelled == [entry.stop_id]


# Placing again ------------------------------------------------------------------------------------------------------


def test_a_replacement_is_left_alone_until_it_is_accepted_and_is_the_lots_stop_then(desk):
    entry, stop = replaced(desk)
    desk.survey(entry.contracts, times=3)
    assert desk.venue.cancelled == []
    desk.accept(stop, "S2")
    rests = VenueOrder("S2", stop.order_id, SYMBOL, -1, stop.contracts, True, stop.trigger_ticks)
    desk.survey(entry.contracts, orders=[rests], times=3)
    assert desk.venue.cancelled == []
    assert stops_sent(desk) == [stop]
    assert desk.stops == [(entry.contracts, 80_000 - STOP_TICKS)]


def test_there_is_no_second_replacement_while_one_is_under_way(desk):
    entry, stop = replaced(desk)
    for _ in range(10):
        later(desk, SECOND_NS)
        desk.survey(entry.contracts)
    assert stops_sent(desk) == [stop]


def test_a_refused_replacement_is_tried_again_after_the_pause_and_not_before(desk):
    entry, stop = replaced(desk)
    desk.say(stop.order_id, OrderStatus.REJECTED)
    desk.survey(entry.contracts, times=4)
    assert stops_sent(desk) == [stop]
    later(desk, PROTECT_PAUSE_NS)
    desk.survey(entry.contracts, times=3)
    first, second = stops_sent(desk)
    assert first.order_id != second.order_id
    assert (second.contracts, second.trigger_ticks) == (first.contracts, first.trigger_ticks)


def test_a_stop_that_is_too_small_is_replaced_once_it_is_gone(desk):
    entry = desk.enter()
    small = VenueOrder("S1", entry.stop_id, SYMBOL, -1, entry.contracts - 1, True, 80_000 - STOP_TICKS)
    desk.survey(entry.contracts, orders=[small], times=5)
    assert desk.venue.cancelled == [entry.stop_id]
    assert stops_sent(desk) == []
    desk.say(entry.stop_id, OrderStatus.CANCELLED)
    desk.survey(entry.contracts, times=3)
    assert [stop.contracts for stop in stops_sent(desk)] == [entry.contracts]


def test_where_the_market_has_passed_the_stop_the_position_is_closed(desk):
    entry = desk.enter()
    desk.price(80_000 - STOP_TICKS)
    desk.survey(entry.contracts, times=2)
    desk.say(entry.stop_id, OrderStatus.CANCEL_REJECTED, "no such order")
    desk.survey(entry.contracts, times=2)
    assert stops_sent(desk) == []
    assert desk.sent(Role.FLATTEN).contracts == entry.contracts
    held = f"{entry.contracts} {SYMBOL}"
    assert desk.alarms == [f"{held} stood without a stop at the broker, and the market has passed it: closing."]


def reversed_by_both_legs(desk, entry):
    """Target and stop both fill whole: the broker's link between them failed."""
    desk.hit_target(entry)
    desk.hear(desk.fill(desk.state.book.order(entry.stop_id), "F2", 79_880))
    assert desk.position == -entry.contracts


def test_what_was_closed_beyond_the_position_is_closed_again_with_an_alarm(desk):
    entry = desk.enter()
    reversed_by_both_legs(desk, entry)
    desk.survey(-entry.contracts)
    assert desk.venue.sent == [entry]
    desk.survey(-entry.contracts, times=3)
    _, flatten = desk.venue.sent
    assert (flatten.role, flatten.side, flatten.contracts) == (Role.FLATTEN, 1, entry.contracts)
    assert desk.alarms == [f"More {SYMBOL} was closed than was held, and what that opened has no stop: closing."]
    desk.hear(desk.fill(flatten, "F4", 79_890))
    desk.survey(times=3)
    assert (desk.position, len(desk.alarms), len(desk.venue.sent)) == (0, 1, 2)


def test_what_somebody_else_opened_is_left_alone_also_after_resume(desk):
    desk.survey()
    desk.hear(Fill("X1", "manual-77", SYMBOL, 1, 1, 80_000, desk.clock.now_ns(), 225, Role.UNKNOWN))
    desk.survey(1, times=2)
    desk.flat_bar()
    desk.command("resume")
    desk.survey(1, times=5)
    assert (desk.position, desk.state.risk.distrust, desk.venue.sent) == (1, None, [])


def test_a_refused_close_of_it_is_tried_again_after_the_pause(desk):
    entry = desk.enter()
    reversed_by_both_legs(desk, entry)
    desk.survey(-entry.contracts, times=2)
    desk.say(desk.sent(Role.FLATTEN).order_id, OrderStatus.REJECTED)
    desk.survey(-entry.contracts, times=3)
    assert [order.role for order in desk.venue.sent] == [Role.ENTRY, Role.FLATTEN]
    later(desk, PROTECT_PAUSE_NS)
    desk.survey(-entry.contracts)
    assert [order.role for order in desk.venue.sent] == [Role.ENTRY, Role.FLATTEN, Role.FLATTEN]


@pytest.mark.parametrize("before", [OrderState.INTENDED, OrderState.SENT])
def test_the_first_word_of_a_stop_may_be_its_new_size(before):
    assert transition(before, Trigger.RESIZE) is OrderState.WORKING


def test_a_restart_between_the_fill_and_the_word_of_its_stop_keeps_the_stop(desk):
    entry = desk.order_entry()
    desk.hear(desk.fill(entry, "F1", contracts=1), desk.fill(entry, "F2", contracts=entry.contracts - 1))
    reborn = BrokerDesk(journal=desk.journal)
    reborn.rest_stop(entry, status=OrderStatus.RESIZED)
    reborn.survey(entry.contracts, orders=[reborn.stop_of(entry)], times=3)
    assert reborn.stops == [(entry.contracts, 80_000 - STOP_TICKS)]
    assert reborn.alarms == []
    assert stops_sent(reborn) == []


def test_a_replacement_whose_first_word_is_its_size_is_the_lots_stop(desk):
    entry, stop = replaced(desk)
    desk.say(stop.order_id, OrderStatus.RESIZED)
    assert desk.state.book.records[stop.order_id].state is OrderState.WORKING
    assert desk.venue.cancelled == []
    assert desk.stops == [(entry.contracts, 80_000 - STOP_TICKS)]
    assert desk.state.risk.halted is None


# Alarms and contradictions ------------------------------------------------------------------------------------------


def refuse_for(desk, entry, seconds, reasons):
    """A survey a second; each stop that is sent meanwhile is refused with the next of the reasons, which go round."""
    n_refused = len(stops_sent(desk)) - 1
    for _ in range(seconds):
        desk.survey(entry.contracts)
        for stop in stops_sent(desk)[n_refused:]:
            desk.say(stop.order_id, OrderStatus.REJECTED, reasons[n_refused % len(reasons)])
            n_refused += 1
    return n_refused


def test_an_alarm_of_a_refused_stop_comes_once_and_then_every_five_minutes(desk):
    entry, _ = replaced(desk)
    assert len(desk.alarms) == 1
    minutes = 11
    n_refused = refuse_for(desk, entry, 60 * minutes, ["No margin, request 17.", "No margin, request 18."])
    assert n_refused > 60
    told = [text for text in desk.alarms if "(refused: No margin, request" in text]
    assert len(told) == 1 + 60 * minutes * SECOND_NS // REMIND_NS
    unprotected = [text for text in desk.alarms if "stands unprotected" in text]
    assert len(unprotected) == len(told)
    assert len(desk.alarms) == 1 + len(told) + len(unprotected)
    assert "No margin, request 17); one is placed." in told[0]


def test_each_reason_of_a_refused_stop_is_told(desk):
    entry, _ = replaced(desk)
    refuse_for(desk, entry, 60, ["no margin", "the market is closed"])
    refused = [text for text in desk.alarms if "(refused: " in text]
    assert ["no margin" in refused[0], "the market is closed" in refused[1], len(refused)] == [True, True, 2]


@pytest.mark.parametrize("state", [OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED])
def test_a_request_that_an_orders_state_excludes_halts_instead_of_ending_the_engine(desk, state):
    entry = desk.enter()
    stop = desk.state.book.order(entry.stop_id)
    if state is OrderState.FILLED:
        desk.hear(desk.fill(stop, "F2", 80_000 - STOP_TICKS))
    else:
        desk.say(stop.order_id, OrderStatus(state.value))
    desk.engine.cancel(stop.order_id, desk.clock.now_ns())
    assert stop.order_id not in desk.venue.cancelled
    assert f"An order that is {state} cannot meet request_cancel" in desk.alarms[-1]
    assert desk.state.risk.halted.why == desk.alarms[-1]
    assert desk.state.contradiction == ""
    desk.survey(entry.contracts if state is not OrderState.FILLED else 0)
    assert desk.flat_bar(p=SURE).verdict.target == 0
    assert [event.text for event in desk.events(ev.ContradictionFound)] == [desk.alarms[-1]]
