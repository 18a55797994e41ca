"""A week of sessions without one word of trouble: the end of daylight saving time, a half day, and a roll."""

from __future__ import annotations

import logging
from collections import Counter

import msgspec
import numpy as np
import pytest
from answering_broker import AnsweringBroker
from structlog.testing import capture_logs
from trading_desk import MODEL, FixedFeatures, Told, settings_with

from minhos.journal.memory import MemoryJournal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import BAR_INTERVAL_NS, Bar, Slice
from minhos.testing.builders import NQ, ns
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.recovery import reconcile
from minhos.trading.state import TradingState
from minhos.trading.types import Outcome
from minhos.venues.paper import PaperVenue

FRIDAY, HALF_DAY, LAST = 20251031, 20251105, 20251107
OLD, NEXT = "NQZ25", "NQH26"
ROLL_ON = 20251106
"""From this trade date the next contract is followed; the old one is left on the day before."""
LEAVING = 20251105
CARRY_TICKS = 700
MS_NS = 1_000_000


def settings_for(contract, leaving=""):
    return msgspec.structs.replace(
        settings_with(),
        instruments={contract: NQ},
        signal_symbol=contract,
        order_symbol=contract,
        leaving=leaving,
        settings_id=contract + leaving,
    )


@pytest.fixture(scope="module")
def calendar(tmp_path_factory):
    """The exchange's calendar, with a half day on the Wednesday."""
    path = tmp_path_factory.mktemp("calendar") / "overrides.csv"
    half_day = "20251105,2025-11-04T18:00-05:00,2025-11-05T13:15-05:00,a test"
    path.write_text(f"trade_date,open,close,source\n{half_day}\n")
    return SessionCalendar.load(path)


@pytest.fixture(scope="module")
def sessions(calendar):
    found = calendar.sessions(ns("2025-10-30T18:00-04:00"), ns("2025-11-07T17:00-05:00"))
    return [session for session in found if FRIDAY <= session.trade_date <= LAST]


class Week:
    """One engine and its venue over all bars of the sessions; what is forecast comes from a seed."""

    def __init__(self, calendar, sessions, venue) -> None:
        self.calendar, self.sessions, self.venue = calendar, sessions, venue
        self.clock = SimulatedClock(sessions[0].open_ns)
        self.told, self.journal = Told(), MemoryJournal()
        self.state = TradingState(calendar, FixedFeatures())
        self.engine = Engine(self.state, venue, self.clock, self.journal, self.told)
        self.engine.start(settings_for(OLD), mode="paper", account="week", version="1", cash_cents=25_000_000)
        self.engine.activate_model(MODEL, self.told)
        reconcile(self.engine, self.clock.now_ns())
        self.chance = np.random.default_rng(7)
        self.price, self.contract = 100_000, OLD

    def run(self) -> None:
        if isinstance(self.venue, AnsweringBroker):
            self.venue.connect(self.clock.now_ns())
        for session in self.sessions:
            self._turn(session.trade_date)
            self.clock.advance_to(session.open_ns)
            self.venue.ask()  # as a broker's venue does by itself every minute
            self._hear()
            for close_ns in self.calendar.expected_closes(session):
                self._bar(int(close_ns))

    def _turn(self, trade_date) -> None:
        if trade_date == LEAVING:
            self.engine.activate_settings(settings_for(OLD, leaving="its volume has moved on"))
        elif trade_date == ROLL_ON:
            self.contract, self.price = NEXT, self.price + CARRY_TICKS
            self.venue.add_instrument(NEXT, NQ)
            self.engine.activate_settings(settings_for(NEXT))

    def _bar(self, close_ns) -> None:
        moves = self.chance.integers(-30, 31, 3).cumsum() + self.price
        self.told.says = float(self.chance.uniform(0.3, 0.72))
        closed = Bar(
            self.contract,
            close_ns,
            self.price,
            int(max(moves.max(), self.price)),
            int(min(moves.min(), self.price)),
            int(moves[-1]),
            1_000,
        )
        self.price = closed.close_ticks
        self.clock.advance_to(close_ns)
        self.engine.on_slice(Slice(close_ns, (closed,)), close_ns)
        self._hear()

    def _hear(self) -> None:
        self.clock.advance_to(self.clock.now_ns() + MS_NS)
        while self.engine.poll_venue():
            self.clock.advance_to(self.clock.now_ns() + MS_NS)

    def events(self, kind):
        decoded = (ev.decode(record.kind, record.payload) for record in self.journal.records())
        return [event for event in decoded if isinstance(event, kind)]


@pytest.fixture(scope="module", params=[PaperVenue, AnsweringBroker])
def week(request, calendar, sessions):
    week = Week(calendar, sessions, request.param({OLD: NQ}))
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = said.append
    logging.getLogger().addHandler(handler)
    with capture_logs() as lines:
        week.run()
    logging.getLogger().removeHandler(handler)
    week.log = said + [line for line in lines if line["log_level"] in ("warning", "error", "critical")]
    return week


def test_the_week_is_the_one_that_is_meant(sessions):
    by_date = {session.trade_date: session for session in sessions}
    assert list(by_date) == [FRIDAY, 20251103, 20251104, HALF_DAY, ROLL_ON, LAST]
    assert by_date[FRIDAY].open_ns == ns("2025-10-30T22:00Z")
    assert by_date[20251103].open_ns == ns("2025-11-02T23:00Z"), "clocks went back that morning"
    assert by_date[HALF_DAY].close_ns == ns("2025-11-05T18:15Z")


def test_every_bar_has_its_decision_under_its_trade_date(week, calendar, sessions):
    decisions = [event.decision for event in week.events(ev.DecisionMade)]
    closes = [int(close) for session in sessions for close in calendar.expected_closes(session)]
    assert [decision.close_time_ns for decision in decisions] == closes
    outcomes = Counter(decision.outcome for decision in decisions)
    assert not outcomes.keys() & {Outcome.MARKET_CLOSED, Outcome.MISSING_BAR, Outcome.LATE, Outcome.NO_FORECAST}
    assert outcomes[Outcome.TRADE] > 100
    assert all(session.open_ns + BAR_INTERVAL_NS in closes for session in sessions)


def test_there_is_not_one_alarm_and_not_one_line_in_the_log(week):
    assert [event.text for event in week.events(ev.Alarm)] == []
    assert week.log == []
    assert [event.differences for event in week.events(ev.Reconciled) if event.differences] == []
    assert week.state.contradiction == ""
    assert week.state.risk.distrust is None


def test_both_contracts_are_traded_and_the_old_one_is_left_flat(week):
    fills = [event.fill for event in week.events(ev.OrderFilled)]
    held = Counter()
    for fill in fills:
        held[fill.symbol] += fill.side * fill.contracts
    assert set(held) == {OLD, NEXT}
    assert held[OLD] == 0
    last_of_old = max(fill.time_ns for fill in fills if fill.symbol == OLD)
    first_of_next = min(fill.time_ns for fill in fills if fill.symbol == NEXT)
    assert last_of_old < first_of_next


def test_the_stops_equal_the_position_at_the_end(week):
    position = week.state.ledger.account().position(NEXT).contracts
    stops = sum(record.contracts - record.filled for record in week.state.book.stops(NEXT))
    assert stops == abs(position)
    assert week.state.book.stops(OLD) == []
    if isinstance(week.venue, AnsweringBroker):
        assert week.venue.held[NEXT] == position
