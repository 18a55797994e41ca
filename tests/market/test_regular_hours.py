"""A history of regular hours alone is judged by regular hours: the night is no gap, and a day is whole without it."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.market.coverage import coverage, regular_span_ns
from minhos.market.gate import judge
from minhos.market.quality import assess
from minhos.market.types import NANOS_PER_MINUTE, Bars
from minhos.risk.limits.signal import HoursLearnt
from minhos.risk.types import Action
from minhos.testing.builders import risk_context, session_bars

CALENDAR = SessionCalendar.load()


def by_day(bars: Bars, minutes: int) -> Bars:
    """The bars from 09:30 on for so long."""
    opens = np.array([_rth_open(int(date)) for date in CALENDAR.trade_dates_of_bars(bars.close_time_ns)])
    after = bars.close_time_ns - opens
    return bars.rows((after > 0) & (after <= minutes * NANOS_PER_MINUTE))


def _rth_open(date: int) -> int:
    session = CALENDAR.session_on(date)
    assert session is not None
    return session.rth_open_ns


@pytest.fixture(scope="module")
def whole() -> Bars:
    return session_bars(*[1_000_000] * 5)


@pytest.mark.parametrize(("minutes", "n"), [(390, 78), (405, 81)])
def test_the_night_is_not_missing_where_it_never_is(whole: Bars, minutes: int, n: int) -> None:
    day = by_day(whole, minutes)
    assert regular_span_ns(day, CALENDAR) == minutes * NANOS_PER_MINUTE
    assert [(c.full_bars, len(c.missing), c.full, c.regular) for c in coverage(day, CALENDAR)] == [
        (n, 0, True, True)
    ] * 5
    report = judge(day, CALENDAR)
    assert report.accepted, report.reason
    assert report.reason.endswith("judged by regular hours alone, as the night is not there")
    assert assess(day, CALENDAR).missing_bars == 0
    holes = day.rows(np.r_[0:100, 112 : len(day)])
    assert [gap.bars for gap in assess(holes, CALENDAR).gaps] == [12]


def test_a_history_with_any_of_the_night_is_judged_by_all_of_it(whole: Bars) -> None:
    assert regular_span_ns(whole, CALENDAR) == 0
    day = by_day(whole, 390)
    one = whole.rows(np.isin(whole.close_time_ns, [*day.close_time_ns, int(whole.close_time_ns[100])]))
    assert regular_span_ns(one, CALENDAR) == 0
    assert assess(one, CALENDAR).missing_bars > 500
    few = day.rows(slice(0, 2 * 78))
    assert regular_span_ns(few, CALENDAR) == 0


def test_half_days_and_days_without_a_bar() -> None:
    bars = by_day(session_bars(*[1_000_000] * 8, first=20251124), 405)
    found = {c.session.trade_date: (c.full_bars, len(c.missing)) for c in coverage(bars, CALENDAR)}
    assert found[20251128] == (45, 0)  # 09:30 to 13:15 on the day after Thanksgiving
    without = bars.rows(CALENDAR.trade_dates_of_bars(bars.close_time_ns) != 20251126)
    assert {c.session.trade_date: len(c.missing) for c in coverage(without, CALENDAR)}[20251126] == 81


def test_a_model_of_regular_hours_adds_nothing_by_night() -> None:
    cap = HoursLearnt().cap(risk_context(3, regular_hours=True, rth=False))
    assert cap is not None
    assert (cap.contracts, cap.action) == (0, Action.NO_ADDS)
    assert HoursLearnt().cap(risk_context(3, regular_hours=True)) is None
    assert HoursLearnt().cap(risk_context(3, rth=False)) is None
    assert HoursLearnt().cap(risk_context(1, position=3, regular_hours=True, rth=False)) is None
