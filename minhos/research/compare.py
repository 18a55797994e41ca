"""Compare: one paper day against the backtest of the same bars and forecasts, row by row, each with its reason.

Both begin with the account and the risk that the journal shows at the day's start.  The backtest knows bars only, so
that it shows what prices between bars, late bars, restarts and people did to the paper day.  Whether the recorded
decisions themselves come out again is `replay`; it is asked here for the day as well, because a difference that
remains with the day's own fills is a defect and not a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
import numpy as np

from minhos.accounting.types import Fill
from minhos.errors import ModelError, NotEnoughData
from minhos.features.types import Observation
from minhos.journal.memory import MemoryJournal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import BAR_INTERVAL_NS, Bar, Instrument
from minhos.models.forecast import Forecast
from minhos.progress import Progress
from minhos.research.replay import Journal, decide_again, same_bits, standard_features
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.recovery import reconcile
from minhos.trading.state import Observe, TradingState
from minhos.trading.trade_dates import trade_date_of
from minhos.trading.types import Decision
from minhos.venues.matching import MatchingParameters
from minhos.venues.paper import PaperVenue
from minhos.words import utc

_REPORT_EVERY = 5_000
_NO_FEATURES = np.zeros(0, dtype=np.float32)
MANUAL = ("pause", "resume", "halt", "flatten", "arm", "disarm", "accept-position")


class Row(msgspec.Struct, frozen=True):
    """One difference.  what: decision, fill, slippage or P&L; money in dollars, prices in ticks."""

    time: str
    what: str
    paper: str
    backtest: str
    reason: str


class CompareReport(msgspec.Struct, frozen=True):
    """verdict: whether the backtest of the day is the paper day.

    undecided: recorded decisions that do not come out again from the day's own events; anything but 0 is a defect.
    """

    verdict: Literal["identical", "differs"]
    sentence: str
    trade_date: int
    bars: int
    paper_pnl_cents: int
    backtest_pnl_cents: int
    rows: tuple[Row, ...]
    undecided: int = 0


class Day(msgspec.Struct):
    """What the journal holds of one trade date."""

    trade_date: int
    events: list[ev.Event] = []
    decisions: dict[int, Decision] = {}
    fills: list[Fill] = []
    undecided: int = 0
    end_pnl_cents: int = 0


def compare(
    reader: Journal,
    trade_date: int = 0,
    *,
    calendar: SessionCalendar | None = None,
    features: Callable[[Instrument], Observe] | None = None,
    matching: MatchingParameters = MatchingParameters(),
    progress: Progress | None = None,
) -> CompareReport:
    """Backtest a paper day from the journal alone.

    Args:
        trade_date: as 20251006; the newest one with a decision where 0.
        matching: with which the paper venue ran.

    Raises:
        NotEnoughData: the journal holds no decision of that date.
    """
    calendar = calendar or SessionCalendar.load()
    trade_date = trade_date or newest_date(reader, calendar)
    start = TradingState(calendar, given_by_decisions({}))
    start.warming = False
    day = read_day(reader, trade_date, calendar, features or standard_features(calendar), start, progress)
    if not day.decisions:
        first, last = oldest_date(reader, calendar), newest_date(reader, calendar)
        raise NotEnoughData(f"the journal holds no decision of {trade_date}; its bars are of {first} to {last}.")
    tested = backtest_day(day, start, calendar, matching)
    rows = tuple(differences(day, tested))
    sentence = f"{trade_date}: {len(day.decisions)} bars, " + (
        f"{len(rows)} differences between paper and backtest." if rows else "paper and backtest are identical."
    )
    if day.undecided:
        sentence += f"  {day.undecided} decisions do not come out again from the day's own events: run replay."
    return CompareReport(
        "differs" if rows or day.undecided else "identical",
        sentence,
        trade_date,
        len(day.decisions),
        day.end_pnl_cents,
        tested.end_pnl_cents,
        rows,
        day.undecided,
    )


def newest_date(reader: Journal, calendar: SessionCalendar, *, before: int = 0) -> int:
    """Trade date of the last slice, or of the last one before that date.  Raises NotEnoughData where there is none."""
    newest = 0
    for record in reader.records(kinds=(ev.SliceClosed.__name__,)):
        date = trade_date_of(ev.decode(record.kind, record.payload, record.version), calendar)
        if date > newest and (date < before or not before):
            newest = date
    if not newest:
        when = f" before {before}" if before else ""
        raise NotEnoughData(f"the journal holds no bar{when} yet; there is nothing to compare.")
    return newest


def oldest_date(reader: Journal, calendar: SessionCalendar) -> int:
    """Trade date of the first slice; 0 for a journal without one."""
    for record in reader.records(kinds=(ev.SliceClosed.__name__,)):
        return trade_date_of(ev.decode(record.kind, record.payload, record.version), calendar)
    return 0


def read_day(
    reader: Journal,
    trade_date: int,
    calendar: SessionCalendar,
    features: Callable[[Instrument], Observe],
    start: TradingState,
    progress: Progress | None,
) -> Day:
    """The day's events; `start` is left as the account and risk were when its first bar closed."""
    day, state = Day(trade_date), TradingState(calendar, features)
    total, begun = max(1, reader.last), False
    for record in reader.records():
        event = ev.decode(record.kind, record.payload, record.version)
        date = trade_date_of(event, calendar)
        closes = isinstance(event, ev.SliceClosed)
        if closes and date > trade_date:
            break
        begun = begun or (closes and date == trade_date)
        if begun:
            take_in(day, state, event, date)
        else:
            start.apply(event)
            state.apply(event)
        if progress is not None and record.sequence % _REPORT_EVERY == 0:
            progress(record.sequence / total, f"event {record.sequence:,} of {total:,}")
    return day


def take_in(day: Day, state: TradingState, event: ev.Event, date: int) -> None:
    """Apply an event to the state, and keep what is the day's of it; a decision is made again from the state before.

    date: the event's own.  Its first slice begins a day.  What comes after its last one and before the next day's, such
    as the next session's first price, is not the day's; a fill is where the ledger books it.
    """
    if isinstance(event, ev.DecisionMade) and date == day.trade_date:
        day.decisions[event.decision.close_time_ns] = event.decision
        day.undecided += not same_bits(decide_again(state, event.decision), event.decision)
    state.apply(event)
    account = state.ledger.account()
    booked = account.trade_date == day.trade_date
    if booked:
        day.end_pnl_cents = account.day_pnl_cents
    if isinstance(event, ev.OrderFilled):
        if booked:
            day.fills.append(event.fill)
            day.events.append(event)
    elif date == day.trade_date:
        day.events.append(event)


# The backtest of the day ----------------------------------------------------------------------------------------------


def given_by_decisions(decisions: dict[int, Decision]) -> Callable[[Instrument], Observe]:
    """Market states as the day's decisions recorded them."""

    def make(_: Instrument) -> Observe:
        def observe(bar: Bar) -> Observation | None:
            decision = decisions.get(bar.close_time_ns)
            if decision is None or decision.state is None:
                return None
            anchor = decision.anchor_time_ns
            return Observation(bar.symbol, bar.close_time_ns, anchor, _NO_FEATURES, _NO_FEATURES, decision.state)

        return observe

    return make


class GivenByDecisions:
    """The day's forecasts as its decisions recorded them."""

    def __init__(self, decisions: dict[int, Decision]) -> None:
        self._decisions = decisions

    def forecast(self, observation: Observation) -> Forecast:
        decision = self._decisions[observation.close_time_ns]
        if decision.forecast is None:
            raise ModelError(f"none was recorded: {decision.reason}")
        return decision.forecast


def backtest_day(day: Day, state: TradingState, calendar: SessionCalendar, matching: MatchingParameters) -> Day:
    """The engine over the day's bars, from the account at its start; it sees no price, person or restart."""
    assert state.settings is not None
    state.warming = True
    state.observe = given_by_decisions(day.decisions)(state.settings.instruments[state.settings.signal_symbol])
    journal, clock = MemoryJournal(), SimulatedClock()
    venue = PaperVenue(state.settings.instruments, matching)
    engine = Engine(state, venue, clock, journal, GivenByDecisions(day.decisions))
    clock.advance_to(min(day.decisions) - 1)
    reconcile(engine, clock.now_ns())
    seen: set[int] = set()
    for event in day.events:
        if isinstance(event, ev.SliceClosed) and event.slice.close_time_ns not in seen:
            seen.add(event.slice.close_time_ns)
            clock.advance_to(event.slice.close_time_ns)
            engine.on_slice(msgspec.structs.replace(event.slice, late=False), event.received_ns)
        elif isinstance(event, (ev.SettingsActivated, ev.ModelActivated)):
            engine.record(event, event.time_ns)
    tested = Day(day.trade_date, end_pnl_cents=state.ledger.account().day_pnl_cents)
    for record in journal.records():
        happened = ev.decode(record.kind, record.payload)
        if isinstance(happened, ev.DecisionMade):
            tested.decisions[happened.decision.close_time_ns] = happened.decision
        elif isinstance(happened, ev.OrderFilled):
            tested.fills.append(happened.fill)
    return tested


# What differs -----------------------------------------------------------------------------------------------------


def differences(paper: Day, tested: Day) -> Iterator[Row]:
    """Decisions bar by bar, fills order by order, then the day's P&L; oldest first."""
    reasons = Reasons(paper)
    rows = [*_decisions(paper, tested, reasons), *_fills(paper, tested, reasons)]
    yield from sorted(rows, key=lambda row: row.time)
    if paper.end_pnl_cents != tested.end_pnl_cents:
        why = "the rows above" if rows else reasons.at(max(paper.decisions))
        yield Row(utc(max(paper.decisions)), "P&L", _dollars(paper), _dollars(tested), why)


def _decisions(paper: Day, tested: Day, reasons: Reasons) -> Iterator[Row]:
    for close_ns, decision in sorted(paper.decisions.items()):
        other = tested.decisions.get(close_ns)
        ours, theirs = _decision_text(decision), _decision_text(other)
        if ours != theirs:
            yield Row(utc(close_ns), "decision", ours, theirs, reasons.at(close_ns))


def _fills(paper: Day, tested: Day, reasons: Reasons) -> Iterator[Row]:
    ours, theirs = _by_order(paper.fills), _by_order(tested.fills)
    for order_id in dict.fromkeys([*ours, *theirs]):
        mine, other = ours.get(order_id), theirs.get(order_id)
        known = mine or other
        assert known is not None
        if (
            mine is None
            or other is None
            or (mine.contracts, mine.expected_ticks) != (other.contracts, other.expected_ticks)
        ):
            yield Row(utc(known.time_ns), "fill", _fill_text(mine), _fill_text(other), reasons.of_fill(mine, known))
        elif _slippage(mine) != _slippage(other):
            yield Row(
                utc(mine.time_ns),
                "slippage",
                f"{_slippage(mine)} ticks",
                f"{_slippage(other)} ticks",
                "the venues' slippage differs",
            )


def _by_order(fills: list[Fill]) -> dict[str, Fill]:
    """Fills of an order added up at the last price."""
    merged: dict[str, Fill] = {}
    for fill in fills:
        before = merged.get(fill.order_id)
        merged[fill.order_id] = (
            fill if before is None else msgspec.structs.replace(fill, contracts=before.contracts + fill.contracts)
        )
    return merged


def _slippage(fill: Fill) -> int:
    return fill.side * (fill.price_ticks - fill.expected_ticks)


def _decision_text(decision: Decision | None) -> str:
    if decision is None:
        return "none"
    orders = "".join(f", {order.role} {order.side * order.contracts:+d}" for order in decision.orders)
    return f"{decision.outcome}: {decision.position_before:+d} to {decision.target:+d}{orders}"


def _fill_text(fill: Fill | None) -> str:
    return "none" if fill is None else f"{fill.role} {fill.side * fill.contracts:+d} at {fill.price_ticks}"


def _dollars(day: Day) -> str:
    return f"{day.end_pnl_cents / 100:,.2f}"


class Reasons:
    """What happened on the paper day that a backtest of its bars cannot know, oldest first."""

    def __init__(self, paper: Day) -> None:
        self._known: list[tuple[int, str]] = []
        opens = {
            bar.open_time_ns for event in paper.events if isinstance(event, ev.SliceClosed) for bar in event.slice.bars
        }
        for event in paper.events:
            reason = _reason_of(event, opens)
            if reason is not None:
                self._known.append(reason)
        self._known.sort()

    def at(self, time_ns: int) -> str:
        """The newest reason up to that time."""
        earlier = [text for since_ns, text in self._known if since_ns <= time_ns]
        return earlier[-1] if earlier else "no cause stands in the journal: run replay"

    def of_fill(self, paper: Fill | None, known: Fill) -> str:
        """Why a fill is another one: a price of its own moment, else what happened before."""
        if paper is not None:
            own = [text for since_ns, text in self._known if since_ns == paper.time_ns and "price" in text]
            if own:
                return own[0]
        return self.at(known.time_ns + BAR_INTERVAL_NS)


def _reason_of(event: ev.Event, opens: set[int]) -> tuple[int, str] | None:
    """(since when, reason) of one event; None for those that a backtest sees as well."""
    match event:
        case ev.EngineStarted(time_ns=time_ns):
            return time_ns, f"the paper run was restarted at {utc(time_ns)}"
        case ev.SliceClosed(slice=closed) if closed.late:
            return closed.close_time_ns, f"the bar of {utc(closed.close_time_ns)} came late"
        case ev.CommandReceived(name=name, who=who, time_ns=time_ns) if name in MANUAL:
            return time_ns, f"{name} by {who} at {utc(time_ns)}"
        case ev.Intervention(time_ns=time_ns, who=who, reason=reason):
            return time_ns, f"{who} closed at {utc(time_ns)}, between bars: {reason}"
        case ev.OrderFilled(fill=fill) if fill.time_ns not in opens and fill.time_ns % BAR_INTERVAL_NS:
            return fill.time_ns, f"filled by a price between bars at {utc(fill.time_ns)}"
        case _:
            return None
