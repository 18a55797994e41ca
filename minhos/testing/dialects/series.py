"""A known series of bars, whole sessions of the exchange, and its 5-minute bars."""

from __future__ import annotations

import random
from typing import NamedTuple

from minhos.market.calendar import SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE

LEVELS = {
    "NQ": (25000.0, 0.25),
    "MNQ": (25000.0, 0.25),
    "ES": (6800.0, 0.25),
    "RTY": (2400.0, 0.1),
    "YM": (46000.0, 1.0),
}
"""Points, and points in a tick."""


class Row(NamedTuple):
    """One bar: its open in UTC nanoseconds, prices in ticks, contracts sold and bought."""

    open_ns: int
    open: int
    high: int
    low: int
    close: int
    down: int
    up: int

    @property
    def volume(self) -> int:
        return self.down + self.up


class Series(NamedTuple):
    root: str
    step_ns: int
    rows: list[Row]

    @property
    def tick(self) -> float:
        """In points."""
        return LEVELS[self.root][1]

    def fives(self) -> list[Row]:
        """The 5-minute bars."""
        found: dict[int, Row] = {}
        for row in self.rows:
            at = row.open_ns // BAR_INTERVAL_NS * BAR_INTERVAL_NS
            old = found.get(at)
            found[at] = (
                row._replace(open_ns=at)
                if old is None
                else Row(
                    at,
                    old.open,
                    max(old.high, row.high),
                    min(old.low, row.low),
                    row.close,
                    old.down + row.down,
                    old.up + row.up,
                )
            )
        return list(found.values())


def series_of(root: str, date: int, sessions: int, minutes: int, seed: int, calendar: SessionCalendar) -> Series:
    """Sessions from that trade date on; a walk on the grid with more volume by day than by night."""
    rng = random.Random(seed)
    level, tick = LEVELS[root]
    price, rows, step_ns = round(level / tick), [], minutes * NANOS_PER_MINUTE
    for _ in range(sessions):
        session = calendar.session_on(date)
        while session is None:
            date = calendar.next_trade_date(date)
            session = calendar.session_on(date)
        closes = calendar.expected_closes(session, step_ns).tolist()
        for i, close_ns in enumerate(closes):
            day = 0.6 < i / len(closes) < 0.9
            close = price + rng.randint(-12, 12)
            high, low = max(price, close) + rng.randint(0, 6), min(price, close) - rng.randint(0, 6)
            down, up = (rng.randint(10, 900) * minutes * (4 if day else 1) for _ in range(2))
            rows.append(Row(close_ns - step_ns, price, high, low, close, down, up))
            price = close
        date = calendar.next_trade_date(date)
    return Series(root, step_ns, rows)
