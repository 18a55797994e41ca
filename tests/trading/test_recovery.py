"""The process ends after any one event of the journal; what starts again over that journal has lost nothing."""

import msgspec
import pytest
from trading_desk import CALENDAR, SYMBOL, Desk, FixedFeatures, MirroredEngine, is_whole, remembered, settings_with

from minhos.accounting.types import Fill, Order, OrderType, Role
from minhos.errors import JournalError
from minhos.journal.memory import MemoryJournal
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev
from minhos.trading.order_states import OrderState, Trigger
from minhos.trading.recovery import reconcile, restore_snapshot, take_snapshot
from minhos.trading.state import TradingState
from minhos.trading.types import Outcome
from minhos.trading.venue import OrderReport, OrderStatus
from minhos.venues.matching import MatchingParameters

PRICE = 80_000
CASH_CENTS = 12_500_000
ROUND_TRIP = [
    ("bar", 0, 0, 0, 0.66),  # buy 2
    ("bar", 0, 0, 0, 0.75),  # buy 2 more
    ("price", 5),
    ("bar", 0, 10, -10, 0.67),  # sell the newest
    ("bar", 0, 0, 0, 0.25),  # close and sell
    ("bar", 0, 0, 0, 0.25),
    ("price", 140),  # through the stop of the short
    ("bar", 150, 10, -10, 0.75),  # buy
    ("bar", 150, 0, -200, 0.75),  # bought and stopped in one bar
    ("bar", 0, 0, 0, 0.75),
    ("bar", 0, 0, 0, 0.75),
    ("command", "halt"),
    ("price", 1),
    ("bar", 0, 0, 0, 0.75),
    ("command", "resume"),
    ("bar", 0, 0, 0, 0.75),
    ("bar", 0, 5, -5, 0.75),
    *[("bar", 0, 0, 0, 0.5)] * 5,
]


class KilledError(Exception):
    """The process is gone; its journal is not."""


class DyingJournal(MemoryJournal):
    """Ends the process right after its `left`-th append."""

    left = -1

    def append(self, kind, payload, time_ns, *, version=1, durable=False):
        sequence = super().append(kind, payload, time_ns, version=version, durable=durable)
        self.left -= 1
        if self.left == 0:
            raise KilledError
        return sequence


def desk_over(journal: DyingJournal) -> Desk:
    settings = settings_with(risk={"max_consecutive_losses": 20})
    desk = Desk(settings, journal=journal, cash_cents=CASH_CENTS, engine_class=MirroredEngine)
    last = desk.state.last_close_ns
    desk.next_bar = 0 if not last else (last - MONDAY_OPEN) // (desk.close_ns(1) - desk.close_ns(0))
    return desk


def take(desk: Desk, what: str, *values) -> None:
    match what:
        case "bar":
            offset, up, down, p = values
            at = PRICE + offset
            desk.bar(at, at + up, at + down, at, p=p)
        case "price":
            desk.price(PRICE + values[0])
        case "command":
            desk.command(values[0])


def is_journaled(journal: MemoryJournal, before: int) -> bool:
    """Whether the input that was being taken in when the process ended had reached the journal."""
    return any(record.kind in ("SliceClosed", "CommandReceived", "PriceSeen") for record in journal.records(before))


def run(*kill_after: int) -> tuple[Desk, int]:
    """The whole round trip over one journal, killed after so many appends each time; (last desk, kills)."""
    journal, kills, i = DyingJournal(), list(kill_after), 0
    desk, died, before = None, 0, 0
    journal.left = kills.pop(0) if kills else -1
    while i < len(ROUND_TRIP):
        try:
            if desk is None:
                desk = desk_over(journal)
                is_whole(desk)
            before = journal.last
            take(desk, *ROUND_TRIP[i])
            is_whole(desk)
            i += 1
        except KilledError:
            died += 1
            if desk is not None and is_journaled(journal, before):
                i += 1
            journal.left = kills.pop(0) if kills else -1
            desk = None
    return desk or desk_over(journal), died


def n_appends() -> int:
    return run()[0].journal.last


def test_the_round_trip_has_all_that_can_be_cut_short():
    desk, _ = run()
    assert {fill.role for fill in desk.fills} >= {Role.ENTRY, Role.ADD, Role.REDUCE, Role.EXIT, Role.STOP}
    assert {order.role for order in desk.intents} >= {Role.FLATTEN}
    assert {event.report.status for event in desk.events(ev.VenueReported)} == {
        OrderStatus.ACCEPTED,
        OrderStatus.CANCELLED,
        OrderStatus.RESIZED,
    }
    assert desk.position == 0


def test_a_kill_after_any_event_loses_nothing():
    for k in range(1, n_appends() + 1):
        desk, died = run(k)
        assert died == 1, k
        assert desk.position == 0, k
        closes = [decision.close_time_ns for decision in desk.decisions]
        assert closes == sorted(set(closes)), k
        assert len(closes) == sum(what == "bar" for what, *_ in ROUND_TRIP), k
        assert len(desk.events(ev.TradeClosed)) == flat_moments(desk.fills), k


@pytest.mark.parametrize("again", range(1, 7))
def test_a_kill_while_coming_back_loses_nothing(again):
    for k in range(5, n_appends() - 15, 3):
        desk, died = run(k, again)
        assert (died, desk.position) == (2, 0), k


def flat_moments(fills: list[Fill]) -> int:
    held = moments = 0
    for fill in fills:
        held += fill.side * fill.contracts
        moments += held == 0
    return moments


def test_an_order_that_was_never_acknowledged_is_not_sent_again():
    journal = DyingJournal()
    desk = desk_over(journal)
    journal.left = 3  # slice, decision, intent
    with pytest.raises(KilledError):
        take(desk, "bar", 0, 0, 0, 0.75)
    (intent,) = desk.intents
    back = desk_over(journal)
    assert back.state.book.records[intent.order_id].state is OrderState.REJECTED
    assert back.venue._book.markets == {}
    assert back.flat_bar(p=0.75).orders[0].order_id != intent.order_id


def test_a_broker_is_asked_about_an_order_it_never_answered():
    desk = Desk()
    desk.venue.answers_at_once = desk.venue.owns_account = False
    desk.venue.submit = lambda order, time_ns: []
    adopted = []
    desk.venue.adopt = lambda orders, positions: adopted.extend(orders)
    desk.flat_bar(p=0.75)
    (intent,) = desk.intents
    reconcile(desk.engine, desk.clock.now_ns())
    assert desk.state.book.records[intent.order_id].state is OrderState.UNKNOWN
    assert [(order.order_id, left) for order, left in adopted] == [
        (intent.order_id, intent.contracts),
        (intent.stop_id, intent.contracts),
    ], "both may rest at the broker"
    assert desk.flat_bar(p=0.75).orders == ()


def test_a_bar_cut_short_is_matched_to_its_end_and_decided_late():
    journal = DyingJournal()
    desk = desk_over(journal)
    for p in (0.75, 0.75):
        take(desk, "bar", 0, 0, 0, p)
    journal.left = 1
    with pytest.raises(KilledError):
        take(desk, "bar", 0, 0, -300, 0.75)  # only the slice is in the journal: its stop has not filled
    assert desk.position == 4
    back = desk_over(journal)
    assert (back.position, back.fills[-1].role) == (0, Role.STOP)
    assert (back.decisions[-1].outcome, back.decisions[-1].close_time_ns) == (Outcome.LATE, desk.close_ns(2))


def test_a_lot_whose_stop_was_lost_gets_another_at_the_same_price():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    stops = desk.stops
    (stop,) = desk.state.book.stops(SYMBOL)
    lost = OrderReport(stop.order.order_id, OrderStatus.CANCELLED, desk.clock.now_ns(), "cancelled at the broker")
    desk.engine.record(ev.VenueReported(lost), lost.time_ns)
    assert desk.stops == []
    back = Desk(journal=desk.journal)
    assert back.stops == back.venue_stops == stops
    assert back.intents[-1].order_type is OrderType.STOP
    assert any("without its stop" in alarm.text for alarm in back.events(ev.Alarm))


def test_a_halt_stays_a_halt():
    desk = Desk()
    desk.flat_bar()
    desk.command("halt")
    back = Desk(journal=desk.journal)
    back.next_bar = desk.next_bar
    decision = back.flat_bar(p=0.75)
    assert (decision.orders, decision.verdict.bound) == ((), "halted")


def test_a_venue_that_contradicts_the_journal_halts_now_and_after_a_restart():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    entry = desk.intents[0]
    odd = OrderReport(entry.order_id, OrderStatus.REJECTED, desk.clock.now_ns())
    desk.engine._note([odd])
    assert desk.state.risk.halted is not None
    assert "contradicts our record" in desk.events(ev.Alarm)[-1].text
    back = Desk(journal=desk.journal)
    assert back.state.risk.halted == desk.state.risk.halted


def test_a_contradiction_whose_halt_was_not_written_halts_after_the_restart():
    journal = DyingJournal()
    desk = Desk(journal=journal)
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    journal.left = 1
    odd = OrderReport(desk.intents[0].order_id, OrderStatus.REJECTED, desk.clock.now_ns())
    with pytest.raises(KilledError):
        desk.engine._note([odd])
    assert Desk(journal=journal).state.risk.halted is not None


def test_a_fill_in_a_foreign_contract_is_refused_and_makes_flat_only():
    desk = Desk()
    desk.flat_bar()
    time_ns = desk.clock.now_ns()
    desk.engine._note([Fill("x-1", "x", "ESZ25", 1, 1, 20_000, time_ns, 225, Role.UNKNOWN)])
    assert "ESZ25" in desk.events(ev.Alarm)[-1].text
    assert "ESZ25" in Desk(journal=desk.journal).state.risk.distrust.why
    assert desk.fills == []


def test_a_snapshot_restores_the_state():
    desk, _ = run()
    desk.bar(PRICE, PRICE, PRICE, PRICE, p=0.75)
    desk.flat_bar(p=0.75)
    state = TradingState(CALENDAR, FixedFeatures())
    restore_snapshot(state, take_snapshot(desk.state))
    assert remembered(state) == remembered(desk.state)


def test_a_snapshot_of_another_version_is_refused():
    payload = msgspec.msgpack.encode({"version": 99})
    with pytest.raises(JournalError, match="snapshot"):
        restore_snapshot(TradingState(CALENDAR, FixedFeatures()), payload)


def test_a_stop_smaller_or_larger_than_its_lots_is_put_right():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    (stop,) = desk.state.book.stops(SYMBOL)
    shrunk: Order = msgspec.structs.replace(stop.order, contracts=2)
    report = OrderReport(shrunk.order_id, OrderStatus.RESIZED, desk.clock.now_ns(), order=shrunk)
    desk.engine.record(ev.VenueReported(report), report.time_ns)
    again = Desk(journal=desk.journal)
    is_whole(again)
    assert sum(contracts for contracts, _ in again.stops) == again.position == 5


def test_a_stop_that_grew_and_filled_in_part_numbers_its_fills_on_after_a_restart():
    """One contract a fill: the entry's fills make the stop grow from 1 to 3, and a restart lies between its own."""
    one_a_fill = MatchingParameters(max_contracts_per_fill=1)
    desk = Desk(matching=one_a_fill)
    desk.flat_bar(PRICE, p=0.75)
    for _ in range(3):
        desk.flat_bar(PRICE, p=0.75)
    assert desk.stops[0][0] == 3
    desk.price(PRICE - 300, seconds=1)
    again = Desk(journal=desk.journal, matching=one_a_fill)
    again.next_bar = desk.next_bar
    for seconds in (2, 3, 4, 5):
        again.price(PRICE - 300, seconds=seconds)
    ids = [fill.fill_id for fill in again.fills]
    assert len(set(ids)) == len(ids)
    assert (again.position, again.stops, again.venue._book.net[SYMBOL]) == (0, [], 0)


def test_a_stop_filled_in_part_before_a_restart_is_as_large_in_both_books_after_a_resize():
    """Of a stop of 5, 1 is filled; 4 rest after the restart, and 2 once two are closed."""
    desk = Desk(matching=MatchingParameters(max_contracts_per_fill=1))
    for _ in range(6):
        desk.flat_bar(PRICE, p=0.75)
    desk.price(PRICE - 300, seconds=1)
    again = Desk(journal=desk.journal)
    assert again.stops == again.venue_stops
    assert again.stops[0][0] == 4
    stop = again.state.book.stops(SYMBOL)[0]
    again.state.book.trigger(stop.order.order_id, Trigger.REQUEST_RESIZE)
    for report in again.venue.resize(stop.order.order_id, 2, MONDAY_OPEN):
        again.state.book.report(report)
    assert again.stops == again.venue_stops
    assert again.stops[0][0] == 2
