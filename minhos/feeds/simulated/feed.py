"""A simulated market as a feed: a history to train on, then bars at a set pace on a clock of its own.

The feed moves the clock, so everything that asks it sees simulated time; session breaks are jumped over.  It does
not wait: `pace_s` says how many seconds of wall time the caller lets pass between bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec
import numpy as np

from minhos.errors import SettingsError
from minhos.feeds.port import Feed, FeedStatus
from minhos.feeds.simulated.market import SimulatedMarket, simulate
from minhos.feeds.simulated.model import MarketModel
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, Bars, Instrument, Price, Slice

_DAY_NS = 24 * 60 * NANOS_PER_MINUTE
BREAK_AFTER_NS = 2 * _DAY_NS
"""A market that breaks at no stated time does so this long after the start: first the edge shows, then it goes."""


class SimulatedFeed(Feed):
    """One simulated market.

    history() ends with the last bar that closed at or before start_ns, where the clock stands until stream() is
    first consumed.  Each further bar arrives as the Price of its open and, when it is due, its Slice; the clock is
    moved to each.  history_days and days_ahead are calendar days.  After days_ahead the stream ends.
    """

    simulated = True

    def __init__(
        self,
        model: MarketModel,
        instrument: Instrument,
        *,
        clock: SimulatedClock,
        calendar: SessionCalendar,
        history_days: int,
        start_ns: int,
        seconds_per_bar: float = 2.0,
        days_ahead: int = 365,
    ) -> None:
        if history_days < 1 or seconds_per_bar < 0.0:
            raise SettingsError(
                f"A simulated feed needs at least one day of history and a pace of zero or more seconds a bar, "
                f"not {history_days} and {seconds_per_bar}."
            )
        if start_ns % BAR_INTERVAL_NS:
            raise SettingsError(f"The start {start_ns} of a simulated feed must lie on the 5-minute grid.")
        if model.kind == "break" and model.break_time_ns is None:
            model = msgspec.structs.replace(model, break_time_ns=start_ns + BREAK_AFTER_NS)
        self.instrument = instrument
        self.pace_s = seconds_per_bar
        self._clock = clock
        self._start_ns = start_ns
        first_ns, last_ns = start_ns - history_days * _DAY_NS, start_ns + days_ahead * _DAY_NS
        self._market = _market(model, instrument, calendar, first_ns, last_ns)
        self._n_history = int((self._market.bars.close_time_ns <= start_ns).sum())
        self._next = self._n_history
        self.symbol = self._market.bars.contracts[0]
        clock.advance_to(start_ns)

    @property
    def market(self) -> SimulatedMarket:
        """All bars, also those still to come, with the exact probabilities; for measuring, never for deciding."""
        return self._market

    def history(self) -> Bars:
        """Bars closed at or before start_ns, oldest first."""
        return self._market.bars.rows(slice(0, self._n_history))

    def resume_after(self, close_time_ns: int) -> None:
        """Go on after that bar: it and all before it become history, and the clock stands at its close."""
        self._next = self._n_history = int((self._market.bars.close_time_ns <= close_time_ns).sum())
        self._clock.advance_to(close_time_ns)

    def stream(self) -> Iterator[Price | Slice | None]:
        """The price at each bar's open, then the bar; a second call goes on where the first stopped."""
        future = self._market.bars.rows(slice(self._next, None))
        for bar in future:
            self._clock.advance_to(bar.open_time_ns)
            yield Price(bar.symbol, bar.open_time_ns, bar.open_ticks)
            self._clock.advance_to(bar.close_time_ns)
            self._next += 1
            yield Slice(bar.close_time_ns, (bar,))

    def status(self) -> FeedStatus:
        """Always connected and never delayed; live until the generated market ends."""
        left = len(self._market.bars) - self._next
        last_ns = int(self._market.bars.close_time_ns[self._next - 1]) if self._next else self._start_ns
        model = self._market.model
        detail = f"SIMULATED market {model.kind!r}, ceiling {model.best_accuracy:.1%}, {left} bars left."
        return FeedStatus(connected=True, live=left > 0, delayed=False, last_bar_ns=last_ns, detail=detail)


@lru_cache(maxsize=1)
def _market(
    model: MarketModel, instrument: Instrument, calendar: SessionCalendar, first_ns: int, last_ns: int
) -> SimulatedMarket:
    """The market of those days; whoever opens the one of last time again, as tests do, does not draw it again."""
    return simulate(model, instrument, calendar, first_ns, _bars_between(calendar, first_ns, last_ns))


def _bars_between(calendar: SessionCalendar, first_ns: int, last_ns: int) -> int:
    """Number of bars that open at or after first_ns and close at or before last_ns."""
    sessions = calendar.sessions(first_ns, last_ns)
    closes = np.concatenate([calendar.expected_closes(session) for session in sessions])
    return int(((closes - BAR_INTERVAL_NS >= first_ns) & (closes <= last_ns)).sum())
