"""When to be in the market: trading hours, the halt, a time to be flat by, news, a contract's last days."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from functools import lru_cache
from zoneinfo import ZoneInfo

from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND
from minhos.risk.events import NewsEvent
from minhos.risk.limits.caps import flatten, no_adds
from minhos.risk.parameters import RiskParameters, minutes_of_day
from minhos.risk.types import Cap, RiskContext

NEW_YORK = ZoneInfo("America/New_York")
NANOS_PER_DAY = 24 * 60 * NANOS_PER_MINUTE


class TradingHours:
    """No adds while the market is closed, or outside regular hours where that is set."""

    name = "trading hours"

    def __init__(self, parameters: RiskParameters) -> None:
        self._rth_only = parameters.trading_hours == "rth"

    def cap(self, context: RiskContext) -> Cap | None:
        if not context.session_open:
            return no_adds(self.name, context, "the market is closed")
        if self._rth_only and not context.rth:
            return no_adds(self.name, context, "outside regular trading hours, and trading_hours is rth")
        return None


class FlatBeforeHalt:
    """No position over the session's end, half-days included."""

    name = "flat before halt"

    def __init__(self, parameters: RiskParameters) -> None:
        self._on = parameters.flat_before_halt
        self._no_adds_ns = round(parameters.no_adds_before_halt_minutes * NANOS_PER_MINUTE)
        self._flat_ns = round(parameters.flat_before_halt_minutes * NANOS_PER_MINUTE)

    def cap(self, context: RiskContext) -> Cap | None:
        left_ns = context.session_close_ns - context.time_ns
        if not self._on or not context.session_open or left_ns >= self._no_adds_ns:
            return None
        reason = f"the session ends in {left_ns / NANOS_PER_MINUTE:.0f} minutes"
        if left_ns > self._flat_ns:
            return no_adds(self.name, context, reason, context.session_close_ns)
        return flatten(self.name, reason, context.session_close_ns)


@lru_cache(maxsize=64)
def new_york_ns(close_ns: int, minutes: int) -> int:
    """UTC nanoseconds of a New York time of day, on the day on which that session closes."""
    day = dt.datetime.fromtimestamp(close_ns // NANOS_PER_SECOND, NEW_YORK).date()
    moment = dt.datetime.combine(day, dt.time(minutes // 60, minutes % 60), NEW_YORK)
    return int(moment.timestamp()) * NANOS_PER_SECOND


class FlatBy:
    """Everything closed from a New York time on until the session's end, as prop firms ask."""

    name = "flat by"

    def __init__(self, parameters: RiskParameters) -> None:
        self._text = parameters.flat_by
        self._minutes = minutes_of_day(parameters.flat_by) if parameters.flat_by else -1

    def cap(self, context: RiskContext) -> Cap | None:
        if self._minutes < 0:
            return None
        close_ns = context.session_close_ns
        if context.time_ns < new_york_ns(close_ns, self._minutes) or context.time_ns >= close_ns:
            return None
        return flatten(self.name, f"flat by {self._text} New York", close_ns)


class EventBlackout:
    """No adds from some minutes before a scheduled event in the instrument's currency to some minutes after it."""

    name = "event blackout"

    def __init__(self, parameters: RiskParameters, events: tuple[NewsEvent, ...] = ()) -> None:
        self._before_ns = round(parameters.blackout_before_minutes * NANOS_PER_MINUTE)
        self._after_ns = round(parameters.blackout_after_minutes * NANOS_PER_MINUTE)
        self._events = sorted(events, key=lambda event: event.time_ns)
        self._times = [event.time_ns for event in self._events]

    def cap(self, context: RiskContext) -> Cap | None:
        first = bisect_left(self._times, context.time_ns - self._after_ns)
        for event in self._events[first:]:
            if event.time_ns > context.time_ns + self._before_ns:
                return None
            if event.currency in ("", context.instrument.currency):
                return no_adds(self.name, context, f"{event.name} is near", event.time_ns + self._after_ns)
        return None


class Roll:
    """Nothing held in a contract that another one has taken the lead from."""

    name = "roll"

    def cap(self, context: RiskContext) -> Cap | None:
        return flatten(self.name, context.leaving) if context.leaving else None


class OtherContract:
    """Nothing is added while something is open in a contract that is not traded any more: no limit counts it there."""

    name = "other contract"

    def cap(self, context: RiskContext) -> Cap | None:
        return no_adds(self.name, context, context.elsewhere) if context.elsewhere else None


class Expiry:
    """Nothing held in a contract's last days."""

    name = "expiry"

    def __init__(self, parameters: RiskParameters) -> None:
        self._days = parameters.expiry_days
        self._ns = round(parameters.expiry_days * NANOS_PER_DAY)

    def cap(self, context: RiskContext) -> Cap | None:
        left_ns = context.expiry_ns - context.time_ns
        if context.expiry_ns == 0 or left_ns > self._ns:
            return None
        symbol = context.recommendation.symbol
        if left_ns <= 0:
            return flatten(self.name, f"{symbol} has expired; trade the next contract")
        reason = (
            f"{symbol} expires in {left_ns / NANOS_PER_DAY:.1f} days, within {self._days:g}; trade the next contract"
        )
        return flatten(self.name, reason)
