"""The gate keeps liquid dates, cuts thin ends and refuses what is bad in the middle."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import DataRefused
from minhos.market.calendar import SessionCalendar
from minhos.market.gate import MIN_VOLUME, GateParameters, accept, judge
from minhos.market.instruments import INSTRUMENTS
from minhos.market.types import NANOS_PER_SECOND, Bars
from minhos.testing.builders import session_bars

LIQUID, THIN = 500_000, 20_000
CALENDAR = SessionCalendar.load()


def without_volume(bars: Bars) -> Bars:
    return msgspec.structs.replace(bars, volume=np.zeros_like(bars.volume))


def test_every_instrument_has_a_bound() -> None:
    assert MIN_VOLUME.keys() == INSTRUMENTS.keys()


def test_a_liquid_history_is_kept_whole(calendar: SessionCalendar) -> None:
    bars = session_bars(*[LIQUID] * 5)
    kept, report = accept(bars, calendar)
    assert len(kept) == len(bars)
    assert report.reason == "accepted: 5 trade dates from 20251020 to 20251024"
    assert all(date.full and date.passed and date.bars == date.expected_bars == 276 for date in report.dates)


def test_thin_ends_are_cut_and_named(calendar: SessionCalendar) -> None:
    kept, report = accept(session_bars(THIN, LIQUID, LIQUID, LIQUID, THIN, THIN), calendar)
    assert (report.cut_start, report.cut_end) == ((20251020,), (20251024, 20251027))
    assert set(calendar.trade_dates_of_bars(kept.close_time_ns).tolist()) == {20251021, 20251022, 20251023}
    assert "20251024 to 20251027 cut off the end (thin: 20,000 contracts where 125,000 are the least)" in report.reason


def test_the_tail_after_the_roll_is_thin_beside_the_days_before(calendar: SessionCalendar) -> None:
    _, report = accept(session_bars(LIQUID, LIQUID, LIQUID, LIQUID, 240_000, 115_000, 110_000), calendar)
    assert report.cut_end == (20251027, 20251028)  # above NQ's own bound, below a quarter of a typical day


def test_a_back_month_is_refused(calendar: SessionCalendar) -> None:
    with pytest.raises(DataRefused, match=r"none of the 4 trade dates .*thin: .*the contract that is in front"):
        accept(session_bars(*[THIN] * 4), calendar)


def test_more_than_a_fifth_bad_inside_is_refused(calendar: SessionCalendar) -> None:
    one_of_five = judge(session_bars(LIQUID, LIQUID, THIN, LIQUID, LIQUID), calendar)
    assert (one_of_five.verdict, "1 fail inside, first 20251022" in one_of_five.reason) == ("accepted", True)
    with pytest.raises(DataRefused, match="2 of the 5 trade dates"):
        accept(session_bars(LIQUID, THIN, LIQUID, THIN, LIQUID), calendar)


def test_cut_dates_do_not_count_against_the_rest(calendar: SessionCalendar) -> None:
    report = judge(session_bars(THIN, THIN, THIN, LIQUID, LIQUID, THIN, THIN), calendar)
    assert report.accepted
    assert [date.trade_date for date in report.kept] == [20251023, 20251024]


def test_partial_first_and_last_dates_are_judged_in_proportion(calendar: SessionCalendar) -> None:
    bars = session_bars(*[LIQUID] * 4).rows(slice(200, -250))
    kept, report = accept(bars, calendar)
    assert len(kept) == len(bars)
    first, last = report.dates[0], report.dates[-1]
    assert (first.full, first.expected_bars, last.full, last.expected_bars) == (False, 76, False, 26)
    assert first.expected_volume == pytest.approx(LIQUID / 4 * 76 / 276, abs=2)


def test_the_proportion_follows_the_hours_that_trade(calendar: SessionCalendar) -> None:
    bars = session_bars(*[LIQUID] * 4)
    by_hour = np.tile(np.repeat([200, 4500], [186, 90]), 4)  # evening and night, then the day
    bars = msgspec.structs.replace(bars, volume=by_hour).rows(slice(0, -140))
    _, report = accept(bars, calendar)
    assert report.dates[-1].expected_volume == round((186 * 200 + 90 * 4500) / 4 * 136 * 200 / (186 * 200 + 90 * 4500))
    assert report.cut_end == ()


def test_a_half_day_owes_less(calendar: SessionCalendar) -> None:
    bars = session_bars(LIQUID, LIQUID, LIQUID, 200_000, 300_000, LIQUID, first=20251124)
    report = judge(bars, calendar)
    thanksgiving, friday = report.dates[3], report.dates[4]
    assert (thanksgiving.trade_date, thanksgiving.expected_volume) == (
        20251127,
        pytest.approx(125_000 * 228 / 276, abs=2),
    )
    assert (friday.trade_date, friday.expected_volume) == (20251128, pytest.approx(125_000 * 231 / 276, abs=2))
    assert report.cut_start == report.cut_end == ()


def test_holes_fail_a_date(calendar: SessionCalendar) -> None:
    keep = np.ones(5 * 276, bool)
    keep[2 * 276 + 50 : 2 * 276 + 80] = False
    report = judge(session_bars(*[LIQUID] * 5).rows(keep), calendar)
    assert [date.reason for date in report.dates if not date.passed] == ["30 of 276 bars are missing"]


def test_a_date_without_any_bar_fails(calendar: SessionCalendar) -> None:
    keep = np.repeat([True, False, True], 276)
    report = judge(session_bars(*[LIQUID] * 3).rows(keep), calendar)
    assert (report.dates[1].bars, report.dates[1].passed, report.verdict) == (0, False, "refused")


def test_without_volume_only_bars_are_judged(calendar: SessionCalendar) -> None:
    bars = without_volume(session_bars(*[LIQUID] * 3))
    _, report = accept(bars, calendar)
    assert not report.volume_judged
    assert "no volume in the source, so only missing bars were judged" in report.reason
    assert {date.volume for date in report.dates} == {-1}
    assert not judge(bars.rows(slice(None, None, 3)), calendar).accepted


def test_a_simulated_market_is_not_judged_by_volume(calendar: SessionCalendar) -> None:
    bars = msgspec.structs.replace(session_bars(THIN, THIN), simulated=True)
    _, report = accept(bars, calendar)
    assert "SIMULATED, so volume was not judged" in report.reason


def test_a_wrong_time_zone_is_refused(calendar: SessionCalendar) -> None:
    bars = session_bars(*[LIQUID] * 5)
    shifted = msgspec.structs.replace(bars, close_time_ns=bars.close_time_ns + 4 * 3600 * NANOS_PER_SECOND)
    with pytest.raises(DataRefused, match="time zone is probably wrong"):
        accept(shifted, calendar)


@pytest.mark.parametrize(
    ("bars", "parameters", "says"),
    [
        (session_bars(LIQUID).rows(slice(0, 0)), None, "there are no bars"),
        (session_bars(LIQUID, LIQUID), GateParameters(min_full_sessions=3), "2 whole sessions remain where 3"),
        (session_bars(LIQUID, LIQUID), GateParameters(min_volume=600_000), "none of the 2 trade dates"),
    ],
)
def test_what_is_too_little(calendar: SessionCalendar, bars: Bars, parameters: GateParameters, says: str) -> None:
    with pytest.raises(DataRefused, match=says):
        accept(bars, calendar, parameters)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([THIN, 150_000, LIQUID]), min_size=1, max_size=7), st.integers(0, 275), st.data())
def test_a_failing_end_is_never_kept(volumes: list[int], skip: int, data: st.DataObject) -> None:
    bars = session_bars(*volumes)
    bars = bars.rows(slice(skip, len(bars) - data.draw(st.integers(0, 275 if len(volumes) > 1 else 0))))
    report = judge(bars, CALENDAR)
    dates = [date.trade_date for date in report.dates]
    assert dates == [*report.cut_start, *(date.trade_date for date in report.kept), *report.cut_end]
    if report.accepted:
        kept, _ = accept(bars, CALENDAR)
        assert report.kept[0].passed
        assert report.kept[-1].passed
        assert sum(not date.passed for date in report.kept) <= 0.2 * len(report.kept)
        assert sorted(set(CALENDAR.trade_dates_of_bars(kept.close_time_ns).tolist())) == [
            date.trade_date for date in report.kept
        ]
    else:
        with pytest.raises(DataRefused):
            accept(bars, CALENDAR)
