"""Sessions, trade dates and regular hours of the CME equity index futures."""

from __future__ import annotations

import datetime as dt
import importlib.util
from bisect import bisect_right
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import CalendarError
from minhos.market import calendar as module
from minhos.market.calendar import Session, SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, NANOS_PER_SECOND
from minhos.testing.builders import ns

FIRST, LAST = ns("2008-01-02"), ns("2032-12-30")
moments = st.integers(FIRST // NANOS_PER_SECOND, LAST // NANOS_PER_SECOND).map(lambda s: s * NANOS_PER_SECOND)
CALENDAR = SessionCalendar.load()


def on(calendar: SessionCalendar, trade_date: int) -> Session:
    session = calendar.session_on(trade_date)
    assert session is not None
    return session


@pytest.mark.parametrize(
    ("trade_date", "chicago"),
    [
        (20251020, "2025-10-20T16:00-05:00"),
        (20230407, "2023-04-07T08:15-05:00"),  # Good Friday
        (20260403, "2026-04-03T08:15-05:00"),  # Good Friday
        (20240703, "2024-07-03T12:15-05:00"),
        (20241129, "2024-11-29T12:15-06:00"),
        (20261127, "2026-11-27T12:15-06:00"),
        (20250109, "2025-01-09T08:30-06:00"),  # day of mourning, from the overrides
        (20181205, "2018-12-05T08:30-06:00"),  # day of mourning, from the overrides
        (20260619, "2026-06-19T12:00-05:00"),  # Juneteenth
        (20260119, "2026-01-19T12:00-06:00"),  # Martin Luther King
        (20261126, "2026-11-26T12:00-06:00"),  # Thanksgiving
    ],
)
def test_closes(calendar: SessionCalendar, trade_date: int, chicago: str) -> None:
    session = on(calendar, trade_date)
    assert session.close_ns == ns(chicago)
    assert session.early == ("T16:00" not in chicago)


def good_friday(year: int) -> dt.date:
    """Two days before Easter (the Gregorian computus of Meeus, Jones and Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (a + 11 * h) // 319
    weekday = (2 * e + 2 * i - k - h + m + 32) % 7
    month = (h - m + weekday + 90) // 25
    return dt.date(year, month, (h - m + weekday + month + 19) % 32) - dt.timedelta(days=2)


def jobs_report_of_march(year: int) -> dt.date:
    """The Bureau of Labor Statistics' rule: the third Friday after the week, Sunday to Saturday, with the 12th."""
    twelfth = dt.date(year, 3, 12)
    saturday = twelfth + dt.timedelta(days=(5 - twelfth.weekday()) % 7)
    return saturday + dt.timedelta(days=6 + 14)


@pytest.mark.parametrize("year", range(2008, 2033))
def test_good_friday_is_open_until_0815_where_the_jobs_report_falls_on_it_and_else_closed(
    calendar: SessionCalendar, year: int
) -> None:
    day = good_friday(year)
    session = calendar.session_on(int(f"{day:%Y%m%d}"))
    if jobs_report_of_march(year) == day:
        assert session is not None
        assert session.close_ns == ns(f"{day}T08:15-05:00")
    else:
        assert session is None
    thursday = on(calendar, int(f"{day - dt.timedelta(days=1):%Y%m%d}"))
    assert thursday.close_ns == ns(f"{day - dt.timedelta(days=1)}T16:00-05:00")
    monday = on(calendar, int(f"{day + dt.timedelta(days=3):%Y%m%d}"))
    assert monday.open_ns == ns(f"{day + dt.timedelta(days=2)}T17:00-05:00")


@pytest.mark.parametrize("trade_date", [20250101, 20251225, 20251018, 20251019, 20240329, 20250418, 20270326])
def test_days_without_a_session(calendar: SessionCalendar, trade_date: int) -> None:
    assert calendar.session_on(trade_date) is None


@pytest.mark.parametrize(
    ("moment", "trade_date"),
    [
        ("2025-10-19T18:00-04:00", 20251020),  # Sunday open
        ("2025-10-20T16:59:59-04:00", 20251020),
        ("2025-10-20T17:00-04:00", 20251021),  # in the break: the next session's
        ("2025-10-20T18:00-04:00", 20251021),
        ("2025-10-24T17:00-04:00", 20251027),  # Friday close: Monday's
        ("2025-10-25T12:00-04:00", 20251027),
        ("2025-01-09T12:00-05:00", 20250110),  # after the halt of 08:30 Chicago
        ("2025-12-25T12:00-05:00", 20251226),
    ],
)
def test_trade_dates(calendar: SessionCalendar, moment: str, trade_date: int) -> None:
    assert calendar.trade_date(ns(moment)) == trade_date


def test_a_moment_belongs_to_open_and_a_bar_to_close(calendar: SessionCalendar) -> None:
    session = on(calendar, 20251020)
    assert calendar.session_at(session.open_ns) == session
    assert calendar.session_at(session.close_ns) is None
    assert calendar.session_of_bar(session.open_ns) is None
    assert calendar.session_of_bar(session.open_ns + BAR_INTERVAL_NS) == session
    assert calendar.session_of_bar(session.close_ns) == session
    assert calendar.session_of_bar(session.close_ns + BAR_INTERVAL_NS) is None


def test_breaks_and_what_comes_next(calendar: SessionCalendar) -> None:
    friday, monday = on(calendar, 20251024), on(calendar, 20251027)
    saturday = ns("2025-10-25T12:00")
    assert not calendar.is_open(saturday)
    assert calendar.is_open(monday.open_ns)
    assert calendar.next_open_ns(saturday) == calendar.next_open_ns(friday.open_ns) == monday.open_ns
    assert calendar.session_close_after(saturday) == monday.close_ns
    assert calendar.session_close_after(friday.open_ns) == friday.close_ns


@pytest.mark.parametrize(
    ("trade_date", "open_utc"),
    [
        (20250307, "2025-03-06T23:00Z"),
        (20250310, "2025-03-09T22:00Z"),  # clocks go forward on March 9
        (20251031, "2025-10-30T22:00Z"),
        (20251103, "2025-11-02T23:00Z"),  # and back on November 2
    ],
)
def test_daylight_saving(calendar: SessionCalendar, trade_date: int, open_utc: str) -> None:
    session = on(calendar, trade_date)
    assert session.open_ns == ns(open_utc)
    assert session.close_ns - session.open_ns == 23 * 60 * NANOS_PER_MINUTE
    date = module.date_of(trade_date)
    assert session.rth_open_ns == ns(f"{date}T09:30-0{4 if 310 <= date.month * 100 + date.day < 1102 else 5}:00")


def test_regular_hours(calendar: SessionCalendar) -> None:
    full, half, halted = (on(calendar, date) for date in (20251020, 20251128, 20260403))
    assert (full.rth_open_ns, full.rth_close_ns) == (ns("2025-10-20T09:30-04:00"), ns("2025-10-20T16:00-04:00"))
    assert half.rth_close_ns == half.close_ns == ns("2025-11-28T13:15-05:00")
    assert (halted.rth_open_ns, halted.rth_close_ns) == (0, 0)


@pytest.mark.parametrize(
    ("trade_date", "bars"),
    [(20251020, 23 * 12), (20251128, 231), (20260403, 183), (20210625, 23 * 12 - 3), (20210628, 23 * 12)],
)
def test_expected_bars(calendar: SessionCalendar, trade_date: int, bars: int) -> None:
    session = on(calendar, trade_date)
    closes = calendar.expected_closes(session)
    assert len(closes) == bars
    assert (closes[0], closes[-1]) == (session.open_ns + BAR_INTERVAL_NS, session.close_ns)


@settings(max_examples=50, deadline=None)
@given(moments)
def test_every_moment_has_one_place(moment: int) -> None:
    session, close_after = CALENDAR.session_at(moment), CALENDAR.session_close_after(moment)
    assert CALENDAR.is_open(moment) == (session is not None)
    assert close_after > moment
    assert CALENDAR.trade_date(moment) == CALENDAR.trade_date(close_after - 1)
    if session is None:
        assert CALENDAR.next_open_ns(moment - 1) < close_after
    else:
        assert session.open_ns <= moment < session.close_ns == close_after


@settings(max_examples=30, deadline=None)
@given(moments, st.integers(1, 30))
def test_expected_closes_and_sessions_are_a_bijection(start: int, days: int) -> None:
    sessions = CALENDAR.sessions(start, start + days * 86_400 * NANOS_PER_SECOND)
    for session in sessions:
        closes = CALENDAR.expected_closes(session)
        assert {CALENDAR.session_of_bar(close) for close in closes.tolist()} == {session}
        assert set(CALENDAR.trade_dates_of_bars(closes).tolist()) == {session.trade_date}
    dates = [session.trade_date for session in sessions]
    assert dates == sorted(set(dates))


@settings(max_examples=20, deadline=None)
@given(st.lists(moments, min_size=2, max_size=20))
def test_the_cache_does_not_change_an_answer(asked: list[int]) -> None:
    sessions = CALENDAR.sessions(FIRST, LAST)
    closes = [session.close_ns for session in sessions]
    for moment in asked:
        assert CALENDAR.trade_date(moment) == sessions[bisect_right(closes, moment)].trade_date


def test_bars_in_columns_agree_with_bars_one_by_one(calendar: SessionCalendar) -> None:
    closes = np.arange(ns("2025-10-24T20:00"), ns("2025-10-26T23:00"), BAR_INTERVAL_NS)
    one_by_one = [calendar.session_of_bar(close) for close in closes.tolist()]
    expected = [session.trade_date if session else 0 for session in one_by_one]
    assert calendar.trade_dates_of_bars(closes).tolist() == expected
    assert calendar.trade_dates_of_bars(closes[:0]).shape == (0,)


@pytest.mark.parametrize("year", [1970, 2007, 2033, 2100])
def test_outside_the_table(calendar: SessionCalendar, year: int) -> None:
    with pytest.raises(CalendarError, match="lies outside the table of sessions"):
        calendar.trade_date(ns(f"{year}-06-01"))


def test_a_users_overrides(tmp_path: Path) -> None:
    extra = tmp_path / "mine.csv"
    extra.write_text(
        "trade_date,open,close,source\n20251021,,2025-10-21T12:00-05:00,notice\n20251022,,closed,notice\n"
        "20251025,2025-10-25T08:00-05:00,2025-10-25T10:00-05:00,Saturday test session\n"
    )
    calendar = SessionCalendar.load(extra)
    assert on(calendar, 20251021).close_ns == ns("2025-10-21T12:00-05:00")
    assert calendar.session_on(20251022) is None
    assert calendar.trade_date(ns("2025-10-21T18:00")) == 20251023
    assert on(calendar, 20251025).early


@pytest.mark.parametrize(
    "line", ["20251021,,2025-10-21T12:00,no offset", "2025-10-21,,closed,x", "20251021,,noon,x", "20251021"]
)
def test_overrides_that_cannot_be_read(tmp_path: Path, line: str) -> None:
    extra = tmp_path / "mine.csv"
    extra.write_text(f"trade_date,open,close,source\n{line}\n")
    with pytest.raises(CalendarError, match=r"mine\.csv line 2"):
        SessionCalendar.load(extra)
    with pytest.raises(CalendarError, match="cannot read"):
        SessionCalendar.load(tmp_path / "absent.csv")


@pytest.mark.parametrize("rows", [[], [(20250101, 5, 5)], [(20250101, 0, 9), (20250102, 8, 20)]])
def test_a_table_that_contradicts_itself(rows: list[tuple[int, int, int]]) -> None:
    with pytest.raises(CalendarError):
        SessionCalendar(rows)


def test_the_packaged_table_is_what_the_library_says() -> None:
    pytest.importorskip("pandas_market_calendars")
    path = Path(__file__).parents[2] / "scripts" / "make_sessions.py"
    spec = importlib.util.spec_from_file_location("make_sessions", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.sessions_csv() == Path(module.__file__).with_name("sessions.csv").read_text()


def test_dates() -> None:
    assert module.date_of(20251020) == dt.date(2025, 10, 20)
