"""Which recorded sessions may count towards going live: whole, reconciled with the broker, and decided the same again.

One pass over a journal.  A session counts when MinhOS decided nearly all of its bars, broker and journal were compared
and agreed throughout, and every decision comes out identical with the day's recorded fills.  What the backtest of the
day would have done otherwise (`compare`) is listed, for the newest sessions, and not counted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence

import msgspec

from minhos.market.calendar import SessionCalendar
from minhos.market.types import Instrument
from minhos.progress import Progress
from minhos.research.compare import Day, Row, backtest_day, differences, given_by_decisions, take_in
from minhos.research.replay import Journal, standard_features
from minhos.risk.types import RiskState, Stop
from minhos.trading import events as ev
from minhos.trading.recovery import restore_snapshot, take_snapshot
from minhos.trading.state import Observe, TradingState
from minhos.trading.trade_dates import trade_date_of
from minhos.trading.types import Outcome
from minhos.venues.matching import MatchingParameters

FULL_SHARE = 0.95
"""Share of a session's bars that must have been decided in time for it to count as a whole one."""
UNDECIDED = frozenset({Outcome.LATE, Outcome.MISSING_BAR})
LISTED = 10
"""As many of the newest sessions are backtested as well."""
_REPORT_EVERY = 5_000


class SessionCheck(msgspec.Struct, frozen=True):
    """One trade date.  decided: bars that were decided in time, of `expected`.

    compared: how often broker and journal were compared.  unreconciled: what they disagreed on.  changed: decisions
    that do not come out again.  rows: where the day's backtest differs, of the newest `LISTED` sessions.
    """

    trade_date: int
    decided: int
    expected: int
    compared: int
    unreconciled: tuple[str, ...]
    changed: int
    rows: tuple[Row, ...] = ()

    @property
    def full(self) -> bool:
        return self.decided >= FULL_SHARE * self.expected > 0

    @property
    def clean(self) -> bool:
        return not self.unreconciled and not self.changed

    @property
    def counts(self) -> bool:
        return self.full and self.clean and self.compared > 0


class Sessions(msgspec.Struct, frozen=True):
    """All sessions of a journal, oldest first, and what risk remembers at its end."""

    checks: tuple[SessionCheck, ...]
    risk: RiskState


def check_sessions(
    reader: Journal,
    *,
    calendar: SessionCalendar | None = None,
    features: Callable[[Instrument], Observe] | None = None,
    matching: MatchingParameters = MatchingParameters(),
    progress: Progress | None = None,
) -> Sessions:
    """Check every session of a journal.  Raises JournalError for an event that cannot be read."""
    reading = _Reading(calendar or SessionCalendar.load(), features, matching)
    total = max(1, reader.last)
    for record in reader.records():
        reading.take(ev.decode(record.kind, record.payload, record.version))
        if progress is not None and record.sequence % _REPORT_EVERY == 0:
            text = f"event {record.sequence:,} of {total:,}, {len(reading.checks)} sessions"
            progress(record.sequence / total, text)
    return Sessions(reading.all_checks(), reading.state.risk)


def clean_run(checks: Sequence[SessionCheck]) -> list[SessionCheck]:
    """The sessions that count since the last unclean one, oldest first; two accounts' sessions of a date are one."""
    last_unclean = max((check.trade_date for check in checks if not check.clean), default=0)
    run = {check.trade_date: check for check in checks if check.counts and check.trade_date > last_unclean}
    return [run[trade_date] for trade_date in sorted(run)]


class _Reading:
    """The pass: the state so far, the day that is being read, and what broker and journal said of each date."""

    def __init__(
        self, calendar: SessionCalendar, features: Callable[[Instrument], Observe] | None, matching: MatchingParameters
    ) -> None:
        self.calendar, self.matching = calendar, matching
        self.state = TradingState(calendar, features or standard_features(calendar))
        self.checks: list[SessionCheck] = []
        self._day: Day | None = None
        self._start = self._copy()
        self._newest: deque[tuple[Day, TradingState]] = deque(maxlen=LISTED)
        """Days that are to be backtested, each with the state that it began with."""
        self._compared: Counter[int] = Counter()
        self._unreconciled: dict[int, dict[str, None]] = {}

    def take(self, event: ev.Event) -> None:
        """The next event."""
        date = trade_date_of(event, self.calendar)
        if isinstance(event, ev.SliceClosed) and (self._day is None or date > self._day.trade_date):
            self._close_day()
            self._day, self._start = Day(date), self._copy()
        before = (self.state.risk.distrust, self.state.contradiction)
        if self._day is not None:
            take_in(self._day, self.state, event, date)
        else:
            self.state.apply(event)
        if isinstance(event, ev.Reconciled):
            self._compared[date] += 1
            self._disagree(date, *event.differences)
        elif isinstance(event, ev.ContradictionFound):
            self._disagree(date, event.text)
        else:
            self._note(date, *before)

    def _note(self, date: int, distrust: Stop | None, contradiction: str) -> None:
        """What the last event made the journal distrust: a fill that is not ours, a report that our record excludes."""
        risk = self.state.risk
        if distrust is None and risk.distrust is not None:
            self._disagree(date, risk.distrust.why)
        if self.state.contradiction and not contradiction:
            self._disagree(date, self.state.contradiction)

    def _disagree(self, trade_date: int, *why: str) -> None:
        if why:
            self._unreconciled.setdefault(trade_date, {}).update(dict.fromkeys(why))

    def all_checks(self) -> tuple[SessionCheck, ...]:
        """Every session, with dates of which nothing but a disagreement is recorded."""
        self._close_day()
        self._day = None
        known = {check.trade_date for check in self.checks}
        others = [self._check(Day(date)) for date in self._unreconciled if date not in known]
        rows = {day.trade_date: self._rows(day, start) for day, start in self._newest}
        checks = [msgspec.structs.replace(check, rows=rows.get(check.trade_date, ())) for check in self.checks]
        return tuple(sorted([*checks, *others], key=lambda check: check.trade_date))

    def _close_day(self) -> None:
        if self._day is not None:
            self.checks.append(self._check(self._day))
            self._newest.append((self._day, self._start))

    def _check(self, day: Day) -> SessionCheck:
        session = self.calendar.session_on(day.trade_date)
        closes = set(self.calendar.expected_closes(session).tolist()) if session is not None else set()
        decided = sum(d.outcome not in UNDECIDED for close_ns, d in day.decisions.items() if close_ns in closes)
        return SessionCheck(
            day.trade_date,
            decided,
            len(closes),
            self._compared[day.trade_date],
            tuple(self._unreconciled.get(day.trade_date, ())),
            day.undecided,
        )

    def _rows(self, day: Day, start: TradingState) -> tuple[Row, ...]:
        if not day.decisions:
            return ()
        return tuple(differences(day, backtest_day(day, start, self.calendar, self.matching)))

    def _copy(self) -> TradingState:
        """The state as it is, for the backtest of the day that begins."""
        copy = TradingState(self.calendar, given_by_decisions({}))
        restore_snapshot(copy, take_snapshot(self.state))
        return copy
