"""Which bars the calendar expects of a history, session by session, and which of them are there.

The common ground of `quality` and `gate`.  The first and the last session of a history are expected only as
far as the history reaches, because exports begin and end in the middle of a day.
"""

from __future__ import annotations

import msgspec
import numpy as np

from minhos.market.calendar import Session, SessionCalendar
from minhos.market.types import Bars, Ints


class SessionCoverage(msgspec.Struct, frozen=True, eq=False):
    """One session of a history.

    expected: closes that the history should have, shape (n,); missing: those it lacks; full_bars: what the
    whole session holds, so `full` is false only where the history begins or ends inside it.
    """

    session: Session
    expected: Ints
    missing: Ints
    full_bars: int
    volume: int

    @property
    def full(self) -> bool:
        return len(self.expected) == self.full_bars


def distinct(times: Ints) -> Ints:
    """As np.unique, which is much slower on what is in order, as times mostly are."""
    steps = np.diff(times)
    if len(steps) and (steps >= 0).all():
        return times[np.r_[True, steps > 0]]
    return np.unique(times)


def coverage(bars: Bars, calendar: SessionCalendar) -> list[SessionCoverage]:
    """Every session from the first to the last bar, also those without any.  Raises CalendarError."""
    if not len(bars):
        return []
    first, last = int(bars.close_time_ns.min()), int(bars.close_time_ns.max())
    present = distinct(bars.close_time_ns)
    dates = calendar.trade_dates_of_bars(bars.close_time_ns)
    counted = np.maximum(bars.volume, 0)
    order = np.argsort(dates, kind="stable")
    sorted_dates, running = dates[order], np.concatenate(([0], np.cumsum(counted[order])))
    result = []
    for session in calendar.sessions(first - bars.interval_ns, last):
        closes = calendar.expected_closes(session, bars.interval_ns)
        expected = closes[(closes >= first) & (closes <= last)]
        if not len(expected):
            continue
        lo, hi = (int(np.searchsorted(sorted_dates, session.trade_date + day)) for day in (0, 1))
        here = present[slice(*np.searchsorted(present, [expected[0], expected[-1] + 1]))]
        missing = np.setdiff1d(expected, here, assume_unique=True)
        result.append(SessionCoverage(session, expected, missing, len(closes), int(running[hi] - running[lo])))
    return result
