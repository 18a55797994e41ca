"""Sessions and trade dates of the CME equity index futures, from a table and without pandas.

A session opens at 17:00 Chicago on the evening before its trade date and closes at 16:00, earlier on half
days.  `sessions.csv` comes from pandas_market_calendars (scripts/make_sessions.py), `session_overrides.csv`
holds the one-off closures it lacks and the Good Fridays that it gets wrong: trading ends at 08:15 Chicago only where
the monthly jobs report falls on that day, elsewhere the market is closed all day.  A user's own file of that form may
be added.

Conventions.  A holiday's morning session has a trade date of its own here, although CME books it to the next
business day.  The halt of 15:15 to 15:30 Chicago, kept until June 2021, is no break: no bar is expected in it.
Before September 2015 the market closed up to half an hour later than the table says; such bars lie outside.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np

from minhos.errors import CalendarError
from minhos.market.symbols import NEW_YORK
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, NANOS_PER_SECOND, Ints

FULL_SESSION_NS = 23 * 60 * NANOS_PER_MINUTE
LAST_AFTERNOON_HALT = 20210625
"""Trade date after which the halt of 15:15 to 15:30 Chicago was abolished."""

_HALT_START, _HALT_END, _RTH_OPEN, _RTH_CLOSE = dt.time(16, 15), dt.time(16, 30), dt.time(9, 30), dt.time(16, 0)


class Session(msgspec.Struct, frozen=True, gc=False):
    """One session, UTC nanoseconds.  trade_date is yyyymmdd; early: shorter than the full 23 hours.

    Regular trading hours are 09:30 to 16:00 New York or the close; both are 0 where there are none.
    """

    trade_date: int
    open_ns: int
    close_ns: int
    early: bool
    rth_open_ns: int
    rth_close_ns: int


class SessionCalendar:
    """Answers by bisection; consecutive questions about one session cost a comparison."""

    def __init__(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """rows: (trade_date, open_ns, close_ns), oldest first, without overlap; raises CalendarError otherwise."""
        table = list(rows)
        self._dates = [row[0] for row in table]
        self._opens = [row[1] for row in table]
        self._closes = [row[2] for row in table]
        for i, (open_ns, close_ns) in enumerate(zip(self._opens, self._closes, strict=True)):
            if close_ns <= open_ns or (i and (open_ns < self._closes[i - 1] or self._dates[i] <= self._dates[i - 1])):
                raise CalendarError(f"session {self._dates[i]} is empty or overlaps the one before; correct the table")
        if not table:
            raise CalendarError("the table of sessions is empty; reinstall MinhOS or correct the override file")
        self._built: list[Session | None] = [None] * len(table)
        self._asked = (0, 0, 0)
        """The stretch of time [from, after) that was asked about last, and the session that is open or next in it; one
        value, because threads share the packaged calendar."""

    @classmethod
    def load(cls, extra_overrides: Path | None = None) -> SessionCalendar:
        """The packaged table with its overrides, then the user's.  Raises CalendarError for a file it cannot read.

        An override file is CSV with the columns trade_date (yyyymmdd), open, close, source; times are ISO 8601
        with offset, an empty one stays as it is, and `closed` as close removes the session.
        """
        if extra_overrides is None:
            return _of_the_package()
        table = dict(_packaged())
        try:
            text = extra_overrides.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CalendarError(f"cannot read the session overrides {extra_overrides}: {error}") from None
        _override(table, text, str(extra_overrides))
        return cls((date, *times) for date, times in sorted(table.items()))

    def trade_date(self, time_ns: int) -> int:
        """Trade date (yyyymmdd) of a moment; in a break that of the next session.  Raises CalendarError."""
        return self._dates[self._index(time_ns)]

    def happened_on(self, time_ns: int) -> int:
        """Trade date of what happened at a moment: its close is still a session's own.  Raises CalendarError."""
        return self.trade_date(time_ns - 1)

    def trade_date_of_fill(self, time_ns: int) -> int:
        """Trade date of a fill; one stamped in a break is of the session before it.  Raises CalendarError."""
        i = self._index(time_ns - 1)
        return self._dates[i if self._opens[i] < time_ns or i == 0 else i - 1]

    def session_at(self, time_ns: int) -> Session | None:
        """The session with open <= time < close, or None in a break."""
        i = self._index(time_ns)
        return self._session(i) if self._opens[i] <= time_ns else None

    def session_of_bar(self, close_time_ns: int) -> Session | None:
        """The session whose (open, close] holds a bar's close, or None for a bar outside every session."""
        i = self._index(close_time_ns - 1)
        return self._session(i) if self._opens[i] < close_time_ns else None

    def is_open(self, time_ns: int) -> bool:
        """True while a session runs: open <= time < close."""
        return self._opens[self._index(time_ns)] <= time_ns

    def next_open_ns(self, time_ns: int) -> int:
        """The first open after that moment (strictly).  Raises CalendarError where the table ends."""
        i = bisect_right(self._opens, time_ns)
        if i == len(self._opens):
            raise self._outside(time_ns)
        return self._opens[i]

    def session_close_after(self, time_ns: int) -> int:
        """Close of the session that is open, or of the next one in a break."""
        return self._closes[self._index(time_ns)]

    def sessions(self, start_ns: int, end_ns: int) -> list[Session]:
        """Sessions that overlap [start, end), oldest first."""
        first = bisect_right(self._closes, start_ns)
        return [self._session(i) for i in range(first, bisect_left(self._opens, end_ns))]

    def session_on(self, trade_date: int) -> Session | None:
        """The session of that trade date (yyyymmdd), or None on a day without one."""
        i = bisect_left(self._dates, trade_date)
        return self._session(i) if i < len(self._dates) and self._dates[i] == trade_date else None

    def next_trade_date(self, trade_date: int) -> int:
        """The first trade date after that one (or after that date).  Raises CalendarError where the table ends."""
        i = bisect_right(self._dates, trade_date)
        if i == len(self._dates):
            raise CalendarError(f"no session after {trade_date} is known; update MinhOS")
        return self._dates[i]

    def trade_date_before(self, trade_date: int) -> int:
        """The last trade date before that one (or before that date).  Raises CalendarError where the table begins."""
        i = bisect_left(self._dates, trade_date)
        if not i:
            raise CalendarError(f"no session before {trade_date} is known; the table begins with {self._dates[0]}")
        return self._dates[i - 1]

    def trade_dates_of_bars(self, close_time_ns: Ints) -> Ints:
        """Shape (n,) closes of bars to (n,) trade dates; 0 for a bar outside every session.  Raises CalendarError."""
        if not len(close_time_ns):
            return np.zeros(0, np.int64)
        for edge in (int(close_time_ns.min()), int(close_time_ns.max())):
            self._index(edge - 1)
        i = np.searchsorted(np.array(self._closes), close_time_ns, side="left")
        inside = np.array(self._opens)[i] < close_time_ns
        return np.where(inside, np.array(self._dates)[i], 0).astype(np.int64)

    def expected_closes(self, session: Session, interval_ns: int = BAR_INTERVAL_NS) -> Ints:
        """Closes of all bars that lie within the session, on the UTC grid of the interval, shape (n,)."""
        closes = np.arange(session.open_ns // interval_ns + 1, session.close_ns // interval_ns + 1, dtype=np.int64)
        closes *= interval_ns
        if session.trade_date > LAST_AFTERNOON_HALT:
            return closes
        halt_start, halt_end = (_new_york(session.trade_date, time) for time in (_HALT_START, _HALT_END))
        return closes[(closes <= halt_start) | (closes > halt_end)]

    def expected_close_after(self, time_ns: int) -> int:
        """The first close after that moment (strictly) at which there is a bar.  Raises CalendarError."""
        date = self.trade_date(time_ns)
        while True:
            session = self.session_on(date)
            closes = self.expected_closes(session) if session else np.zeros(0, np.int64)
            later = closes[closes > time_ns]
            if len(later):
                return int(later[0])
            date = self.next_trade_date(date)

    def _index(self, time_ns: int) -> int:
        """Index of the first session that closes after time."""
        since_ns, until_ns, index = self._asked
        if since_ns <= time_ns < until_ns:
            return index
        i = bisect_right(self._closes, time_ns)
        if i == len(self._closes) or time_ns < self._opens[0]:
            raise self._outside(time_ns)
        self._asked = (self._closes[i - 1] if i else self._opens[0], self._closes[i], i)
        return i

    def _session(self, i: int) -> Session:
        session = self._built[i]
        if session is None:
            date, open_ns, close_ns = self._dates[i], self._opens[i], self._closes[i]
            rth_open = _new_york(date, _RTH_OPEN)
            rth_close = min(_new_york(date, _RTH_CLOSE), close_ns)
            if rth_close <= rth_open:
                rth_open = rth_close = 0
            session = Session(date, open_ns, close_ns, close_ns - open_ns < FULL_SESSION_NS, rth_open, rth_close)
            self._built[i] = session
        return session

    def _outside(self, time_ns: int) -> CalendarError:
        year = dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, dt.UTC).isoformat()
        return CalendarError(
            f"{year} lies outside the table of sessions ({self._dates[0]} to {self._dates[-1]}); "
            "check the time stamps and their unit, or update MinhOS"
        )


def date_of(trade_date: int) -> dt.date:
    """A trade date (yyyymmdd) as a date."""
    return dt.date(trade_date // 10_000, trade_date // 100 % 100, trade_date % 100)


def _new_york(trade_date: int, time: dt.time) -> int:
    return int(dt.datetime.combine(date_of(trade_date), time, NEW_YORK).timestamp()) * NANOS_PER_SECOND


def _nanos(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * NANOS_PER_SECOND


@functools.cache
def _of_the_package() -> SessionCalendar:
    """One for all who ask for no overrides: it answers and does not change."""
    return SessionCalendar((date, *times) for date, times in sorted(_packaged().items()))


@functools.cache
def _packaged() -> dict[int, tuple[int, int]]:
    """The table that comes with MinhOS; not to be changed by whoever gets it."""
    package = resources.files("minhos.market")
    table = {}
    for line in package.joinpath("sessions.csv").read_text(encoding="utf-8").splitlines()[1:]:
        date, open_, close = line.split(",")
        table[int(date)] = (_nanos(open_), _nanos(close))
    _override(table, package.joinpath("session_overrides.csv").read_text(encoding="utf-8"), "session_overrides.csv")
    return table


def _override(table: dict[int, tuple[int, int]], text: str, name: str) -> None:
    for line, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            date, open_, close = int(row["trade_date"]), row["open"].strip(), row["close"].strip()
            date_of(date)
            if close == "closed":
                table.pop(date, None)
                continue
            known = table.get(date, (0, 0))
            table[date] = (_aware(open_) if open_ else known[0], _aware(close) if close else known[1])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CalendarError(
                f"{name} line {line} is not trade_date (yyyymmdd), open, close, source with ISO 8601 times: {error}"
            ) from None


def _aware(text: str) -> int:
    if dt.datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return _nanos(text)
