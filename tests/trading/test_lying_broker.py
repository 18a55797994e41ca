"""A broker that lies for a moment, in its lists or in its words: what is done on one look, on two, and never."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from broker_desk import SURE, BrokerDesk, listed
from trading_desk import SYMBOL, folded, remembered

from minhos.accounting.types import Fill, Role
from minhos.trading import events as ev
from minhos.trading.cover import BARE_NS
from minhos.trading.order_ids import target_id
from minhos.trading.order_states import OrderState
from minhos.trading.settlement import LARGEST_NS
from minhos.trading.types import Outcome
from minhos.trading.venue import OrderReport, OrderStatus, Survey, VenueOrder, VenueStatus

SECOND_NS = 10**9
TENTH_NS = SECOND_NS // 10


@pytest.fixture
def desk() -> BrokerDesk:
    desk = BrokerDesk()
    yield desk
    assert remembered(folded(desk)) == remembered(desk.state)


def look(desk: BrokerDesk, held: int, orders=(), *, fills=(), after_ns: int = TENTH_NS, times: int = 1) -> None:
    """Surveys that follow one another so closely."""
    for _ in range(times):
        desk.clock.advance_to(desk.clock.now_ns() + after_ns)
        now_ns = desk.clock.now_ns()
        desk.hear(Survey(now_ns, now_ns, {SYMBOL: held} if held else {}, tuple(orders), tuple(fills)))


def reconnect(desk: BrokerDesk) -> None:
    now_ns = desk.clock.now_ns()
    desk.hear(VenueStatus(now_ns, False, "the connection was lost"), VenueStatus(now_ns, True))


def did(desk: BrokerDesk) -> tuple[int, int, int]:
    """How many orders were sent, cancelled and resized."""
    return len(desk.venue.sent), len(desk.venue.cancelled), len(desk.venue.resized)


# Lists ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orders", ["empty", "partial"])
def test_half_a_second_of_an_empty_order_list_after_a_reconnection_changes_nothing(desk, orders):
    entry = desk.enter()
    stop, target = desk.stop_of(entry), VenueOrder("T1", target_id(entry.stop_id), SYMBOL, -1, entry.contracts, False)
    reconnect(desk)
    before = did(desk)
    look(desk, entry.contracts, [] if orders == "empty" else [target], times=5)
    look(desk, entry.contracts, [stop, target], times=20)
    assert did(desk) == before
    assert desk.stops == [(entry.contracts, desk.stop_of(entry).trigger_ticks)]
    assert desk.state.risk.distrust is None


def test_positions_that_are_empty_for_half_a_second_cancel_no_stop(desk):
    entry = desk.enter()
    reconnect(desk)
    before = did(desk)
    look(desk, 0, [desk.stop_of(entry)], times=5)
    look(desk, entry.contracts, [desk.stop_of(entry)], times=20)
    assert did(desk) == before
    assert desk.state.risk.distrust is None


def test_a_stop_that_the_lists_lack_for_longer_is_taken_back_before_another_is_placed(desk):
    """So that never two rest, however long the lists lie: the broker ended the one that it did not list."""
    entry = desk.enter()
    look(desk, entry.contracts, times=12)
    assert desk.venue.cancelled == [entry.stop_id]
    assert [order.role for order in desk.venue.sent] == [Role.ENTRY]
    desk.say(entry.stop_id, OrderStatus.CANCELLED)
    look(desk, entry.contracts, times=12)
    stop = desk.sent(Role.STOP)
    assert (stop.contracts, len(desk.venue.sent)) == (entry.contracts, 2)


def test_it_is_settled_within_four_seconds(desk):
    entry = desk.enter()
    began_ns = desk.clock.now_ns()
    while len(desk.venue.sent) == 1:
        look(desk, entry.contracts, after_ns=2 * TENTH_NS)
        if desk.venue.cancelled and desk.state.book.records[entry.stop_id].state is OrderState.CANCEL_SENT:
            desk.say(entry.stop_id, OrderStatus.CANCEL_REJECTED, "no such order")
    assert desk.clock.now_ns() - began_ns < 4 * SECOND_NS


def test_a_difference_that_keeps_changing_is_one_after_four_seconds(desk):
    desk.survey()
    for i in range(50):
        look(desk, 1 + i % 3)
    assert desk.state.risk.distrust is not None


def finished(desk: BrokerDesk):
    """A trade that its target ended; the stop ended with it."""
    entry = desk.enter()
    desk.hit_target(entry)
    desk.say(entry.stop_id, OrderStatus.CANCELLED)
    desk.venue.cancelled.clear()
    return entry


def test_an_order_of_ours_that_had_ended_and_is_listed_as_working_is_taken_back_after_two_looks(desk):
    entry = finished(desk)
    look(desk, 0, [desk.stop_of(entry)], times=5)
    assert (desk.venue.cancelled, desk.alarms) == ([], [])
    look(desk, 0, [desk.stop_of(entry)], times=10)
    assert desk.venue.cancelled == [entry.stop_id]
    assert "had ended and works at the broker" in desk.alarms[0]
    desk.say(entry.stop_id, OrderStatus.CANCELLED)
    look(desk, 0, times=3)
    assert desk.state.book.records[entry.stop_id].state is OrderState.CANCELLED


def test_an_entry_that_had_filled_and_is_listed_with_more_is_taken_back(desk):
    entry = desk.enter()
    rows = [desk.stop_of(entry), VenueOrder("P1", entry.order_id, SYMBOL, 1, 3, False)]
    look(desk, entry.contracts, rows, times=15)
    assert desk.venue.cancelled == [entry.order_id]


def test_a_list_that_goes_on_showing_an_ended_order_does_not_have_it_cancelled_with_every_look(desk):
    entry = finished(desk)
    for _ in range(300):
        look(desk, 0, [desk.stop_of(entry)])
        if desk.state.book.records[entry.stop_id].state is OrderState.CANCEL_SENT:
            desk.say(entry.stop_id, OrderStatus.CANCEL_REJECTED, "no such order")
    assert 2 <= len(desk.venue.cancelled) <= 10


def test_a_stop_that_was_thought_gone_and_works_covers_its_lot_again(desk):
    entry = desk.enter()
    desk.say(entry.stop_id, OrderStatus.CANCELLED)
    row = [desk.stop_of(entry)]
    look(desk, entry.contracts, row, times=15)
    assert desk.stops == [(entry.contracts, row[0].trigger_ticks)]
    assert ([order.role for order in desk.venue.sent], desk.venue.cancelled) == ([Role.ENTRY], [])


# Positions on the other side ------------------------------------------------------------------------------------------


def test_what_stands_on_the_other_side_gets_a_stop_after_two_looks_and_our_own_stays_for_ten_seconds(desk):
    entry = desk.enter()
    own, n = desk.stop_of(entry), entry.contracts
    look(desk, n, [own])
    look(desk, -n, [own], times=25)
    assert did(desk)[:2] == (1, 0)
    look(desk, -n, [own], times=10)
    stop = desk.sent(Role.STOP)
    assert (stop.side, stop.contracts, stop.trigger_ticks > 80_000) == (1, n, True)
    assert desk.venue.cancelled == []
    assert any(f"{-n:+d} {SYMBOL} stands unprotected" in text for text in desk.alarms)
    desk.accept(stop, "S2")
    rows = [own, VenueOrder("S2", stop.order_id, SYMBOL, 1, n, True, stop.trigger_ticks)]
    look(desk, -n, rows, times=LARGEST_NS // TENTH_NS - 20)
    assert desk.venue.cancelled == [entry.stop_id]
    assert len(desk.venue.sent) == 2


def test_a_sign_that_turns_round_for_two_seconds_changes_nothing_and_one_that_turned_for_longer_is_put_right(desk):
    entry = desk.enter()
    own, n = desk.stop_of(entry), entry.contracts
    desk.clock.advance_to(desk.clock.now_ns() + 60 * SECOND_NS)
    look(desk, -n, [own], times=20)
    look(desk, n, [own], times=10)
    assert did(desk) == (1, 0, 0)
    desk.command("resume")
    look(desk, -n, [own], times=40)
    stop = desk.sent(Role.STOP)
    desk.accept(stop, "S2")
    rows = [own, VenueOrder("S2", stop.order_id, SYMBOL, 1, n, True, stop.trigger_ticks)]
    look(desk, n, rows, times=5)
    assert desk.venue.cancelled == [stop.order_id]


def test_while_the_broker_disagrees_it_is_asked_every_second(desk):
    desk.survey(2, times=3)
    asked = desk.venue.asked
    for _ in range(30):
        desk.clock.advance_to(desk.clock.now_ns() + SECOND_NS)
        desk.engine.poll_venue()
    assert desk.venue.asked - asked >= 30


def test_a_flatten_by_a_person_closes_what_the_broker_shows(desk):
    entry = desk.enter()
    look(desk, -entry.contracts, [desk.stop_of(entry)], times=15)
    desk.command("flatten")
    desk.clock.advance_to(desk.clock.now_ns() + 10 * SECOND_NS)
    look(desk, -entry.contracts, [desk.stop_of(entry)], times=15)
    close = desk.sent(Role.FLATTEN)
    assert (close.side, close.contracts) == (1, entry.contracts)
    desk.hear(desk.fill(close, "F9"))
    look(desk, 0, times=15)
    desk.clock.advance_to(desk.clock.now_ns() + 60 * SECOND_NS)
    look(desk, 0, times=15)
    assert sum(order.role is Role.FLATTEN for order in desk.venue.sent) == 1


def test_a_list_doubled_for_a_moment_after_a_long_difference_is_not_what_a_halt_closes(desk):
    """That the two sides differ is settled by then; how many the broker holds is seen anew."""
    n = desk.enter().contracts
    desk.survey(0, times=8)
    desk.command("halt")
    reconnect(desk)
    look(desk, 2 * n, times=5)
    assert [order.role for order in desk.venue.sent] == [Role.ENTRY]
    desk.survey(n, times=8)
    assert desk.sent(Role.FLATTEN).contracts == n


def test_an_old_list_of_positions_after_a_reconnection_is_one_look_though_it_was_shown_before(desk):
    """Somebody closed his position meanwhile: a close of what was held before the line was cut would open another."""
    desk.survey(2, times=3)
    reconnect(desk)
    desk.command("halt")
    look(desk, 2, times=5)
    look(desk, 0, times=15)
    assert desk.venue.sent == []


def test_a_contradiction_after_a_persons_halt_leaves_what_the_account_holds_to_be_closed(desk):
    desk.enter()
    desk.command("halt")
    close = desk.sent(Role.FLATTEN)
    desk.hear(desk.fill(close, "F9"))
    desk.engine.record(ev.ContradictionFound(desk.clock.now_ns(), "the venue contradicts our record"), 0)
    desk.survey(-2, times=12)
    assert (desk.sent(Role.FLATTEN).side, desk.sent(Role.FLATTEN).contracts) == (1, 2)


def test_a_position_of_somebody_else_is_closed_by_a_person_alone(desk):
    desk.survey(2, times=3)
    assert desk.venue.sent == []
    desk.command("halt")
    look(desk, 2, times=15)
    assert [(o.role, o.side, o.contracts) for o in desk.venue.sent] == [(Role.FLATTEN, -1, 2)]


# Fills ----------------------------------------------------------------------------------------------------------------


def bent(desk: BrokerDesk, entry, how: str) -> Fill:
    changes = {
        "symbol": {"symbol": "ESZ25"},
        "micro": {"symbol": "MNQZ25"},
        "side": {"side": -1},
        "size": {"contracts": 48},
    }
    return msgspec.structs.replace(desk.fill(entry, "F1"), **changes[how])


@pytest.mark.parametrize("how", ["symbol", "micro", "side", "size"])
def test_a_fill_that_does_not_fit_its_order_is_not_booked_and_the_broker_is_asked(desk, how):
    entry = desk.order_entry()
    asked = desk.venue.asked
    desk.hear(bent(desk, entry, how))
    assert (desk.fills, desk.position) == ([], 0)
    assert desk.state.risk.distrust is not None
    assert desk.venue.asked > asked
    (alarm,) = [text for text in desk.alarms if "is not booked" in text]
    assert "cannot be" in alarm
    assert desk.flat_bar(p=SURE).orders == ()
    assert folded(desk).risk.distrust is not None


def test_the_true_fill_of_the_same_number_is_found_in_the_survey(desk):
    entry = desk.order_entry()
    desk.hear(bent(desk, entry, "size"))
    true = listed(desk.fill(entry, "F1"), "P1")
    desk.survey(entry.contracts, orders=[desk.stop_of(entry)], fills=[true], times=3)
    assert [fill.contracts for fill in desk.fills] == [entry.contracts]


def test_a_wrong_fill_that_the_surveys_repeat_is_one_alarm(desk):
    entry = desk.order_entry()
    wrong = listed(bent(desk, entry, "size"), "P1", named=True)
    desk.survey(0, orders=[VenueOrder("P1", entry.order_id, SYMBOL, 1, entry.contracts, False)], fills=[wrong], times=5)
    assert sum("is not booked" in text for text in desk.alarms) == 1
    assert len(desk.events(ev.FillRefused)) == 1


def test_what_is_beyond_an_order_is_refused_also_for_the_legs_of_a_bracket(desk):
    entry = desk.enter()
    desk.hit_target(entry)
    assert desk.position == 0
    desk.clock.advance_to(desk.clock.now_ns() + SECOND_NS)
    desk.hit_target(entry)
    assert desk.position == 0
    assert desk.state.risk.distrust is not None


def test_a_fill_said_again_is_journaled_once(desk):
    entry = desk.order_entry()
    fill = desk.fill(entry, "F1")
    desk.survey(entry.contracts, orders=[desk.stop_of(entry)], fills=[listed(fill, "P1")])
    desk.hear(fill, fill)
    assert len(desk.fills) == 1
    assert desk.state.risk.distrust is None


def test_a_fill_under_a_name_that_we_never_gave_is_somebody_elses(desk):
    desk.survey()
    desk.hear(Fill("X1", "NEVERGIVEN", SYMBOL, 1, 1, 80_000, desk.clock.now_ns(), 225, Role.ENTRY))
    assert [fill.role for fill in desk.fills] == [Role.UNKNOWN]
    assert "somebody else bought" in desk.alarms[-1]


# Stops that are no stops ----------------------------------------------------------------------------------------------


def test_a_stop_that_triggers_and_rests_unfilled_is_an_alarm_and_the_position_is_closed(desk):
    entry = desk.enter()
    row = desk.stop_of(entry)
    began_ns = desk.clock.now_ns()
    desk.price(row.trigger_ticks - 40, seconds=5)
    began_ns = desk.clock.now_ns()
    look(desk, entry.contracts, [row], times=5)
    assert len(desk.venue.sent) == 1
    look(desk, entry.contracts, [row], times=10)
    assert desk.clock.now_ns() - began_ns < 5 * SECOND_NS
    close = desk.sent(Role.FLATTEN)
    assert (close.side, close.contracts) == (-1, entry.contracts)
    assert any("stands unprotected: its stop at" in text for text in desk.alarms)


def test_one_that_the_broker_lists_as_a_limit_order_has_triggered(desk):
    entry = desk.enter()
    row = msgspec.structs.replace(desk.stop_of(entry), is_stop=False, trigger_ticks=0)
    look(desk, entry.contracts, [row], times=15)
    assert desk.sent(Role.FLATTEN).contracts == entry.contracts


def test_a_price_from_before_the_entry_passes_no_stop(desk):
    entry = desk.enter()
    desk.price(79_800, seconds=0)
    look(desk, entry.contracts, [desk.stop_of(entry)], times=15)
    assert len(desk.venue.sent) == 1


def test_a_stop_that_expires_is_placed_again_or_an_alarm_says_unprotected(desk):
    entry = desk.enter()
    asked = desk.venue.asked
    desk.say(entry.stop_id, OrderStatus.CANCELLED, "expired")
    assert desk.venue.asked > asked
    began_ns = desk.clock.now_ns()
    while desk.clock.now_ns() < began_ns + BARE_NS + SECOND_NS:
        look(desk, entry.contracts)
        for stop in [o for o in desk.venue.sent if o.role is Role.STOP]:
            if desk.state.book.records[stop.order_id].state is OrderState.SENT:
                desk.say(stop.order_id, OrderStatus.REJECTED, "the market is closed")
    assert any(order.role is Role.STOP for order in desk.venue.sent)
    assert any("stands unprotected: stops of MinhOS rest for 0 of it" in text for text in desk.alarms)


# Closes that are refused ----------------------------------------------------------------------------------------------


def refuse(desk: BrokerDesk, order, reason: str) -> None:
    desk.hear(OrderReport(order.order_id, OrderStatus.REJECTED, desk.clock.now_ns(), reason, venue_id="X"))


def test_a_close_that_is_refused_is_tried_again_smaller_and_later(desk):
    entry = desk.enter()
    row = [desk.stop_of(entry)]
    look(desk, entry.contracts, row)
    desk.command("halt")
    sizes, times = [], []
    for _ in range(600):
        closes = [o for o in desk.venue.sent if o.role is Role.FLATTEN]
        if len(closes) > len(sizes):
            sizes.append(closes[-1].contracts)
            times.append(desk.clock.now_ns())
            refuse(desk, closes[-1], "clip size")
        look(desk, entry.contracts, row)
    pauses = [round((b - a) / SECOND_NS) for a, b in itertools.pairwise(times)]
    assert sizes[:3] == [entry.contracts, entry.contracts // 2, max(1, entry.contracts // 4)]
    assert pauses[0] >= 5
    assert sorted(pauses) == pauses
    assert any("was refused (clip size)" in text for text in desk.alarms)


def test_the_rest_of_a_close_that_got_through_in_part_follows_at_once(desk):
    entry = desk.enter()
    row = [desk.stop_of(entry)]
    look(desk, entry.contracts, row)
    desk.command("halt")
    refuse(desk, desk.sent(Role.FLATTEN), "clip size")
    left = entry.contracts
    for i in range(200):
        close = desk.sent(Role.FLATTEN)
        if desk.state.book.records[close.order_id].state is OrderState.SENT:
            left -= close.contracts
            desk.hear(desk.fill(close, f"C{i}"))
        look(desk, left, [msgspec.structs.replace(row[0], contracts=left)] if left else [])
    assert desk.position == 0


def test_a_decisions_exit_that_is_refused_is_tried_again_before_the_next_bar(desk):
    entry = desk.enter()
    row = [desk.stop_of(entry)]
    look(desk, entry.contracts, row)
    desk.flat_bar(p=0.2)
    exit_ = next(order for order in desk.venue.sent if order.role in (Role.EXIT, Role.REDUCE))
    refuse(desk, exit_, "price band")
    for sibling in [o for o in desk.venue.sent if o.role is Role.ENTRY and o is not entry]:
        refuse(desk, sibling, "held on the other side")
    look(desk, entry.contracts, row, times=80)
    assert sum(order.role is Role.FLATTEN for order in desk.venue.sent) == 1
    assert (desk.sent(Role.FLATTEN).contracts, desk.sent(Role.FLATTEN).side) == (max(1, exit_.contracts // 2), -1)


def test_a_flatten_that_nothing_demands_again_is_tried_again_when_it_was_refused(desk):
    """As that of a decision before the session's end."""
    entry = desk.enter()
    row = [desk.stop_of(entry)]
    look(desk, entry.contracts, row)
    desk.engine.flatten("the session ends in 5 minutes", "risk manager", desk.clock.now_ns())
    first = desk.sent(Role.FLATTEN)
    refuse(desk, first, "margin")
    look(desk, entry.contracts, row, times=80)
    second = desk.sent(Role.FLATTEN)
    assert (second.order_id != first.order_id, second.contracts) == (True, entry.contracts // 2)
    refuse(desk, second, "margin")
    desk.survey(entry.contracts, orders=row, times=12)
    third = desk.sent(Role.FLATTEN)
    assert third.contracts == max(1, entry.contracts // 4)
    desk.hear(desk.fill(third, "F3"))
    assert desk.sent(Role.FLATTEN).order_id != third.order_id


# Entries that rest ----------------------------------------------------------------------------------------------------


def test_an_entry_whose_cancel_was_refused_is_taken_back_again_after_a_halt_with_nothing_held(desk):
    entry = desk.order_entry()
    row = [VenueOrder("P1", entry.order_id, SYMBOL, 1, entry.contracts, False)]
    desk.command("halt")
    desk.say(entry.order_id, OrderStatus.CANCEL_REJECTED, "not now")
    for _ in range(80):
        look(desk, 0, row)
    assert desk.venue.cancelled.count(entry.order_id) >= 2
    assert desk.flat_bar(p=SURE).outcome is Outcome.BLOCKED


# Paths of all kinds ---------------------------------------------------------------------------------------------------


def test_a_replay_of_what_the_broker_said_gives_the_same_state(desk):
    entry = desk.enter()
    look(desk, 0, times=15)
    look(desk, -1, [desk.stop_of(entry)], times=15)
    desk.hear(bent(desk, entry, "side"))
    desk.command("flatten")
    look(desk, -1, times=15)
    desk.command("resume")
    look(desk, 0, times=15)
    replayed = remembered(folded(desk))
    assert replayed == remembered(desk.state)
    assert replayed != remembered(folded(BrokerDesk())), "what was said left something to compare"
