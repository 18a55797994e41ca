"""Whether what a feed gives can be a price or a bar at all, one by one: the checks of files, for what arrives live.

A number that is none, stands in no order with its neighbours or lies far off the last price must reach neither the
journal nor a stop; a bar of another length, from another year or for the second time must not be decided on.  Whether
bars are good ones: `gate` and `quality`.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from minhos.market.levels import NO_POWER, RANGES, index_of, power_of_ten, range_of
from minhos.market.types import (
    BAR_INTERVAL_NS,
    NANOS_PER_MINUTE,
    NANOS_PER_SECOND,
    UNKNOWN,
    Bar,
    Bars,
    Instrument,
    Price,
    Slice,
)
from minhos.words import utc

MOST_TIMES = 2
"""A price so many times the last one of its contract, or below its fraction, is none: limits are at 20 % a day."""
MOST_AHEAD_NS = 60 * NANOS_PER_MINUTE
"""A bar that closes later than so long after now would begin the next trade date."""
OTHER_DECADE_NS = 5 * 366 * 24 * 60 * NANOS_PER_MINUTE
REMEMBERED = 600
"""Closes of each contract, more than two sessions: a bar that comes a second time is known by its close."""
SAME_STEPS = 4
"""So many bars in a row at one distance that is not theirs are bars of another length."""
RISING = 24
"""In so many bars in a row of two sessions each, volume of bars does not grow from one to the next by chance."""
REST_NS = 45 * NANOS_PER_MINUTE


def fault_of_price(price: Price, last_ticks: int = 0, instrument: Instrument | None = None) -> str:
    """Why it is no price of this contract, in words; empty where it may be.

    last_ticks: the last one; 0 for none, then the instrument tells where its index trades.
    """
    if type(price.time_ns) is not int:
        return f"its time is {price.time_ns!r}"
    return _fault_of_ticks(price.price_ticks, last_ticks, instrument)


def fault_of_bar(bar: Bar, last_ticks: int = 0, instrument: Instrument | None = None) -> str:
    """The same of a bar."""
    ticks = (bar.low_ticks, bar.open_ticks, bar.close_ticks, bar.high_ticks)
    for each in ticks:
        if fault := _fault_of_ticks(each, last_ticks, instrument):
            return fault
    if not (bar.low_ticks <= min(ticks) and max(ticks) <= bar.high_ticks):
        return f"its low {bar.low_ticks} and high {bar.high_ticks} do not hold its open and close"
    for name in ("close_time_ns", "volume", "bid_volume", "ask_volume", "trades", "interval_ns"):
        if type(getattr(bar, name)) is not int:
            return f"its {name} is {getattr(bar, name)!r}"
    for name in ("volume", "bid_volume", "ask_volume", "trades"):
        if getattr(bar, name) < UNKNOWN:
            return f"its {name} is {getattr(bar, name)}"
    if bar.interval_ns != BAR_INTERVAL_NS:
        return f"it is a bar of {_minutes(bar.interval_ns)}, and not of {_minutes(BAR_INTERVAL_NS)}"
    if bar.close_time_ns % BAR_INTERVAL_NS:
        return f"it closes at {_when(bar.close_time_ns)}, beside the grid of {_minutes(BAR_INTERVAL_NS)}"
    return ""


def fault_of_stamp(close_time_ns: int, now_ns: int) -> str:
    """Why nothing closed then, by the clock; empty where it may have."""
    if type(close_time_ns) is not int:
        return f"its close is {close_time_ns!r}"
    if close_time_ns > now_ns + MOST_AHEAD_NS:
        return f"it is stamped {_when(close_time_ns)}, and now is {_when(now_ns)}"
    if close_time_ns < now_ns - OTHER_DECADE_NS:
        return f"it is stamped {_when(close_time_ns)}, years before now"
    return ""


class _Memory(msgspec.Struct):
    """What is remembered of one contract."""

    closes: dict[int, None] = {}
    """Of the bars that were taken in, newest last."""
    last: Bar | None = None
    """The newest one that came, taken in or not."""
    step_ns: int = 0
    """Between the last two, and how many in a row came at that distance."""
    steps: int = 0
    rising: int = 0
    """Bars in a row whose volume did not fall, but for the first of a session; how many of their sessions there are."""
    sessions: int = 0


class LiveChecks:
    """What a feed gave before, and what of the next slice is fit to be decided on.

    A bar that is not is missing, with the reason in the slice's `faults`, so that nothing new is risked on it.
    """

    def __init__(self) -> None:
        self._of: dict[str, _Memory] = {}

    def sift(
        self, closed: Slice, last_ticks: dict[str, int], now_ns: int, instrument: Instrument | None = None
    ) -> tuple[Slice | None, dict[str, str]]:
        """The slice without what is unsound, and why each bar of it is; the same slice where all are sound.

        None where there is nothing to decide on: its close is none, or all of it was taken in before.
        """
        if fault := fault_of_stamp(closed.close_time_ns, now_ns):
            return None, {bar.symbol: fault for bar in closed.bars} or {"": fault}
        faults = {bar.symbol: why for bar in closed.bars if (why := self._fault(bar, closed, last_ticks, instrument))}
        if not faults:
            return closed, faults
        bars = tuple(bar for bar in closed.bars if bar.symbol not in faults)
        if not bars and all(self._taken(bar) for bar in closed.bars):
            return None, faults
        missing = tuple(dict.fromkeys((*closed.missing, *faults)))
        said = tuple(f"the bar of {symbol} was passed over, as {why}" for symbol, why in faults.items())
        return msgspec.structs.replace(closed, bars=bars, missing=missing, faults=said), faults

    def _fault(self, bar: Bar, closed: Slice, last_ticks: dict[str, int], instrument: Instrument | None) -> str:
        if fault := fault_of_bar(bar, last_ticks.get(bar.symbol, 0), instrument):
            if type(bar.close_time_ns) is int and type(bar.volume) is int:
                self._heed(bar)
            return fault
        if bar.close_time_ns != closed.close_time_ns:
            return f"it closes at {_when(bar.close_time_ns)} in a slice of {_when(closed.close_time_ns)}"
        if self._taken(bar):
            return f"the one that closed at {_when(bar.close_time_ns)} came before"
        memory = self._heed(bar)
        if fault := _fault_of_row(memory):
            return fault
        memory.closes[bar.close_time_ns] = None
        if len(memory.closes) > REMEMBERED:
            del memory.closes[next(iter(memory.closes))]
        return ""

    def _taken(self, bar: Bar) -> bool:
        return bar.symbol in self._of and bar.close_time_ns in self._of[bar.symbol].closes

    def _heed(self, bar: Bar) -> _Memory:
        """What is remembered once that bar came, which may be one that comes late."""
        memory = self._of.setdefault(bar.symbol, _Memory())
        last = memory.last
        if last is not None and bar.close_time_ns <= last.close_time_ns:
            return memory
        memory.last = bar
        if last is None:
            return memory
        step_ns = bar.close_time_ns - last.close_time_ns
        memory.steps = memory.steps + 1 if step_ns == memory.step_ns else 1
        memory.step_ns = step_ns
        fell, rested = bar.volume < last.volume, step_ns >= REST_NS
        if bar.volume < 0 or (fell and not rested):
            memory.rising = memory.sessions = 0
        elif bar.volume != last.volume:
            memory.sessions += fell and memory.rising >= RISING
            memory.rising = 0 if fell else memory.rising + 1
        return memory


def _fault_of_row(memory: _Memory) -> str:
    """What the last bars in a row are together; empty for bars of their length with volumes of their own."""
    step_ns = memory.step_ns
    if 0 < step_ns < BAR_INTERVAL_NS:
        return f"it comes {_minutes(step_ns)} after the one before: bars of another length"
    if step_ns > BAR_INTERVAL_NS and memory.steps >= SAME_STEPS:
        return f"bars come {_minutes(step_ns)} apart, {memory.steps + 1} in a row: bars of another length"
    if memory.sessions and memory.rising >= RISING:
        return "the volume never falls within a session and begins anew with the next: the running total of the day"
    return ""


def without_unsound_rows(bars: Bars) -> tuple[Bars, str]:
    """A history without the bars that can be none, and a sentence on them; the same one where there is none."""
    prices = np.stack([bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks])
    wrong = (prices.max(axis=0) > prices[1]) | (prices.min(axis=0) < prices[2]) | (prices[2] <= 0)
    wrong |= bars.close_time_ns % BAR_INTERVAL_NS != 0
    if not bars.simulated and index_of(bars.instrument.root) in RANGES:
        low, high = (points / bars.instrument.tick_size for points in range_of(bars.instrument.root))
        wrong |= (prices[2] < low) | (prices[1] > high)
    instrument = None if bars.simulated else bars.instrument
    faults = {int(i): why for i in np.flatnonzero(wrong) if (why := fault_of_bar(bars.bar(int(i)), 0, instrument))}
    if not faults:
        return bars, ""
    kept = np.ones(len(bars), np.bool_)
    kept[list(faults)] = False
    first, why = next(iter(faults.items()))
    found = f"{len(faults):,} of {len(bars):,} bars of {bars.symbol}'s history were passed over"
    return bars.rows(kept), f"{found}, first at {_when(int(bars.close_time_ns[first]))}, as {why}"


def _fault_of_ticks(ticks: int, last_ticks: int, instrument: Instrument | None) -> str:
    if ticks is None or (isinstance(ticks, float) and not math.isfinite(ticks)):
        return f"it holds {'nothing' if ticks is None else 'what is not a number'} where a price belongs"
    if type(ticks) is not int:
        return f"{ticks!r} is no number of ticks"
    if ticks <= 0:
        return f"{ticks} ticks are no price"
    if last_ticks and not last_ticks <= MOST_TIMES * ticks <= MOST_TIMES * MOST_TIMES * last_ticks:
        return f"{ticks} ticks lie far off the last price, {last_ticks}"
    if instrument is not None and not last_ticks and index_of(instrument.root) in RANGES:
        points = instrument.to_points(ticks)
        power = power_of_ten(points, instrument.root)
        if power not in (0, NO_POWER):
            return f"{points:g} is no price of {instrument.root}, and times 10^{power} is one"
    return ""


def _minutes(span_ns: int) -> str:
    if span_ns % NANOS_PER_MINUTE:
        return f"{span_ns / NANOS_PER_SECOND:g} seconds"
    return f"{span_ns // NANOS_PER_MINUTE} minutes" if span_ns != NANOS_PER_MINUTE else "1 minute"


def _when(time_ns: int) -> str:
    """A moment in words, also one that no calendar has."""
    try:
        return utc(time_ns)
    except (ValueError, OverflowError, OSError):
        return f"{time_ns} ns"
