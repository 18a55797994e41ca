"""Which bars the calendar expects of a history, session by session, and which of them are there.

The common ground of `quality` and `gate`.  The first and the last session of a history are expected only as
far as the history reaches, because exports begin and end in the middle of a day.  Of a history of regular hours the
night is not expected.
"""

from __future__ import annotations

import msgspec
import numpy as np

from minhos.market.calendar import Session, SessionCalendar
from minhos.market.types import NANOS_PER_MINUTE, Bars, Ints


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
    regular: bool = False
    """The history has regular hours alone, and no more is expected of it."""

    @property
    def full(self) -> bool:
        return len(self.expected) == self.full_bars


REGULAR_NS = 405 * NANOS_PER_MINUTE
"""From 09:30 to 16:15 New York, when vendors' regular hours end at the latest."""
REGULAR_DATES = 3
"""Fewer tell nothing of the hours that a history has."""


def regular_span_ns(bars: Bars, calendar: SessionCalendar) -> int:
    """How long after 09:30 New York the bars of a history of regular hours alone end; 0 for one with the night."""
    times = bars.close_time_ns
    if not len(times):
        return 0
    sessions = calendar.sessions(int(times.min()) - bars.interval_ns, int(times.max()))
    opens = np.array([session.open_ns for session in sessions], np.int64)
    regular = np.array([session.rth_open_ns for session in sessions], np.int64)
    if not len(opens) or times.min() <= opens[0]:
        return 0
    of = np.searchsorted(opens, times, "left") - 1
    after = times - regular[of]
    if len(distinct(of)) < REGULAR_DATES or after.min() <= 0 or after.max() > REGULAR_NS or not regular[of].all():
        return 0
    return int(after.max())


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
    span_ns = regular_span_ns(bars, calendar)
    result = []
    for session in calendar.sessions(first - bars.interval_ns, last):
        closes = calendar.expected_closes(session, bars.interval_ns)
        if span_ns:
            closes = closes[(closes > session.rth_open_ns) & (closes <= session.rth_open_ns + span_ns)]
        expected = closes[(closes >= first) & (closes <= last)]
        if not len(expected):
            continue
        lo, hi = (int(np.searchsorted(sorted_dates, session.trade_date + day)) for day in (0, 1))
        here = present[slice(*np.searchsorted(present, [expected[0], expected[-1] + 1]))]
        missing = np.setdiff1d(expected, here, assume_unique=True)
        volume = int(running[hi] - running[lo])
        result.append(SessionCoverage(session, expected, missing, len(closes), volume, regular=span_ns > 0))
    return result
