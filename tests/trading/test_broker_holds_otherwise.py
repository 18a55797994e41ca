"""The broker holds something else than the journal: what somebody else did, a person's word for it, and the stops."""

from __future__ import annotations

import msgspec
from broker_desk import SURE, BrokerDesk
from trading_desk import SYMBOL

from minhos.accounting.types import Fill, Role
from minhos.market.clock import SimulatedClock
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev
from minhos.trading.guard import GUARD_PAUSE_NS
from minhos.trading.types import Outcome
from minhos.trading.venue import OrderStatus, VenueFill

HOUR_NS = 3_600 * 10**9


def by_hand(desk: BrokerDesk, name: str, side: int, contracts: int = 1) -> VenueFill:
    """A fill under a number that we never heard of."""
    return VenueFill(Fill(name, "", SYMBOL, side, contracts, 80_010, desk.clock.now_ns(), 0, Role.UNKNOWN), name)


def test_a_sale_by_hand_after_our_trade_ended_is_not_taken_for_its_target():
    desk = BrokerDesk()
    entry = desk.enter()
    stop = desk.state.book.order(entry.stop_id)
    desk.hear(desk.fill(stop, "F2", 79_880))
    assert desk.position == 0
    n_sent = len(desk.venue.sent)
    sold = [by_hand(desk, "M1", -1)]
    desk.survey(-1, fills=sold, times=4)
    assert desk.fills[-1].role is Role.UNKNOWN
    assert desk.state.risk.distrust is not None
    assert len(desk.venue.sent) == n_sent


def test_a_clock_that_goes_back_does_not_make_every_survey_look_too_early():
    desk = BrokerDesk()
    desk.survey()
    desk.flat_bar(p=SURE)
    desk.clock._now_ns -= HOUR_NS
    desk.survey(9, times=4)
    assert desk.state.risk.distrust is not None


def test_no_stop_is_placed_for_what_the_broker_does_not_hold():
    desk = BrokerDesk()
    desk.enter()
    n_sent = len(desk.venue.sent)
    desk.survey(0, times=8)
    assert desk.state.risk.distrust is not None
    assert [order.role for order in desk.venue.sent[n_sent:]] == []


def test_a_stop_is_placed_for_as_many_as_the_broker_still_holds():
    desk = BrokerDesk()
    entry = desk.enter()
    assert entry.contracts > 1
    n_sent = len(desk.venue.sent)
    desk.survey(1, times=8)
    assert desk.state.risk.distrust is not None
    assert [(order.role, order.contracts) for order in desk.venue.sent[n_sent:]] == [(Role.STOP, 1)]


def test_a_refused_flatten_is_tried_again_though_the_clock_was_set_back():
    desk = BrokerDesk()
    desk.clock._wall = wall = SimulatedClock(MONDAY_OPEN)
    entry = desk.enter()
    desk.command("halt")
    desk.say(desk.sent(Role.FLATTEN).order_id, OrderStatus.REJECTED)
    second = desk.sent(Role.FLATTEN)
    desk.say(second.order_id, OrderStatus.REJECTED)
    desk.clock._now_ns -= HOUR_NS
    for _ in range(2):
        wall.advance_to(wall.now_ns() + GUARD_PAUSE_NS)
        desk.survey(entry.contracts, orders=[desk.stop_of(entry)])
    assert desk.sent(Role.FLATTEN).order_id != second.order_id


def accept(desk: BrokerDesk) -> None:
    at_ns = desk.clock.now_ns()
    desk.engine.on_command(ev.CommandReceived(at_ns, "7", "accept-position", "anna", "closed by phone"))


def test_a_position_that_no_fill_explains_is_booked_on_a_persons_word_and_trading_goes_on():
    desk = BrokerDesk()
    entry = desk.enter()
    desk.survey(0, times=3)
    accept(desk)
    assert desk.position == entry.contracts
    desk.survey(0, times=3)
    assert desk.position == 0
    assert desk.alarms[-1].startswith(f"anna had {-entry.contracts:+d} {SYMBOL} booked at 20000, the last price")
    assert desk.state.risk.distrust is not None
    desk.command("resume")
    n_alarms = len(desk.alarms)
    desk.survey(0, times=3)
    assert desk.flat_bar(p=SURE).outcome is Outcome.TRADE
    assert len(desk.alarms) == n_alarms
    reborn = BrokerDesk(journal=desk.journal)
    assert reborn.position == 0


def test_the_stops_follow_the_position_that_was_accepted():
    desk = BrokerDesk()
    entry = desk.enter()
    desk.survey(2, orders=[desk.stop_of(entry)], times=3)
    accept(desk)
    desk.survey(2, orders=[desk.stop_of(entry)], times=3)
    assert desk.position == 2
    assert set(desk.venue.resized) == {(entry.stop_id, 2)}


def test_a_word_is_for_two_equal_surveys_and_for_the_difference_of_that_moment_alone():
    desk = BrokerDesk()
    entry = desk.enter()
    stop = [desk.stop_of(entry)]
    desk.survey(2, orders=stop, times=2)
    accept(desk)
    desk.survey(1, orders=stop)
    assert desk.position == entry.contracts
    desk.survey(1, orders=stop)
    assert desk.position == 1
    desk.survey(3, orders=stop, times=4)
    assert desk.position == 1


def test_a_stop_is_cut_to_what_the_broker_holds_and_grows_again_with_it():
    desk = BrokerDesk()
    entry = desk.enter()
    whole, cut = desk.stop_of(entry), msgspec.structs.replace(desk.stop_of(entry), contracts=2)
    desk.survey(2, orders=[whole])
    assert desk.venue.resized == []  # one survey may have crossed a fill
    desk.survey(2, orders=[whole], times=8)
    assert desk.venue.resized == []  # ten seconds long the largest position that was shown counts
    desk.survey(2, orders=[whole], times=4)
    assert set(desk.venue.resized) == {(entry.stop_id, 2)}
    desk.venue.resized.clear()
    desk.rest_stop(entry, 2, OrderStatus.RESIZED)
    desk.survey(2, orders=[cut], times=3)
    assert (desk.venue.resized, desk.venue.cancelled) == ([], [])
    desk.survey(entry.contracts, orders=[cut], times=2)
    assert desk.venue.cancelled == [entry.stop_id]


def test_a_stop_on_the_wrong_side_of_what_the_broker_holds_is_taken_back():
    desk = BrokerDesk()
    entry = desk.enter()
    desk.survey(-2, orders=[desk.stop_of(entry)], times=9)
    assert desk.venue.cancelled == []
    desk.survey(-2, orders=[desk.stop_of(entry)], times=4)
    assert desk.venue.cancelled == [entry.stop_id]
    assert desk.state.risk.distrust is not None


def test_a_stop_that_came_after_the_survey_is_left_alone():
    desk = BrokerDesk()
    desk.survey(-1, times=2)
    desk.command("resume")
    desk.flat_bar(p=SURE)
    entry = desk.sent(Role.ENTRY)
    desk.accept(entry, "P1")
    desk.hear(desk.fill(entry, "F1"))
    desk.rest_stop(entry)
    assert (desk.venue.cancelled, desk.venue.resized) == ([], [])
