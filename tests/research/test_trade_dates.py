"""An event is of the trade date that its own time has by the calendar, whatever the state was before it."""

from __future__ import annotations

import random

import pytest
from recorded_journal import CALENDAR, SYMBOL, trading

from minhos.accounting.types import Fill, Order, Role
from minhos.journal.memory import MemoryJournal
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Bar, Price, Slice
from minhos.research.compare import compare, newest_date
from minhos.research.sessions import check_sessions
from minhos.testing.builders import ns
from minhos.trading import events as ev
from minhos.trading.engine import FUTURE_NS, Engine, not_ahead
from minhos.trading.recovery import reconcile
from minhos.trading.trade_dates import UNKNOWN_DATE, trade_date_of
from minhos.trading.venue import OrderReport, OrderStatus, VenueStatus

ENDS = ("price", "price in the break", "bar", "restart", "restart and price", "fill")
"""What comes first after a session's last bar."""
SPANS = {"plain": 20251020, "DST ends": 20251030, "half days": 20251125, "Christmas": 20251223, "DST": 20260305}


class Run:
    """Five sessions of a few bars each, with fills by hand, and what the ledger said last of each trade date."""

    def __init__(self, first: int, seed: int) -> None:
        self.rng, self.journal, self.bars = random.Random(seed), MemoryJournal(), []
        self.ticks, self.fills = 80_000, 0
        self.closed: dict[int, tuple[int, int]] = {}
        self.engine: Engine | None = None
        date = first
        for i in range(5):
            self.session = CALENDAR.session_on(date)
            self.begin(ENDS[self.rng.randrange(len(ENDS))] if i else "restart")
            for close_ns in self.closes():
                self.bar(close_ns)
                if self.rng.random() < 0.7:
                    self.fill(close_ns + self.rng.randrange(1, 60) * NANOS_PER_SECOND)
            date = CALENDAR.next_trade_date(date)

    def closes(self) -> list[int]:
        expected = CALENDAR.expected_closes(self.session).tolist()
        return [expected[0], expected[len(expected) // 2], *expected[-2:]]

    def begin(self, how: str) -> None:
        open_ns, wait_ns = self.session.open_ns, self.rng.randrange(1, 10**9)
        if how.startswith("restart"):
            self.engine = trading(self.journal, open_ns - 20 * NANOS_PER_MINUTE)
            self.engine.load_history(self.bars, reset=True)
            reconcile(self.engine, open_ns - 20 * NANOS_PER_MINUTE)
            self.note()
        if how.endswith("price"):
            self.price(open_ns + wait_ns)
        elif how == "price in the break":
            self.price(open_ns - 30 * NANOS_PER_MINUTE)
        elif how == "fill":
            self.fill(open_ns + wait_ns)

    def move(self) -> int:
        self.ticks += self.rng.randrange(-60, 61)
        return self.ticks

    def bar(self, close_ns: int) -> None:
        opened, closed = self.move(), self.move()
        bar = Bar(SYMBOL, close_ns, opened, max(opened, closed) + 2, min(opened, closed) - 2, closed, 500)
        self.bars.append(bar)
        self.engine.clock.advance_to(close_ns)
        self.engine.on_slice(Slice(close_ns, (bar,)), close_ns + NANOS_PER_SECOND // 3)
        self.note()

    def price(self, time_ns: int) -> None:
        self.engine.clock.advance_to(time_ns)
        self.engine.on_price(Price(SYMBOL, time_ns, self.move()))
        self.note()

    def fill(self, time_ns: int) -> None:
        self.fills += 1
        side, name = self.rng.choice((1, -1)), f"hand-{self.fills}"
        self.engine.clock.advance_to(time_ns)
        self.engine.take([Fill(name, name, SYMBOL, side, 1, self.move(), time_ns, 225, Role.UNKNOWN)], time_ns)
        self.note()

    def note(self) -> None:
        account = self.engine.state.ledger.account()
        self.closed[account.trade_date] = account.day_pnl_cents, account.equity_cents


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("span", SPANS)
def test_a_days_result_is_the_ledgers_however_the_day_ended_and_the_days_add_up(span, seed):
    run = Run(SPANS[span], seed)
    dates = [date for date in run.closed if date]
    for date in dates:
        assert compare(run.journal, date).paper_pnl_cents == run.closed[date][0]
    assert sum(run.closed[date][0] for date in dates) == run.closed[dates[-1]][1] - 25_000_000 != 0
    checked = check_sessions(run.journal, calendar=CALENDAR)
    assert [check.trade_date for check in checked.checks] == dates


def test_the_newest_day_is_that_of_its_last_bar_though_that_was_received_in_the_break():
    run = Run(20251020, 0)
    assert newest_date(run.journal, CALENDAR) == 20251024


def test_the_first_fill_of_a_session_counts_on_its_date():
    run = Run(20251020, 0)
    before = run.engine.state.ledger.account()
    open_ns = CALENDAR.session_on(20251027).open_ns
    run.fill(open_ns + 5)
    after = run.engine.state.ledger.account()
    assert (before.trade_date, after.trade_date) == (20251024, 20251027)
    assert after.day_pnl_cents == after.equity_cents - before.equity_cents
    assert after.commission_day_cents == 225


@pytest.mark.parametrize("stamp", [0, ns("2025-10-24T21:00:01Z"), ns("2025-10-28T15:00Z"), ns("2099-01-01T00:00Z")])
def test_a_fills_stamp_in_a_break_or_far_off_begins_no_date(stamp):
    run = Run(20251020, 0)
    run.engine.take([Fill("x", "x", SYMBOL, 1, 1, 80_000, stamp, 225, Role.UNKNOWN)], stamp)
    assert run.engine.state.ledger.account().trade_date == 20251024


def test_a_fill_that_a_broker_stamps_in_the_future_happened_now():
    now_ns = ns("2025-10-24T15:00Z")
    early = Fill("x", "x", SYMBOL, 1, 1, 80_000, now_ns + FUTURE_NS + 1, 225, Role.UNKNOWN)
    assert not_ahead(early, now_ns).time_ns == now_ns
    report = OrderReport("o", OrderStatus.ACCEPTED, now_ns + 2 * FUTURE_NS)
    assert not_ahead(report, now_ns) is report


CLOSE = ns("2025-10-24T21:00Z")  # a Friday
FILL = Fill("x", "x", SYMBOL, 1, 1, 80_000, CLOSE + 1, 225, Role.UNKNOWN)
ORDER = Order("o", SYMBOL, 1, 1, Role.ENTRY)
AFTER = [
    (ev.EngineStarted(CLOSE + 1, "paper", "a", "1", 1), 20251027),
    (ev.OrderIntended(ORDER, CLOSE + 1), 20251027),
    (ev.PriceSeen(Price(SYMBOL, CLOSE, 1)), 20251024),
    (ev.PriceSeen(Price(SYMBOL, CLOSE + 1, 1)), 20251027),
    (ev.SliceClosed(CLOSE + NANOS_PER_SECOND, Slice(CLOSE, ())), 20251024),
    (ev.HistoryLoaded(CLOSE + 1, (Bar(SYMBOL, CLOSE, 1, 1, 1, 1, 1),), True), 20251024),
    (ev.HistoryLoaded(CLOSE + 1, (), True), 20251027),
    (ev.OrderFilled(FILL), 20251024),
    (ev.VenueReported(OrderReport("o", OrderStatus.ACCEPTED, CLOSE + 1)), 20251027),
    (ev.VenueStatusSeen(VenueStatus(CLOSE + 1, True, "")), 20251027),
    (ev.Reconciled(0), UNKNOWN_DATE),
    (ev.Retired("TimerFired"), UNKNOWN_DATE),
]


@pytest.mark.parametrize(("event", "date"), AFTER, ids=lambda value: type(value).__name__)
def test_each_kind_of_event_at_a_close(event, date):
    assert trade_date_of(event, CALENDAR) == date
