"""From closed bars to features, one bar at a time: what the trader runs live, and `compute` runs over a history.

Causal by construction: update() sees one bar after the other and keeps no future.  It decides nothing and learns
nothing from labels.

Contracts: where the symbol changes, prices go on from the last close, so that no return crosses the splice.
Breaks: the first bar of a session, or after missing bars, has the return from its own open to its close; indicators
of price levels (RSI, ATR, averages) see the gap.  Bars outside every session are passed over.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from minhos import parts
from minhos.errors import FeedError, PartsError
from minhos.features.feature import Own, Refused
from minhos.features.parameters import PARAMETERS
from minhos.features.row import FEATURE_NAMES, FEATURE_VERSION, RowBuilder, feature_set
from minhos.features.types import Floats, MarketState, Observation
from minhos.market.calendar import Session, SessionCalendar
from minhos.market.clock import Clock
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Bars, Instrument, Ints

__all__ = [
    "FEATURE_NAMES",
    "FEATURE_VERSION",
    "WARM_UP_BARS",
    "FeaturePipeline",
    "FeatureTable",
    "compute",
    "feature_set",
]

Doubles = npt.NDArray[np.float64]
Progress = Callable[[float, str], None]

_BUFFER_ROWS = 512
_REPORT_EVERY = 10_000

WARM_UP_BARS = PARAMETERS.indicator_bars + PARAMETERS.window
"""The bar, counted from the anchor, that yields the first observation."""


class FeaturePipeline:
    """Features of one instrument.  Restarted at its anchor it gives the same observations, bit for bit."""

    def __init__(self, instrument: Instrument, calendar: SessionCalendar, clock: Clock | None = None) -> None:
        """clock: measures the user's features; None where nobody waits for them."""
        self.instrument = instrument
        self.refusal = ""
        """Why a feature of the user's has no value at the last bar: a sentence with file, line and way out."""
        self.anchor_time_ns = 0
        """Close of the first bar taken in; 0 before it."""
        self._calendar, self._clock = calendar, clock
        self._parameters = PARAMETERS
        self._own = Own(clock) if parts.features.own() else None
        self._builder = RowBuilder(PARAMETERS, self._own)
        self._symbol = ""
        self._offset = self._close = 0
        self._time_ns = self._session_open_ns = 0
        self._bars = 0
        self._buffer = np.zeros((_BUFFER_ROWS, len(feature_set().names)), dtype=np.float32)
        self._end = 0

    @property
    def ready(self) -> bool:
        """True once update() returns observations."""
        return self._bars >= WARM_UP_BARS

    def update(self, bar: Bar) -> Observation | None:
        """Take in the next closed bar; None while warming up and for a bar outside every session.

        None, too, where a feature of the user's has no value: `refusal` says why, and 60 whole rows are needed anew.

        Raises FeedError for a duplicate, an older bar or another interval than five minutes.
        """
        self.refusal = ""
        if self._own is not None:
            self._own.slow = ""
        close_time_ns = bar.close_time_ns
        if close_time_ns <= self._time_ns or bar.interval_ns != BAR_INTERVAL_NS:
            raise self._refused(bar)
        session = self._calendar.session_of_bar(close_time_ns)
        if session is None:
            return None
        self._bars += 1
        try:
            values = self._step(bar, session)
        except Refused as refused:
            values, self.refusal, self._end = None, str(refused), 0
        if values is None or self._bars <= self._parameters.indicator_bars:
            return None
        row = np.array(values, dtype=np.float32)
        window = self._append(row)
        if window is None:
            return None
        built = self._builder
        state = MarketState(
            bar.symbol,
            close_time_ns,
            bar.close_ticks,
            built.atr_ticks,
            built.shape.volatility_ratio,
            built.volume.volume_ratio,
        )
        return Observation(bar.symbol, close_time_ns, self.anchor_time_ns, row, window, state)

    @property
    def slow(self) -> str:
        """Which feature of the user's took over 100 ms at the last bar, as a sentence; empty for none."""
        return self._own.slow if self._own is not None else ""

    def copy(self) -> FeaturePipeline:
        """An independent pipeline in the same state."""
        return copy.deepcopy(self, {id(shared): shared for shared in (self._calendar, self._clock)})

    def _step(self, bar: Bar, session: Session) -> list[float] | None:
        """Splice and return of the bar, then every group."""
        if bar.symbol != self._symbol:
            self._offset = self._close - bar.open_ticks if self._symbol else 0
            self._symbol = bar.symbol
        if not self.anchor_time_ns:
            self.anchor_time_ns = bar.close_time_ns
        offset = self._offset
        close = bar.close_ticks + offset
        follows = bar.close_time_ns - self._time_ns == BAR_INTERVAL_NS and session.open_ns == self._session_open_ns
        move = close - self._close if follows else close - bar.open_ticks - offset
        self._close, self._time_ns, self._session_open_ns = close, bar.close_time_ns, session.open_ns
        return self._builder.update(bar, session, bar.high_ticks + offset, bar.low_ticks + offset, close, move)

    def _append(self, row: Floats) -> Floats | None:
        """Keep the row; returns the newest 60 rows as one block, or None while there are fewer."""
        buffer, end, window = self._buffer, self._end, self._parameters.window
        if end == _BUFFER_ROWS:
            buffer[: window - 1] = buffer[end - window + 1 :]
            end = window - 1
        buffer[end] = row
        self._end = end = end + 1
        return buffer[end - window : end] if end >= window else None

    def _refused(self, bar: Bar) -> FeedError:
        if bar.interval_ns != BAR_INTERVAL_NS:
            return FeedError(
                f"{bar.symbol}: features need bars of 300 s, not of {bar.interval_ns // NANOS_PER_SECOND} s."
            )
        return FeedError(
            f"{bar.symbol}: the bar that closes at {_iso(bar.close_time_ns)} came after that of {_iso(self._time_ns)}; "
            "the feed repeats or reorders bars, check its file or connection."
        )


def _iso(time_ns: int) -> str:
    return dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, dt.UTC).isoformat()


class FeatureTable(msgspec.Struct, frozen=True, eq=False):
    """One row a bar of the history, n in all.

    rows: (n, n_features), float32; valid: (n,), True where the pipeline gave an observation.  Where the 60 rows that
    end at a bar are all valid, they are its window.  atr_ticks, volatility_ratio and volume_ratio, (n,), are those
    of `MarketState`; 0, 1 and 1 where not valid.  anchor_time_ns: close of the first bar that went in.
    """

    close_time_ns: Ints
    rows: Floats
    valid: npt.NDArray[np.bool_]
    atr_ticks: Doubles
    volatility_ratio: Doubles
    volume_ratio: Doubles
    anchor_time_ns: int

    def __len__(self) -> int:
        return len(self.close_time_ns)


def compute(bars: Bars, calendar: SessionCalendar, progress: Progress | None = None) -> FeatureTable:
    """Features of each bar.

    Raises FeedError where bars are out of order, CalendarError outside the calendar, PartsError where a feature of
    the user's has no value after its warm-up.
    """
    n = len(bars)
    rows = np.zeros((n, len(feature_set().names)), dtype=np.float32)
    valid = np.zeros(n, dtype=bool)
    atr, volatility, volume = np.zeros(n), np.ones(n), np.ones(n)
    pipeline = FeaturePipeline(bars.instrument, calendar)
    for i, bar in enumerate(bars):
        observation = pipeline.update(bar)
        if pipeline.refusal:
            raise PartsError(f"At the bar that closes at {_iso(bar.close_time_ns)}: {pipeline.refusal}")
        if observation is not None:
            state = observation.state
            rows[i], valid[i] = observation.row, True
            atr[i], volatility[i], volume[i] = state.atr_ticks, state.volatility_ratio, state.volume_ratio
        if progress is not None and i % _REPORT_EVERY == 0:
            progress(i / n, f"Features of bar {i:,} of {n:,}.")
    return FeatureTable(bars.close_time_ns, rows, valid, atr, volatility, volume, pipeline.anchor_time_ns)
