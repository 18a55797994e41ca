"""Whole trading days for the tests of tables: 5-minute rows in trading hours, written in any dialect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from minhos.market.calendar import SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND

CALENDAR = SessionCalendar.load()


class Row(NamedTuple):
    """One row: open of the bar as UTC nanoseconds, prices in points."""

    open_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int


def days(
    first: int, n: int, *, step_ns: int = BAR_INTERVAL_NS, volume: int = 1000, level: float = 25000.0
) -> list[Row]:
    """All rows of n sessions from trade date `first` on; prices walk on the grid of quarters."""
    rng, rows, price, date = np.random.default_rng(first), [], level, first
    for _ in range(n):
        session = CALENDAR.session_on(date)
        assert session is not None
        for close_ns in CALENDAR.expected_closes(session, step_ns).tolist():
            close = price + 0.25 * int(rng.integers(-20, 21))
            high, low = max(price, close) + 0.5, min(price, close) - 0.25
            rows.append(Row(close_ns - step_ns, price, high, low, close, volume))
            price = close
        date = CALENDAR.next_trade_date(date)
    return rows


def wall(time_ns: int, zone: str, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """What a clock in that zone shows."""
    return dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, ZoneInfo(zone)).strftime(form)


def write(
    path: Path,
    rows: list[Row],
    stamp: Callable[[int], str],
    header: str = "timestamp,open,high,low,close,volume",
    sep: str = ",",
    number: Callable[[float], str] = lambda price: f"{price:.2f}",
    extra: str = "",
) -> Path:
    """A text table; `stamp` writes the open time of a row."""
    lines = [header]
    for row in rows:
        prices = (number(price) for price in (row.open, row.high, row.low, row.close))
        lines.append(sep.join([stamp(row.open_ns), *prices, str(row.volume)]) + extra)
    path.write_text("\n".join(lines) + "\n")
    return path
