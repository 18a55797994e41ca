"""Which bars a live feed still expects: those that did not come in time are named, those that come too late marked.

For feeds of one contract that follow the exchange's hours, ours and the user's.  Knows no source and no file.
"""

from __future__ import annotations

from collections.abc import Iterator

from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bar, Slice


class ExpectedBars:
    """The closes of one contract from `after_ns` on; in closed hours nothing is expected."""

    def __init__(self, calendar: SessionCalendar, symbol: str, after_ns: int) -> None:
        self._calendar, self._symbol = calendar, symbol
        self.due_ns = calendar.expected_close_after(after_ns)
        """Close of the next bar that is expected."""

    def arrived(self, bar: Bar, now_ns: int, *, delayed: bool = False) -> Iterator[Slice]:
        """The slice of a bar that came, after one for each bar before it that did not."""
        close_ns = bar.close_time_ns
        yield from self.missing(close_ns, delayed=delayed)
        late = close_ns < self.due_ns or now_ns - close_ns >= bar.interval_ns
        if close_ns >= self.due_ns:
            self.due_ns = self._calendar.expected_close_after(close_ns)
        yield Slice(close_ns, (bar,), late=late, delayed=delayed)

    def missing(self, before_ns: int, *, delayed: bool = False) -> Iterator[Slice]:
        """A slice without its bar for every expected close before that moment; should one still come, it is late."""
        while self.due_ns < before_ns:
            due_ns, self.due_ns = self.due_ns, self._calendar.expected_close_after(self.due_ns)
            yield Slice(due_ns, (), missing=(self._symbol,), delayed=delayed)
