"""The world's market: one seeded path of trades, a handful in each 5-minute bar, and all that a session does.

    market = WorldMarket(seed, NQ, "NQZ25", start_ns, n_bars=300)
    market.on_trade.append(lambda trade: ...)      # the true trades: the broker
    market.on_record.append(lambda trade: ...)     # what the vendor records of them: feeds and files
    market.turn(now_ns)                            # everything that is due by then

The first trade of a bar falls within two seconds of its open, the last within five of its close.  Contracts other than
the followed one are that one at a distance (`spreads`).  It goes by the true time, moves nothing of the trader's, and
what feeds make of its records is in `feed`.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import msgspec
import numpy as np

from minhos.feeds.simulated.market import simulate
from minhos.feeds.simulated.model import MarketModel
from minhos.market.calendar import SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bars, Instrument
from minhos.testing.world import market_faults as f

HISTORY_BARS = 840
"""Enough to warm the features up."""
REGIMES = (20.0, 45.0, 110.0)
"""Standard deviation of a bar's move, in ticks: calm, usual, wild."""
STAYS = 0.96
"""Probability that the next bar is of the same regime."""
SESSION_GAP, WEEKEND_GAP = 2.5, 8.0
"""Of a session's first move, in standard deviations."""
NEXT_SPREAD = 400
"""How many ticks the next contract lies above the followed one."""
_MILLI = 10**6
_DAY_NS = 24 * 3600 * NANOS_PER_SECOND


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One trade of the followed contract."""

    time_ns: int
    price_ticks: int
    volume: int
    buy: bool


class _Move(msgspec.Struct, frozen=True, gc=False):
    """How a trade lies beside the one before.  opens: it is its session's first."""

    time_ns: int
    move_ticks: int
    volume: int
    buy: bool
    opens: bool


class WorldMarket:
    """spreads: by contract, ticks above the followed one.  rolled: the next contract leads.  ended: no bar can come."""

    def __init__(
        self,
        seed: int,
        instrument: Instrument,
        symbol: str,
        start_ns: int,
        *,
        n_bars: int = 300,
        next_symbol: str = "",
        history_bars: int = HISTORY_BARS,
    ) -> None:
        self.instrument, self.symbol, self.next_symbol, self.start_ns = instrument, symbol, next_symbol, start_ns
        self.calendar = calendar()
        self.spreads = {symbol: 0} | ({next_symbol: NEXT_SPREAD} if next_symbol else {})
        self.history = history(instrument, symbol, start_ns, history_bars)
        """What closed before the start; the same for every seed."""
        self.last_ticks = int(self.history.close_ticks[-1])
        self.active: list[f.MarketFault] = []
        self.rolled = self.ended = False
        self.fails = 0
        """Errors that the feed has yet to raise."""
        self.on_trade: list[Callable[[Trade], None]] = []
        self.on_record: list[Callable[[Trade], None]] = []
        self.on_close: list[Callable[[int], None]] = []
        """Called with each bar's close, one second after it."""
        self.on_session: list[Callable[[bool], None]] = []
        """Called with whether it opens or closes."""
        self.on_halt: list[Callable[[bool], None]] = []
        self.on_lock: list[Callable[[int], None]] = []
        """Called with the side that finds nobody to trade with, 0 for none."""
        self.on_file: list[Callable[[f.MarketFault, bool], None]] = []
        """Called with a fault of the files, and whether it begins."""
        self._moves, self._events = _path(seed, self.calendar, start_ns, n_bars)
        self._next = 0
        self._late: list[tuple[int, int, Trade]] = []
        self._stalled: list[Trade] = []
        self._held: Trade | None = None
        """A trade that waits for the one after it."""
        self._shift = 0
        """Ticks that the next trade moves beside its own."""
        self._gap = 0
        self._numbers = 0

    # Time ------------------------------------------------------------------------------------------------------------

    def due_ns(self) -> int | None:
        """True time of the next thing; None once it is over."""
        late_ns = self._late[0][0] if self._late else None
        if self._next == len(self._events):
            return late_ns
        next_ns = self._events[self._next][0]
        return next_ns if late_ns is None else min(next_ns, late_ns)

    def turn(self, now_ns: int) -> None:
        """All that is due by then."""
        while (due_ns := self.due_ns()) is not None and due_ns <= now_ns:
            if self._late and self._late[0][0] == due_ns:
                self._give(heapq.heappop(self._late)[2])
                continue
            _, kind, number = self._events[self._next]
            self._next += 1
            if kind == "trade":
                self._trade(self._moves[number])
            elif kind == "close":
                _tell(self.on_close, number)
            else:
                _tell(self.on_session, kind == "open")

    @property
    def is_stalled(self) -> bool:
        """Whether the vendor sends nothing."""
        return self._has(f.FeedStall)

    @property
    def is_behind(self) -> bool:
        """Whether trades are still to be recorded that took place before now."""
        return bool(self._late or self._stalled or self._held) or self._has(f.FeedDelay)

    # Faults ----------------------------------------------------------------------------------------------------------

    def begin(self, fault: f.MarketFault) -> None:
        """Let it hold until `end`; what happens once happens now or with the next trade."""
        if fault.for_ms or isinstance(fault, f.BadPrice):
            self.active.append(fault)
        if isinstance(fault, f.Jump | f.LockedLimit):
            self._shift += fault.ticks
        if isinstance(fault, f.LockedLimit):
            _tell(self.on_lock, 1 if fault.ticks > 0 else -1)
        elif isinstance(fault, f.Gap):
            self._gap += fault.ticks
        elif isinstance(fault, f.Halted):
            _tell(self.on_halt, True)
        elif isinstance(fault, f.Roll):
            self.rolled = bool(self.next_symbol)
        elif isinstance(fault, f.FeedEnds):
            self.ended = True
        elif isinstance(fault, f.FeedFails):
            self.fails += 1
        elif isinstance(fault, f.IN_FILES):
            for hear in self.on_file:
                hear(fault, True)

    def end(self, fault: f.MarketFault) -> None:
        """It is over."""
        if fault in self.active:
            self.active.remove(fault)
        if isinstance(fault, f.Jump) and fault.for_ms:
            self._shift -= fault.ticks
        elif isinstance(fault, f.LockedLimit):
            locks = [each for each in self.active if isinstance(each, f.LockedLimit)]
            _tell(self.on_lock, (1 if locks[-1].ticks > 0 else -1) if locks else 0)
        elif isinstance(fault, f.Halted) and not self._has(f.Halted):
            _tell(self.on_halt, False)
        elif isinstance(fault, f.FeedStall) and not self.is_stalled:
            missed, self._stalled = self._stalled, []
            for trade in missed if fault.filled else ():
                self._give(trade)
        elif isinstance(fault, f.FeedDisorder) and self._held is not None:
            held, self._held = self._held, None
            self._give(held)
        elif isinstance(fault, f.IN_FILES):
            for hear in self.on_file:
                hear(fault, False)

    def _has(self, kind: type[f.MarketFault]) -> bool:
        return any(isinstance(fault, kind) for fault in self.active)

    def _first(self, kind: type[T]) -> T | None:
        return next((fault for fault in self.active if isinstance(fault, kind)), None)

    # Trades ----------------------------------------------------------------------------------------------------------

    def _trade(self, move: _Move) -> None:
        """The true trade, and what the vendor makes of it."""
        if self._has(f.Halted):
            return
        change = move.move_ticks
        if self.active and (wild := self._first(f.Wild)) is not None:
            change = round(change * wild.factor)
        if self._has(f.LockedLimit):
            change = 0
        change += self._shift
        self._shift = 0
        if move.opens:
            change += self._gap
            self._gap = 0
        self.last_ticks = max(1_000, self.last_ticks + change)
        trade = Trade(move.time_ns, self.last_ticks, move.volume, move.buy)
        _tell(self.on_trade, trade)
        self._record(trade)

    def _record(self, trade: Trade) -> None:
        """What the vendor does with it."""
        if not self.active:
            self._give(trade)
            return
        if (bad := self._first(f.BadPrice)) is not None:
            self.active.remove(bad)
            trade = msgspec.structs.replace(trade, price_ticks=_no_price(bad, trade))
        if self.is_stalled:
            self._stalled.append(trade)
        elif (delay := self._first(f.FeedDelay)) is not None:
            self._numbers += 1
            heapq.heappush(self._late, (trade.time_ns + delay.delay_ms * _MILLI, self._numbers, trade))
        elif self._has(f.FeedDisorder) and self._held is None:
            self._held = trade
        else:
            held, self._held = self._held, None
            for each in [trade] if held is None else [trade, held]:
                for _ in range(2 if self._has(f.FeedRepeats) else 1):
                    self._give(each)

    def _give(self, trade: Trade) -> None:
        _tell(self.on_record, trade)


Heard = TypeVar("Heard")
T = TypeVar("T", bound=f.MarketFault)


def _tell(who: list[Callable[[Heard], None]], what: Heard) -> None:
    for each in who:
        each(what)


def _no_price(bad: f.BadPrice, trade: Trade) -> int:
    """What stands in the place of the price; no number is none, whatever a type says."""
    wrong: dict[str, int] = {"zero": 0, "negative": -trade.price_ticks, "far": 100 * trade.price_ticks}
    nan: int = math.nan  # type: ignore[assignment]
    return wrong.get(bad.how, nan)


def _path(
    seed: int, calendar: SessionCalendar, start_ns: int, n_bars: int
) -> tuple[list[_Move], list[tuple[int, str, int]]]:
    """The moves, and all events in their order: (true time, kind, number)."""
    rng = random.Random(seed)
    moves: list[_Move] = []
    events: list[tuple[int, str, int]] = []
    regime, closes, before_ns = 1, _closes(calendar, start_ns, n_bars), start_ns
    for close_ns in closes:
        open_ns = close_ns - BAR_INTERVAL_NS
        if rng.random() > STAYS:
            regime = rng.randrange(len(REGIMES))
        opens = open_ns > before_ns
        gap = (WEEKEND_GAP if open_ns - before_ns > _DAY_NS else SESSION_GAP) if opens else 0.0
        n = rng.randint(4, 5)
        step = REGIMES[regime] / math.sqrt(n)
        within = sorted(rng.randrange(10_000, 285_000) for _ in range(n - 2))
        for i, at_ms in enumerate([rng.randrange(200, 2_000), *within, rng.randrange(295_500, 299_500)]):
            moved = rng.gauss(0.0, step) + (rng.gauss(0.0, REGIMES[regime] * gap) if not i else 0.0)
            buy = rng.random() < 0.5
            events.append((open_ns + at_ms * _MILLI, "trade", len(moves)))
            moves.append(_Move(open_ns + at_ms * _MILLI, round(moved), rng.randint(20, 400), buy, opens and not i))
        events.append((close_ns + NANOS_PER_SECOND, "close", close_ns))
        before_ns = close_ns
    for session in calendar.sessions(start_ns, closes[-1] + _DAY_NS):
        edges = ((session.open_ns, "open"), (session.close_ns, "shut"))
        events += [(at_ns, kind, 0) for at_ns, kind in edges if start_ns < at_ns <= closes[-1]]
    return moves, sorted(events)


def _closes(calendar: SessionCalendar, start_ns: int, n_bars: int) -> list[int]:
    """Of the bars that open at or after the start."""
    closes: list[int] = []
    date = calendar.trade_date(start_ns)
    while len(closes) < n_bars:
        session = calendar.session_on(date)
        if session is not None:
            expected = calendar.expected_closes(session)
            closes += expected[expected >= start_ns + BAR_INTERVAL_NS].tolist()
        date = calendar.next_trade_date(date)
    return closes[:n_bars]


@cache
def calendar() -> SessionCalendar:
    """The exchange's hours, read once."""
    return SessionCalendar.load()


@cache
def history(instrument: Instrument, symbol: str, start_ns: int, n_bars: int) -> Bars:
    """The last n_bars before the start, of a market without any edge."""
    first_ns = start_ns - (n_bars // 276 + 4) * _DAY_NS
    bars = simulate(MarketModel(kind="null", seed=11), instrument, calendar(), first_ns, 2 * n_bars + 1_200).bars
    before = np.flatnonzero(bars.close_time_ns <= start_ns)[-n_bars:]
    return msgspec.structs.replace(bars.rows(before), contracts=(symbol,), simulated=False)
