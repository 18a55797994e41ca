"""Whether what a feed gives can be a price or a bar at all.  Whether it is a good one: `gate` and `quality`.

A number that is none, stands in no order with its neighbours or lies far off the last price must reach neither the
journal nor a stop.
"""

from __future__ import annotations

from minhos.market.types import Bar, Price, Slice

MOST_TIMES = 2
"""A price so many times the last one of its contract, or below its fraction, is none: limits are at 20 % a day."""


def fault_of_price(price: Price, last_ticks: int = 0) -> str:
    """Why it is no price of this contract, in words; empty where it may be.  last_ticks: the last one; 0 for none."""
    if type(price.time_ns) is not int:
        return f"its time is {price.time_ns!r}"
    return _fault_of_ticks(price.price_ticks, last_ticks)


def fault_of_bar(bar: Bar, last_ticks: int = 0) -> str:
    """The same of a bar."""
    ticks = (bar.low_ticks, bar.open_ticks, bar.close_ticks, bar.high_ticks)
    for each in ticks:
        if fault := _fault_of_ticks(each, last_ticks):
            return fault
    if not (bar.low_ticks <= min(ticks) and max(ticks) <= bar.high_ticks):
        return f"its low {bar.low_ticks} and high {bar.high_ticks} do not hold its open and close"
    for name in ("close_time_ns", "volume", "bid_volume", "ask_volume", "trades", "interval_ns"):
        if type(getattr(bar, name)) is not int:
            return f"its {name} is {getattr(bar, name)!r}"
    return ""


def without_unsound(closed: Slice, last_ticks: dict[str, int]) -> tuple[Slice, dict[str, str]]:
    """The slice with its unsound bars missing, and why each is; the same slice where all are sound."""
    faults = {bar.symbol: why for bar in closed.bars if (why := fault_of_bar(bar, last_ticks.get(bar.symbol, 0)))}
    if not faults:
        return closed, faults
    bars = tuple(bar for bar in closed.bars if bar.symbol not in faults)
    missing = tuple(dict.fromkeys((*closed.missing, *faults)))
    return Slice(closed.close_time_ns, bars, missing, closed.late, closed.delayed), faults


def _fault_of_ticks(ticks: int, last_ticks: int) -> str:
    if type(ticks) is not int:
        return f"{ticks!r} is no number of ticks"
    if ticks <= 0:
        return f"{ticks} ticks are no price"
    if last_ticks and not last_ticks <= MOST_TIMES * ticks <= MOST_TIMES * MOST_TIMES * last_ticks:
        return f"{ticks} ticks lie far off the last price, {last_ticks}"
    return ""
