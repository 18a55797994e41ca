"""Ticks or small bars in, bars out, one record at a time.

The builder knows no file and no clock: whoever owns the time says when an interval is over (`close_before`).
Intervals lie on the UTC grid, so a 5-minute bar never spans a session break.  An interval without a record
gives no bar: a missing bar stays missing.
"""

from __future__ import annotations

from minhos.market.types import BAR_INTERVAL_NS, UNKNOWN, Bar


class BarBuilder:
    """Builds the bars of one contract.

    A record belongs to the interval that holds its time, start included.  One that is older than the record
    before it, or lies in an interval already closed, belongs nowhere; `out_of_order` counts these.
    """

    def __init__(self, symbol: str, interval_ns: int = BAR_INTERVAL_NS) -> None:
        self.symbol = symbol
        self.interval_ns = interval_ns
        self.out_of_order = 0
        self._earliest_ns = 0
        self._close_time_ns = 0
        """Close of the bar under construction; 0 while there is none."""
        self._open = self._high = self._low = self._close = 0
        self._volume = self._bid_volume = self._ask_volume = self._trades = 0

    def add(
        self,
        time_ns: int,
        open_ticks: int,
        high_ticks: int,
        low_ticks: int,
        close_ticks: int,
        volume: int,
        bid_volume: int = UNKNOWN,
        ask_volume: int = UNKNOWN,
        trades: int = UNKNOWN,
    ) -> Bar | None:
        """Take a record in; returns the bar that it closes, if it is the first of a later interval.

        A tick has four equal prices.  Volume by side and trades of a bar are UNKNOWN once one record's are.
        """
        if time_ns < self._earliest_ns:
            self.out_of_order += 1
            return None
        closed = self.close_before(time_ns)
        self._earliest_ns = time_ns
        if not self._close_time_ns:
            self._close_time_ns = (time_ns // self.interval_ns + 1) * self.interval_ns
            self._open, self._high, self._low, self._close = open_ticks, high_ticks, low_ticks, close_ticks
            self._volume, self._bid_volume, self._ask_volume, self._trades = volume, bid_volume, ask_volume, trades
            return closed
        self._high = max(self._high, high_ticks)
        self._low = min(self._low, low_ticks)
        self._close = close_ticks
        self._volume += volume
        self._bid_volume = _sum(self._bid_volume, bid_volume)
        self._ask_volume = _sum(self._ask_volume, ask_volume)
        self._trades = _sum(self._trades, trades)
        return closed

    def close_before(self, now_ns: int) -> Bar | None:
        """The bar under construction if its interval is over at now_ns; what comes late for it is out of order."""
        if not self._close_time_ns or now_ns < self._close_time_ns:
            return None
        closed = self.partial
        self._earliest_ns = self._close_time_ns
        self._close_time_ns = 0
        return closed

    @property
    def partial(self) -> Bar | None:
        """The bar under construction, as it stands."""
        if not self._close_time_ns:
            return None
        return Bar(
            self.symbol,
            self._close_time_ns,
            self._open,
            self._high,
            self._low,
            self._close,
            self._volume,
            self._bid_volume,
            self._ask_volume,
            self._trades,
            self.interval_ns,
        )


def _sum(so_far: int, more: int) -> int:
    return UNKNOWN if so_far < 0 or more < 0 else so_far + more
